// The page of a product: its figures, its tables with filters, and where they come from.
const PAGE = 10, FORMATS = { csv: "CSV", parquet: "Parquet", arrow: "Arrow", json: "JSON" };
const words = name => name.replaceAll("_", " ").replace(/^./, first => first.toUpperCase());
const when = text => `${new Date(text).toLocaleString("en", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" })} UTC`;
const option = ([value, textContent]) => make("option", { value, textContent });

function labelled(id, text, input) {
  return make("div", {}, make("label", { htmlFor: id, textContent: text }), Object.assign(input, { id }));
}

// The filters of one column: a choice, a part of a text, or a range.
function filters(table, column) {
  const id = `${table}-${column.key}`, name = operation => ({ name: `${column.key}__${operation}` });
  const chosen = column.kind === "boolean" ? ["true", "false"] : column.kind === "text" ? column.values : [];
  if (chosen.length) return [labelled(id, column.key, make("select", name("eq"), ...[["", "any"], ...chosen.map(v => [v, v])].map(option)))];
  if (column.kind === "text") return [labelled(id, `${column.key} contains`, make("input", name("contains")))];
  if (column.kind === "other") return [];
  const type = { integer: "number", number: "number", date: "date" }[column.kind] ?? "text";
  return [["from", "gte", column.low], ["to", "lte", column.high]].map(([word, operation, bound]) =>
    labelled(`${id}-${operation}`, `${column.key} ${word}`, make("input", { ...name(operation), type, step: column.kind === "integer" ? "1" : "any", placeholder: bound ?? "" })));
}

function query(form) {
  return new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
}

const cell = value => value === null ? "" : typeof value === "object" ? JSON.stringify(value) : typeof value === "number" ? short(value, 6) : String(value);

function rowsOf(about, found) {
  const look = column => ({ integer: "number", number: "number", date: "when", time: "when" })[column.kind] ?? "";
  const line = (tag, value, column) => make(tag, { textContent: value, className: look(column), ...(tag === "th" ? { scope: "col" } : {}) });
  const head = make("tr", {}, ...about.columns.map(column => line("th", column.key, column)));
  // A column of days needs no hours.
  const days = new Set(about.columns.filter(column => column.kind === "time" && found.rows.every(row => /T00:00:00$|^$/.test(row[column.key] ?? ""))).map(column => column.key));
  const body = found.rows.map(row => make("tr", {}, ...about.columns.map(column => line("td", days.has(column.key) ? (row[column.key] ?? "").slice(0, 10) : cell(row[column.key]), column))));
  const last = found.offset + found.rows.length;
  const caption = make("caption", { textContent: found.total ? `Rows ${found.offset + 1} to ${last} of ${found.total.toLocaleString("en")}` : "No row is like that" });
  const table = make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { className: "scroll", tabIndex: 0, data: { role: "region", "aria-label": `Rows of ${about.name}` } }, table);
}

function refusal(said, status) {
  const faults = (said.detail ?? []).map(one => make("li", { textContent: `${one.field} ${one.msg}` }));
  return make("div", { className: "note bad" }, said.error ?? `Refused with status ${status}.`, make("ul", { className: "plain" }, ...faults));
}

