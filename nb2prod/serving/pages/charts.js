// Charts: each stands in a table whose cells say the same in numbers.
const BETTER_LOW = /^(mae|rmse|mse|mape|smape|mase|log_loss|brier|.*error.*)$/i;

// What a metric is, for those who do not measure models.
const MEANS = {
  accuracy: "share of rows that are answered right",
  balanced_accuracy: "the same, with rare classes counting as much as frequent ones",
  f1: "right finds of SECOND, against misses and false alarms; 1 is perfect",
  f1_macro: "right finds against misses and false alarms, mean of the classes; 1 is perfect",
  roc_auc: "how often a row of SECOND gets the higher score; 0.5 is chance",
  roc_auc_ovr: "how often a row of a class gets a higher score for it than another row; 0.5 is chance",
  average_precision: "how many of those that seem likeliest really are of it; 1 is perfect",
  log_loss: "how far the probabilities are from what came true",
  mae: "how far off an answer is, on average",
  rmse: "the same, with large errors counting more",
  r2: "share of the differences between rows that is explained; 0 is none, 1 is all",
  mape: "how far off an answer is, as a share of the true value",
  mase: "how far off, beside repeating what was before; below 1 is better than that",
  ndcg: "how near the order is to the best one; 1 is perfect",
  ndcg_at_10: "the same, of the first ten",
};
const called = name => name.replaceAll("_", " ").replace(/\b(mae|mse|rmse|mape|smape|mase|r2|f1|roc|auc|ovr|ndcg)\b/g, word => word.toUpperCase());

