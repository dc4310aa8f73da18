// The page of a model: its form, its answers, how good it is, what it is asked, and what people say of it.
const FEW = 24; // fields that are found without looking for them
const KINDS = { classification: "which class a row is of", regression: "a number", forecast: "how a series goes on", ranking: "a score, by which rows are put in order", function: "what a function of the notebook returns" };
const words = name => name.replace(/^./, first => first.toUpperCase());
const SHARES = /accuracy|mape/;
const amount = (metric, value) => SHARES.test(metric) ? `${short(value * 100, 3)} %` : short(value, 3);
let card, last = null;

function bars(chances) {
  return Object.entries(chances ?? {}).sort((a, b) => b[1] - a[1]).slice(0, 12).map(([name, share]) => {
    const mark = make("i");
    mark.style.width = `${share * 100}%`;
    return make("div", { className: "bar" }, make("span", { textContent: name }), make("span", { className: "track" }, mark), make("span", { textContent: `${(share * 100).toFixed(1)} %` }));
  });
}

const said = value => typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? short(value, 6) : null;

function answer(found) {
  const one = Array.isArray(found) && found.length === 1 ? found[0] : found;
  if (Array.isArray(one) && one.length && one.every(step => typeof step.prediction === "number")) return ahead(one);
  const inner = one !== null && typeof one === "object" ? one.prediction : null;
  if (inner !== null && typeof inner === "object" && !Array.isArray(inner)) {
    const facts = Object.entries(inner).flatMap(([name, value]) => [make("dt", { textContent: name.replaceAll("_", " ") }), make("dd", { textContent: said(value) ?? (value === null ? "–" : JSON.stringify(value)) })]);
    return [make("p", { className: "soft small", textContent: "The answer" }), make("dl", { className: "facts" }, ...facts)];
  }
  const plain = one !== null && typeof one === "object" && said(one.prediction) !== null;
  if (!plain) return said(one) !== null ? [make("p", { className: "answer", textContent: said(one) })] : [make("pre", { className: "scroll", tabIndex: 0, textContent: JSON.stringify(one, null, 1) })];
  const odd = (one.warnings ?? []).map(w => make("p", { className: "note warn small", textContent: `${w.field}: ${w.msg}` }));
  const ask = card.explains ? [make("button", { type: "button", className: "quiet", textContent: "Why?", onclick: why })] : [];
  return [make("p", { className: "soft small", textContent: "The model says" }), make("p", { className: "answer", textContent: said(one.prediction) }), make("div", { className: "bars" }, ...bars(one.probabilities)), ...odd, make("div", { className: "actions" }, ...ask), make("div")];
}

// One request at a time; while it is asked, the answer before it is not the one to these values.
async function asking(body) {
  $("go").setAttribute("aria-disabled", "true");
  $("answer").setAttribute("aria-busy", "true");
  $("go").textContent = "Asking …";
  const found = await ask("predict", body);
  $("go").textContent = "Predict";
  $("answer").removeAttribute("aria-busy");
  $("go").removeAttribute("aria-disabled");
  return found;
}

async function predict(event) {
  event.preventDefault();
  if ($("go").getAttribute("aria-disabled")) return;
  const body = request(), { ok, status, said: found, id } = await asking(body);
  const loose = mark(card.form, ok ? [] : found.detail ?? []);
  $("feedback").hidden = !ok;
  $("thanks").replaceChildren();
  if (ok) {
    last = { id, body };
    $("feedback").reset();
    $("more").hidden = true;
    $("answer").replaceChildren(...answer(found));
    return $("answer").scrollIntoView({ block: "nearest" });
  }
  const list = make("ul", { className: "plain" }, ...loose.map(one => make("li", { textContent: one.field ? `${one.field} ${one.msg}` : one.msg })));
  $("answer").replaceChildren(make("p", { className: "note bad", textContent: found.error ?? `Refused with status ${status}.` }), ...(loose.length ? [list] : []));
}

async function tell(event) {
  event.preventDefault();
  const right = $("feedback").elements.right.value;
  if (!right) return $("thanks").replaceChildren(make("span", { className: "fault", textContent: "Say yes or no first." }));
  const body = { request: last.id, right: right === "true" };
  if ($("expected").value.trim()) body.expected = $("expected").value.trim();
  if ($("comment").value.trim()) body.comment = $("comment").value.trim();
  const { ok, said: found } = await ask("feedback", JSON.stringify(body));
  $("feedback").hidden = ok;
  const text = ok ? "Thank you. It is kept for those who run this service." : found.detail?.[0]?.msg ?? found.error;
  $("thanks").replaceChildren(make("span", { className: ok ? "note good small" : "fault", textContent: text }));
  if (ok) $("thanks").focus();
}

