"use strict";
const PAGE = 25;
const FORMATS = ["csv", "parquet", "arrow", "json"];
let card;
const $ = id => document.getElementById(id);
const make = (tag, text, given = {}) => Object.assign(document.createElement(tag), { textContent: text }, given);
const box = (tag, className, ...parts) => {
  const made = make(tag, "", { className });
  made.append(...parts);
  return made;
};
const words = name => name.replaceAll("_", " ").replace(/^./, c => c.toUpperCase());
const count = n => n.toLocaleString("en");
const date = text => new Date(text).toLocaleString("en", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" }) + " UTC";
function key() {
  const given = sessionStorage.getItem("key");
  return given ? { authorization: `Bearer ${given}` } : {};
}
function labelled(id, text, input) {
  return box("div", "", make("label", text, { htmlFor: id }), Object.assign(input, { id }));
}
function select(choices) {
  const made = make("select", "");
  made.append(...choices.map(([value, text]) => make("option", text, { value })));
  return made;
}
/* The filters of one column: a range, a choice, or a part of a text. */
function filters(table, column) {
  const id = `${table}-${column.key}`;
  const named = (input, operation) => Object.assign(input, { name: column.key + operation });
  if (column.kind === "boolean") {
    return [labelled(id, column.key, named(select([["", "any"], ["true", "true"], ["false", "false"]]), "__eq"))];
  }
  if (column.kind === "text" && column.values.length) {
    return [labelled(id, column.key, named(select([["", "any"], ...column.values.map(v => [v, v])]), "__eq"))];
  }
  if (column.kind === "text") return [labelled(id, `${column.key} contains`, named(make("input", ""), "__contains"))];
  if (column.kind === "other") return [];
  const given = { type: column.kind === "date" ? "date" : column.kind === "time" ? "text" : "number", step: column.kind === "integer" ? "1" : "any" };
  return [["from", "__gte", column.low], ["to", "__lte", column.high]].map(([word, operation, bound]) =>
    labelled(id + operation, `${column.key} ${word}`, named(make("input", "", { ...given, placeholder: bound ?? "" }), operation)));
}
function query(form) {
  const asked = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value !== "") asked.append(name, value);
  return asked;
}
function shown(value) {
  if (value === null) return "";
  if (typeof value === "number") return Number.isInteger(value) ? count(value) : value.toLocaleString("en", { maximumSignificantDigits: 6 });
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
function rowsOf(about, found) {
  const columns = found.rows.length ? Object.keys(found.rows[0]) : about.columns.map(c => c.key);
  const numeric = new Set(about.columns.filter(c => c.kind === "integer" || c.kind === "number").map(c => c.key));
  const table = make("table", "");
  const from = found.rows.length ? found.offset + 1 : 0;
  table.append(make("caption", `Rows ${count(from)} to ${count(found.offset + found.rows.length)} of ${count(found.total)}`));
  const head = box("tr", "", ...columns.map(c => make("th", c, { scope: "col", className: numeric.has(c) ? "number" : "" })));
  table.append(box("thead", "", head), box("tbody", "", ...found.rows.map(row =>
    box("tr", "", ...columns.map(c => make("td", shown(row[c]), { className: numeric.has(c) ? "number" : "" }))))));
  const frame = box("div", "scroll", table);
  return Object.assign(frame, { tabIndex: 0, role: "region", ariaLabel: `Rows of ${about.name}` });
}
function faults(found, status) {
  const list = box("ul", "plain", ...(found.detail ?? []).map(f => make("li", `${f.field}: ${f.msg}`)));
  return box("div", "note bad", make("strong", found.detail?.length ? `Refused (${status})` : found.error ?? `Refused (${status})`), list);
}
function tablePart(about) {
  const part = box("section", "part", make("h2", words(about.name)));
  part.id = `table-${about.name}`;
  part.append(make("p", `${count(about.rows)} rows, ${about.columns.length} columns.`, { className: "soft" }));
  const form = box("form", "card", box("div", "fields", ...about.columns.flatMap(c => filters(about.name, c))));
  form.setAttribute("aria-label", `Filter ${about.name}`);
  const sortable = about.columns.filter(c => c.kind !== "other");
  const sort = Object.assign(select([["", "as made"], ...sortable.flatMap(c => [[c.key, `${c.key}, up`], [`-${c.key}`, `${c.key}, down`]])]), { name: "sort" });
  form.firstChild.append(labelled(`${about.name}-sort`, "Sort by", sort));
  form.append(box("div", "actions", make("button", "Show"), make("button", "Reset", { type: "reset", className: "quiet" })));
  const out = make("div", "");
  out.setAttribute("aria-live", "polite");
  const move = (text, by) => make("button", text, { type: "button", className: "quiet", onclick: () => show(offset + by) });
  const [back, on] = [move("Previous", -PAGE), move("Next", PAGE)];
  const loads = FORMATS.map(f => make("button", f === "json" ? "JSON" : f === "csv" ? "CSV" : words(f), { type: "button", className: "quiet", onclick: () => download(f) }));
  const group = box("div", "actions", back, on, make("span", "Download what is selected:", { className: "soft" }), ...loads);
  let offset = 0;
  async function show(start) {
    offset = Math.max(0, start);
    const asked = query(form);
    asked.set("limit", PAGE);
    asked.set("offset", offset);
    const reply = await fetch(`tables/${about.name}?${asked}`, { headers: { accept: "application/json", ...key() } });
    const found = await reply.json();
    out.replaceChildren(reply.ok ? rowsOf(about, found) : faults(found, reply.status));
    back.hidden = offset === 0;
    on.hidden = !reply.ok || offset + PAGE >= found.total;
  }
  async function download(format) {
    const asked = query(form);
    if (format === "json") asked.set("limit", Math.min(10000, Math.max(1, about.rows)));
    const reply = await fetch(`tables/${about.name}.${format}?${asked}`, { headers: key() });
    if (!reply.ok) { out.replaceChildren(faults(await reply.json(), reply.status)); return; }
    const link = make("a", "", { href: URL.createObjectURL(await reply.blob()), download: `${about.name}.${format}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  form.addEventListener("submit", event => { event.preventDefault(); show(0); });
  form.addEventListener("reset", () => setTimeout(() => show(0)));
  const filter = box("details", "", make("summary", "Filter and sort"), form);
  part.append(filter, out, group);
  show(0);
  return part;
}
async function figurePart(name, about) {
  const part = box("section", "part", make("h2", about.title));
  part.id = `figure-${name}`;
  const picture = ["svg", "png"].find(form => about.forms[form]);
  if (!picture) {
    const said = "It is drawn by a library of its own: ";
    part.append(box("p", "", said, make("a", "its description in JSON", { href: `figures/${name}.json` })));
    return part;
  }
  const reply = await fetch(`figures/${name}.${picture}`, { headers: key() });
  const image = make("img", "", { alt: about.title, src: URL.createObjectURL(await reply.blob()) });
  part.append(box("figure", "", image));
  return part;
}
function facts(pairs) {
  return pairs.flatMap(([name, value]) => [make("dt", name), make("dd", value)]);
}
async function show() {
  const tables = Object.entries(card.tables), figures = Object.entries(card.figures);
  $("title").textContent = card.title;
  $("about").textContent = card.description || `What ${card.notebook} found, as tables to select from and figures.`;
  const chips = [`Made ${date(card.made)}`, `${tables.length} table${tables.length === 1 ? "" : "s"}`, `${figures.length} figure${figures.length === 1 ? "" : "s"}`];
  $("chips").replaceChildren(...chips.map(text => make("li", text, { className: "chip" })));
  $("figures").replaceChildren(...await Promise.all(figures.map(([name, about]) => figurePart(name, about))));
  $("tables").replaceChildren(...tables.map(([name, about]) => tablePart({ name, ...about })));
  const links = [...figures.map(([n, f]) => [`figure-${n}`, f.title]), ...tables.map(([n]) => [`table-${n}`, words(n)]), ["source", "Where it comes from"]];
  $("parts").replaceChildren(...links.map(([id, text]) => box("li", "", make("a", text, { href: `#${id}` }))));
  document.querySelector("nav.parts").hidden = $("source").hidden = false;
  const data = Object.entries(card.data).map(([file, digest]) => [file.replace("file:", "From "), `SHA-256 ${digest}`]);
  const hashes = tables.map(([name, about]) => [`Table ${name}`, `SHA-256 ${about.sha256}`]);
  $("facts").replaceChildren(...facts([["Notebook", card.notebook], ["Made", date(card.made)], ...data, ...hashes]));
  const first = tables[0];
  const asked = first ? `tables/${first[0]}.csv?sort=${first[1].columns.find(c => c.kind !== "other")?.key ?? ""}` : `figures/${figures[0][0]}`;
  $("curl").textContent = `curl '${new URL(asked, location.href)}'`;
  $("foot").textContent = `Content ${card.digest.slice(0, 16)}, packaged by nb2prod. This page loads nothing from elsewhere.`;
}
async function begin() {
  const reply = await fetch("card.json", { headers: key() });
  $("needs-key").hidden = reply.ok;
  if (!reply.ok) { $("about").textContent = (await reply.json()).error; return; }
  card = await reply.json();
  show();
}
$("needs-key").addEventListener("submit", event => { event.preventDefault(); sessionStorage.setItem("key", $("key").value); begin(); });
begin();