// A metric's axis: of an error from 0, of others from 0 to 1 where they lie there, else around what there is.
function axis(every, error) {
  const known = every.filter(value => value != null && Number.isFinite(value));
  const low = Math.min(...known), high = Math.max(...known);
  if (error && low >= 0) return [0, high * 1.15 || 1];
  if (low >= 0 && high <= 1) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.15;
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

// The model as a dot on its interval, the baseline as a diamond.
function dots(value, interval, rival, error) {
  const [low, high] = axis([value, rival, ...(interval ?? [])], error), width = 420, at = v => 10 + (v - low) / (high - low) * (width - 20);
  const parts = [drawn("line", { x1: 10, x2: width - 10, y1: 16, y2: 16, class: "axis", "stroke-width": 2 })];
  for (const [place, text] of [[low, short(low, 3)], [high, short(high, 3)]]) {
    parts.push(drawn("text", { x: at(place), y: 36, "text-anchor": place === low ? "start" : "end", dx: place === low ? -8 : 8 }, text));
  }
  if (interval) parts.push(drawn("line", { x1: at(interval[0]), x2: at(interval[1]), y1: 16, y2: 16, class: "mine", "stroke-width": 6, "stroke-linecap": "round", opacity: 0.4 }));
  if (rival != null) parts.push(drawn("path", { d: `M${at(rival)} 8 l8 8 -8 8 -8 -8z`, class: "theirs hollow", "stroke-width": 2.5 }));
  if (value != null) parts.push(drawn("circle", { cx: at(value), cy: 16, r: 6.5, class: "mine" }));
  return drawn("svg", { viewBox: `0 0 ${width} 42`, width, height: 42, "aria-hidden": "true" }, ...parts);
}

const legend = baseline => [
  ["the model; on other rows like these it would lie in the band, 95 times in 100", [drawn("line", { x1: 2, x2: 26, y1: 9, y2: 9, class: "mine", "stroke-width": 6, "stroke-linecap": "round", opacity: 0.4 }), drawn("circle", { cx: 14, cy: 9, r: 6, class: "mine" })]],
  [`baseline: ${baseline}`, [drawn("path", { d: "M14 2 l7 7 -7 7 -7 -7z", class: "theirs hollow", "stroke-width": 2.5 })]],
].map(([text, parts]) => make("li", {}, drawn("svg", { viewBox: "0 0 28 18", width: 28, height: 18, "aria-hidden": "true" }, ...parts), text));

function metrics(card) {
  const rows = Object.entries(card.metrics).map(([name, value]) => {
    const interval = card.intervals?.[name], rival = card.baseline?.metrics?.[name];
    const span = interval ? ` (${short(interval[0])} to ${short(interval[1])})` : "";
    const title = called(name) + (BETTER_LOW.test(name) ? " ↓" : ""), told = MEANS[name] && make("small", { className: "means", textContent: MEANS[name].replace("SECOND", card.labels?.length === 2 ? `“${card.labels[1]}”` : "the second class") });
    return make("tr", {}, make("th", { scope: "row" }, title, told), make("td", { className: "number" }, make("strong", { textContent: short(value) }), make("small", { className: "soft", textContent: span })), make("td", { className: "number", textContent: short(rival) }), make("td", {}, dots(value, interval, rival, BETTER_LOW.test(name))));
  });
  const heads = [["on held-out rows", ""], ["model (95 % band)", "number"], ["baseline", "number"], ["", ""]];
  const head = make("tr", {}, ...heads.map(([text, className]) => text ? make("th", { scope: "col", textContent: text, className }) : make("td")));
  const lower = Object.keys(card.metrics).some(name => BETTER_LOW.test(name)) ? "↓ lower is better" : "";
  return make("table", {}, make("caption", { textContent: lower }), make("thead", {}, head), make("tbody", {}, ...rows));
}

// Two bars a bin: hollow for the training rows, full for what came since.
function spread(then, now) {
  const wide = Math.max(8, Math.min(26, 210 / then.length)), most = Math.max(...then, ...now, 0.01), height = 40;
  const bars = then.flatMap((share, n) => {
    const tall = v => Math.max(1, v / most * (height - 2)), x = n * wide + 1;
    return [
      drawn("rect", { x, y: height - tall(share), width: wide * 0.42, height: tall(share), class: "theirs", opacity: 0.55, stroke: "none" }),
      ...(now.length ? [drawn("rect", { x: x + wide * 0.45, y: height - tall(now[n]), width: wide * 0.42, height: tall(now[n]), class: "mine", stroke: "none" })] : []),
    ];
  });
  const base = drawn("line", { x1: 0, x2: then.length * wide, y1: height, y2: height, class: "axis" });
  return drawn("svg", { viewBox: `0 0 ${then.length * wide} ${height + 1}`, width: then.length * wide, height: height + 1, "aria-hidden": "true" }, ...bars, base);
}

const WORDS = { few: ["too few rows", ""], stable: ["stable", "good"], watch: ["watch", "warn"], drift: ["drifted", "bad"] };
const chip = state => make("span", { className: `chip ${WORDS[state][1]}`, textContent: WORDS[state][0] });

// The bin whose share has changed most, in words.
function moved(one) {
  if (!one.now.length) return "";
  const gaps = one.now.map((share, n) => share - one.then[n]), most = gaps.reduce((best, gap, n) => Math.abs(gap) > Math.abs(gaps[best]) ? n : best, 0);
  return `${one.bins[most]}: ${(one.then[most] * 100).toFixed(0)} % → ${(one.now[most] * 100).toFixed(0)} %`;
}

function drifted(parts) {
  const rows = parts.map(one => make("tr", {}, make("th", { scope: "row", textContent: one.key.replaceAll("_", " ") }), make("td", {}, chip(one.state)), make("td", { className: "number", textContent: one.state === "few" ? "–" : one.psi.toFixed(3) }), make("td", { className: "small", textContent: moved(one) }), make("td", {}, spread(one.then, one.now))));
  const heads = [["", ""], ["verdict", ""], ["moved by", "number"], ["moved most (share of rows)", ""], ["", ""]];
  const head = make("tr", {}, ...heads.map(([text, className]) => text ? make("th", { scope: "col", textContent: text, className }) : make("td")));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
}

const ADDS_UP = { prediction: "the predicted number", log: "the logarithm of the predicted number", probability: "the probability of this answer", score: "the score of this answer (log-odds)" };

// What each field added to an answer: to the right what spoke for it, to the left what spoke against it.
function reasons(found) {
  const parts = found.terms?.map(one => ({ fields: [one.term], contribution: one.contribution })) ?? found.contributions;
  const every = parts.filter(one => one.contribution), shown = every.slice(0, 8), rest = every.slice(8).reduce((sum, one) => sum + one.contribution, 0);
  const named = fields => (fields.length > 3 ? [...fields.slice(0, 2), `${fields.length - 2} others together`] : fields).map(name => name.replaceAll("_", " ")).join(", ");
  const rows = [...shown.map(one => [named(one.fields), one.contribution]), ...(every.length > 8 ? [[`${every.length - 8} others`, rest]] : [])];
  const most = Math.max(...rows.map(([, value]) => Math.abs(value)), 1e-12), sign = value => `${value > 0 ? "+" : "−"}${short(Math.abs(value), 2)}`;
  const bar = value => {
    const wide = Math.max(1, Math.abs(value) / most * 110);
    return drawn("svg", { viewBox: "0 0 224 10", width: 224, height: 10, "aria-hidden": "true" }, drawn("line", { x1: 112, x2: 112, y1: 0, y2: 10, class: "axis" }), drawn("rect", { x: value > 0 ? 112 : 112 - wide, y: 1, width: wide, height: 8, rx: 2, class: value > 0 ? "mine" : "theirs", stroke: "none" }));
  };
  const body = rows.map(([name, value]) => make("tr", {}, make("th", { scope: "row", className: "small" }, name, bar(value)), make("td", { className: "number small", textContent: sign(value) })));
  const said = `What each ${found.terms ? "word" : "field"} adds to ${ADDS_UP[found.explains] ?? found.explains}, from ${short(found.base, 3)} where nothing is known to ${short(found.sum, 3)}`;
  return [make("div", { className: "scroll", tabIndex: 0, data: { role: "region", "aria-label": "Reasons" } }, make("table", { className: "reasons" }, make("caption", { textContent: said }), make("tbody", {}, ...body)))];
}

// Steps of a forecast: a line, with the band that 95 % lie in where there is one; and the same as a table.
function ahead(steps) {
  const wide = 300, tall = 150, every = steps.flatMap(one => [one.prediction, one.low, one.high]).filter(value => value != null), low = Math.min(...every), high = Math.max(...every);
  const x = n => 4 + n / Math.max(1, steps.length - 1) * (wide - 8), y = value => 18 + (high - value) / (high - low || 1) * (tall - 40), path = points => points.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(" ");
  const band = steps[0].low == null ? [] : [drawn("polygon", { points: path([...steps.map((one, n) => [x(n), y(one.high)]), ...steps.map((one, n) => [x(n), y(one.low)]).reverse()]), class: "mine", stroke: "none", opacity: 0.22 })];
  const line = drawn("polyline", { points: path(steps.map((one, n) => [x(n), y(one.prediction)])), class: "mine", "stroke-width": 2.5 });
  line.style.fill = "none";
  const when = one => one.time?.replace("T00:00:00", "") ?? `step ${one.step}`;
  const words = [[4, 12, "start", short(high)], [4, tall - 20, "start", short(low)], [4, tall - 4, "start", when(steps[0])], [wide - 4, tall - 4, "end", when(steps.at(-1))]].map(([a, b, anchor, text]) => drawn("text", { x: a, y: b, "text-anchor": anchor }, text));
  const heads = ["when", "prediction", ...(band.length ? ["low", "high"] : [])].map((textContent, n) => make("th", { scope: "col", textContent, className: n ? "number" : "" }));
  const rows = steps.map(one => make("tr", {}, make("th", { scope: "row", className: "small", textContent: when(one) }), ...["prediction", ...(band.length ? ["low", "high"] : [])].map(name => make("td", { className: "number small", textContent: short(one[name]) }))));
  const table = make("div", { className: "scroll", tabIndex: 0, data: { role: "region", "aria-label": "Steps" } }, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)));
  return [make("p", { className: "soft small", textContent: `The next ${many(steps.length, "step")}${band.length ? ", and where 95 % lie" : ""}` }), drawn("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, "aria-hidden": "true" }, ...band, line, ...words), make("details", {}, make("summary", { textContent: "As a table" }), table)];
}