function facts() {
  const rules = card.policy ?? {}, seen = card.fields.filter(field => field.category && !field.closed);
  const limits = [
    ...(card.rows ? [`It was judged on ${many(card.rows, "row")} of the same kind as those it was trained on; of others, nobody has measured how good it is.`] : []),
    ...(card.fields.some(field => field.low != null) ? [`A number outside of those seen in training is ${rules.ranges === "refuse" ? "refused" : "answered, without any experience of it"}.`] : []),
    ...(seen.length ? [`A category that it has not seen is ${rules.unknown === "refuse" ? "refused" : rules.unknown === "pass" ? "treated as unknown" : "answered with a warning, where the model can"}.`] : []),
    ...(card.fields.some(field => field.closed) ? ["Where it knows all that a field may hold, anything else is refused."] : []),
    ...(card.limits ?? []),
  ];
  const kind = field => choices(field) && !isOpen(field) ? "one of" : field.kind === "text" && choices(field) ? "text, seen" : field.kind;
  const span = field => field.categories?.length ? field.categories.slice(0, 8).join(", ") + (field.categories.length > 8 ? ` and ${field.categories.length - 8} more` : "") : field.low != null ? `${short(field.low)} to ${short(field.high)}` : "";
  const rows = card.fields.map(field => make("tr", {}, make("th", { scope: "row", className: "mono", textContent: field.key }), make("td", { textContent: kind(field) }), make("td", { className: "small", textContent: span(field) }), make("td", { textContent: field.nullable ? "yes" : "no" })));
  const heads = ["field", "type", ...(card.kind === "function" ? ["may be", "may be left out"] : ["seen in training", "may be missing"])].map(text => make("th", { scope: "col", textContent: text }));
  const list = [["Notebook", card.notebook], ["Model", [card.model, card.class].filter(Boolean).join(" · ")], ["Says", KINDS[card.kind] ?? card.kind], ["Trained on", card.trained && many(card.trained, "row")], ["Judged on", card.rows && `${many(card.rows, "row")} that it had not seen`], ["Baseline", card.baseline?.name], ...Object.entries(card.own ?? {}).map(([name, value]) => [`${words(called(name))}, by the notebook`, short(value)]), ["Python", card.python]];
  const facts = list.filter(([, text]) => text).flatMap(([name, text]) => [make("dt", { textContent: name }), make("dd", { textContent: text })]);
  const pins = card.environment?.length ? [make("details", {}, make("summary", { textContent: `Environment: ${many(card.environment.length, "package")}` }), make("p", { className: "mono small", textContent: card.environment.join(", ") }))] : [];
  const drawn = make("div", { className: "plots" });
  $("facts").replaceChildren(
    make("dl", { className: "facts" }, ...facts), ...(limits.length ? [make("h3", { textContent: "Limits" }), make("ul", { className: "plain" }, ...limits.map(text => make("li", { textContent: text })))] : []),
    drawn, make("details", { hidden: !rows.length, open: rows.length <= FEW }, make("summary", { textContent: `What it takes: ${many(rows.length, "field")}` }), make("div", { id: "takes", className: "scroll", tabIndex: 0, data: { role: "region", "aria-label": "Fields" } }, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)))), ...pins);
  plots(drawn);
}

// What the notebook draws of the model while it evaluates it.
async function plots(drawn) {
  const parts = await Promise.all((card.plots ?? []).map(async ({ path, title }) => [make("h3", { textContent: title }), await figure(path, title, `${title}: a plot by the notebook`)]));
  drawn.replaceChildren(...parts.map(part => make("div", {}, ...part)));
}