async function save(name, format, asked, out) {
  const { ok, status, said } = await ask(`tables/${name}.${format}?${asked}`);
  if (!ok) return out.replaceChildren(refusal(said, status));
  const data = said instanceof Blob ? said : new Blob([JSON.stringify(said)], { type: "application/json" });
  const link = make("a", { href: URL.createObjectURL(data), download: `${name}.${format}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function tablePart(about) {
  let offset = 0;
  const sorts = about.columns.filter(column => column.kind !== "other").flatMap(({ key: name }) => [[name, `${name}, smallest first`], [`-${name}`, `${name}, largest first`]]);
  const sort = labelled(`${about.name}-sort`, "Sort by", make("select", { name: "sort" }, ...[["", "as made"], ...sorts].map(option)));
  const buttons = make("div", { className: "actions" }, make("button", { textContent: "Show" }), make("button", { type: "reset", className: "quiet", textContent: "All rows" }));
  const form = make("form", { data: { "aria-label": `Filter ${about.name}` } }, make("div", { className: "fields" }, ...about.columns.flatMap(column => filters(about.name, column)), sort), buttons);
  const out = make("div", { data: { "aria-live": "polite" } });
  const step = (textContent, by) => make("button", { type: "button", className: "quiet", textContent, onclick: () => show(offset + by) });
  const back = step("Previous", -PAGE), on = step("Next", PAGE);
  const saves = Object.entries(FORMATS).map(([format, textContent]) => {
    const limited = () => (format === "json" ? [["limit", Math.min(10000, Math.max(1, about.rows))]] : []);
    return make("button", { type: "button", className: "quiet", textContent, onclick: () => save(about.name, format, new URLSearchParams([...query(form), ...limited()]), out) });
  });
  async function show(start) {
    offset = Math.max(0, start);
    const { ok, status, said } = await ask(`tables/${about.name}.json?${new URLSearchParams([...query(form), ["limit", PAGE], ["offset", offset]])}`);
    out.replaceChildren(ok ? rowsOf(about, said) : refusal(said, status));
    const held = document.activeElement;
    back.hidden = offset === 0;
    on.hidden = !ok || offset + PAGE >= said.total;
    if (held.hidden) (back.hidden ? on : back).focus();
  }
  form.addEventListener("submit", event => { event.preventDefault(); show(0); });
  form.addEventListener("reset", () => setTimeout(() => show(0)));
  show(0);
  return make("section", { className: "part", id: `table-${about.name}` },
    make("h2", { textContent: words(about.name) }),
    make("p", { className: "soft", textContent: `${many(about.rows, "row")}, ${many(about.columns.length, "column")}.` }),
    make("div", { className: "card" },
      make("details", {}, make("summary", { textContent: "Filter and sort" }), form), out,
      make("div", { className: "actions" }, back, on, make("span", { className: "soft small", textContent: "Download what is selected:" }), ...saves)));
}

async function figurePart(name, about) {
  const form = ["svg", "png"].find(one => about.forms[one]);
  const part = make("section", { className: "part", id: `figure-${name}` }, make("h2", { textContent: about.title }));
  if (form) {
    part.append(make("div", { className: "card" }, await figure(`figures/${name}.${form}`, about.title)));
  } else {
    part.append(make("p", {}, "It is drawn by a library of its own, from ", make("a", { href: `figures/${name}.json`, textContent: "this description" }), "."));
  }
  return part;
}

async function show(card) {
  const tables = Object.entries(card.tables), figures = Object.entries(card.figures);
  $("title").textContent = document.title = card.title;
  $("about").textContent = `What ${card.notebook} has found, to look at and to take along.`;
  const chips = [`Made ${when(card.made)}`, ...(tables.length ? [many(tables.length, "table")] : []), ...(figures.length ? [many(figures.length, "figure")] : [])];
  $("chips").replaceChildren(...chips.map(textContent => make("li", { className: "chip", textContent })));
  const links = [...figures.map(([name, about]) => [`figure-${name}`, about.title]), ...tables.map(([name]) => [`table-${name}`, words(name)]), ["source", "Where it comes from"]];
  $("parts").replaceChildren(...links.map(([id, textContent]) => make("li", {}, make("a", { href: `#${id}`, textContent }))));
  const facts = [["Notebook", card.notebook], ["Made", when(card.made)],
    ...Object.entries(card.data).map(([file, one]) => [`From ${file}`, `changed ${when(one.changed)}, SHA-256 ${one.sha256}`]),
    ...tables.map(([name, about]) => [`Table ${name}`, `SHA-256 ${about.sha256}`])];
  $("facts").replaceChildren(...facts.flatMap(([dt, dd]) => [make("dt", { textContent: dt }), make("dd", { textContent: dd })]));
  const first = tables[0] ? `tables/${tables[0][0]}.csv` : `figures/${figures[0][0]}`;
  $("curl").textContent = curl(first);
  $("release").textContent = `Content ${card.digest.slice(0, 16)}.`;
  $("tables").replaceChildren(...tables.map(([name, about]) => tablePart({ name, ...about })));
  $("figures").replaceChildren(...await Promise.all(figures.map(([name, about]) => figurePart(name, about))));
  follow();
}

enter("card.json", show);