function good() {
  const has = Object.keys(card.metrics ?? {}).length > 0;
  $("good").hidden = !has;
  document.querySelector('a[href="#good"]').parentElement.hidden = !has;
  if (!has) return;
  $("judged").textContent = `Measured on ${many(card.rows, "row")} that the model had not seen, beside the simplest rival there is.`;
  $("key-of-metrics").replaceChildren(...legend(card.baseline.name));
  $("metrics").replaceChildren(metrics(card));
  const others = (card.rivals ?? []).filter(one => one.name !== card.baseline.name && one.better_by);
  const compared = others.map(({ name, better_by: [low, high] }) => make("li", { textContent: `${name}: ${low > 0 ? "better" : "not better"} by ${short(low, 3)} to ${short(high, 3)}${low > 0 ? "" : ", no more than chance"}` }));
  if (compared.length) $("metrics").append(make("h3", { textContent: `Beside other rivals, on ${called(card.metric)}` }), make("ul", { className: "plain" }, ...compared));
  const [low, high] = card.better_by ?? [];
  if (low == null) return;
  const sure = low > 0, mine = card.metrics[card.metric], theirs = card.baseline.metrics[card.metric], points = SHARES.test(card.metric), size = value => short(Math.abs(value) * (points ? 100 : 1), 3), unit = points ? " percentage points" : "";
  const gap = sure ? `better by ${size(low)} to ${size(high)}${unit}` : high > 0 ? `anything from ${size(low)} worse to ${size(high)} better${points ? ", in percentage points" : ""}` : `worse by ${size(high)} to ${size(low)}${unit}`;
  const text = `${words(called(card.metric))}: ${amount(card.metric, mine)}, and of the baseline (${card.baseline.name}) ${amount(card.metric, theirs)}. On other rows like these the model would be ${gap}, 95 times in 100${sure ? ": that is more than luck" : high > 0 ? ": that may be luck" : ""}.`;
  Object.assign($("verdict"), { hidden: false, className: `note ${sure ? "good" : "warn"}`, textContent: text });
  $("chips").append(make("li", { className: `chip ${sure ? "good" : "warn"}`, textContent: sure ? "beats its baseline" : high > 0 ? "perhaps no better than its baseline" : "no better than its baseline" }));
}

async function drift() {
  const { ok, said: found } = await ask("drift.json");
  const none = !ok || (!found.features.length && !found.predictions.length);
  $("drift").hidden = none;
  document.querySelector('a[href="#drift"]').parentElement.hidden = none;
  if (none) return;
  $("release").textContent = `Release ${found.release}.`;
  const order = { drift: 0, watch: 1, stable: 2, few: 3 }, sorted = [...found.features].sort((a, b) => order[a.state] - order[b.state] || b.psi - a.psi);
  const since = `in the last ${many(found.days, "day")}`, bad = sorted.filter(one => one.state === "drift").length;
  const text = { few: `${many(found.rows, "row")} ${since}; nothing is said of fewer than ${found.least}.`, stable: `${many(found.rows, "row")} ${since}, spread as the training rows are.`, watch: `${many(found.rows, "row")} ${since}; some of it begins to move.`, drift: `${many(found.rows, "row")} ${since}; ${many(bad, "field")} of ${found.features.length} drifted${found.predictions.some(one => one.state === "drift") ? ", and so did its answers" : ""}.` }[found.state];
  const tone = WORDS[found.state][1];
  $("chips").append(make("li", { className: `chip ${tone}`, textContent: { few: "drift: too few rows yet", stable: "no drift", watch: "drift: watch", drift: "drifted" }[found.state] }));
  const mark = name => drawn("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" }, drawn("rect", { width: 12, height: 12, rx: 2, class: name, stroke: "none", opacity: name === "mine" ? 1 : 0.55 }));
  const keys = make("ul", { className: "key" }, make("li", {}, mark("theirs"), "training rows"), make("li", {}, mark("mine"), "asked since"));
  const table = make("div", { className: "scroll", tabIndex: 0, data: { role: "region", "aria-label": "Drift by field" } }, make("h3", { textContent: "Answers" }), drifted(found.predictions), make("h3", { textContent: "Fields" }), drifted(sorted));
  const open = make("details", { open: found.state !== "few" }, make("summary", { textContent: "Every field" }), keys, make("p", { className: "soft small", textContent: "Moved by: the population stability index. 0 is not at all and 0.2 is much; where rows are few, a little is chance." }), table);
  $("drifts").replaceChildren(make("p", { className: `note ${tone}`, textContent: text }), open);
}

function upload() {
  const show = (...parts) => $("answers").replaceChildren(...parts);
  const take = file => file && bulk(file, show);
  $("file").addEventListener("change", () => { take($("file").files[0]); $("file").value = ""; });
  for (const kind of ["dragenter", "dragover"]) $("drop").addEventListener(kind, event => { event.preventDefault(); $("drop").classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) $("drop").addEventListener(kind, () => $("drop").classList.remove("over"));
  $("drop").addEventListener("drop", event => { event.preventDefault(); take(event.dataTransfer.files[0]); });
  $("template").addEventListener("click", () => {
    const lines = [card.fields.map(field => quoted(field.key, ",")), card.fields.map(field => quoted(field.example, ","))];
    const url = URL.createObjectURL(new Blob([lines.map(line => line.join(",")).join("\r\n") + "\r\n"], { type: "text/csv" }));
    make("a", { href: url, download: "rows.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
}

// A request of a few plain values, such as how far to look ahead, has a control for each.
function asked({ fields = [], request = {} }) {
  const plain = Object.entries(request ?? {}), kind = value => typeof value === "number" ? (Number.isInteger(value) ? "integer" : "number") : typeof value === "boolean" ? "boolean" : "text";
  if (fields.length) return { form: request.rows?.length > 1 ? [] : fields };
  if (!plain.length || plain.some(([, value]) => value === null || typeof value === "object")) return { form: [] };
  return { flat: true, form: plain.map(([key, value]) => ({ key, kind: kind(value), nullable: false, categories: [], example: value })) };
}

const whole = () => card.request?.rows ? `{"rows": [\n${card.request.rows.map(row => ` ${compact(row)}`).join(",\n")}\n]}` : JSON.stringify(card.request, null, 1);

// A request that is no row of fields is written as it is sent.
const raw = () => make("div", { className: "whole" }, make("label", { htmlFor: "in-0", textContent: "Request (JSON)" }), make("textarea", { id: "in-0", className: "mono", spellcheck: false, value: whole() }));

async function why(event) {
  event.target.setAttribute("aria-disabled", "true");
  const { ok, said: found } = await ask("explain", last.body);
  event.target.removeAttribute("aria-disabled");
  const shown = ok ? reasons(found[0]) : [make("p", { className: "fault", textContent: found.error })];
  event.target.parentElement.nextElementSibling.replaceChildren(...shown);
  event.target.parentElement.hidden = ok;
  if (ok) shown[0].focus();
}

function show(found) {
  card = { fields: [], metrics: {}, ...found, ...asked(found) };
  $("title").textContent = document.title = card.title;
  $("about").textContent = card.about ?? `Answers with the model '${card.model}' of ${card.notebook}.`;
  const chips = [card.kind, card.rows && `judged on ${many(card.rows, "row")}`, card.fields.length && many(card.fields.length, "field")].filter(Boolean);
  $("chips").replaceChildren(...chips.map(textContent => make("li", { className: "chip", textContent })));
  $("fields").replaceChildren(...(card.form.length ? card.form.map(box) : [raw()]));
  $("finder").hidden = card.form.length <= FEW;
  if (card.kind === "function") $("file").accept = ".csv,.tsv,.txt,.json";
  $("kinds").textContent = card.kind === "function" ? "CSV or JSON" : "CSV, Parquet, Arrow or JSON";
  $("many").hidden = !card.fields.length;
  document.querySelector('a[href="#many"]').parentElement.hidden = $("many").hidden;
  $("labels").replaceChildren(...(card.labels ?? []).map(value => make("option", { value: String(value) })));
  if (card.kind === "function") for (const part of [$("card-title"), document.querySelector('a[href="#card"]')]) part.textContent = "What it is";
  $("curl").textContent = curl("predict", ` -H 'content-type: application/json' -d '${JSON.stringify(card.request).replaceAll("'", "'\\''")}'`);
  good();
  facts();
  drift();
  follow();
}

$("form").addEventListener("submit", predict);
$("find").addEventListener("input", find);
$("find").addEventListener("keydown", event => event.key === "Enter" && event.preventDefault());
$("form").addEventListener("reset", event => {
  event.preventDefault();
  card.form.forEach((field, n) => { $(`in-${n}`).value = usual(field); });
  if (!card.form.length) $("in-0").value = whole();
  mark(card.form, []);
});
$("feedback").addEventListener("submit", tell);
$("feedback").addEventListener("change", () => { $("more").hidden = $("feedback").elements.right.value !== "false"; });
upload();
enter("card.json", show);
