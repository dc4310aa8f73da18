"use strict";
let card;
const $ = id => document.getElementById(id);
const make = (tag, text, given = {}) => Object.assign(document.createElement(tag), { textContent: text }, given);
function control(field, box) {
  const choices = field.kind === "boolean" ? ["true", "false"] : field.categories;
  const input = choices.length && (field.category || field.kind === "boolean") ? make("select", "") : make("input", "");
  if (input.tagName === "SELECT") {
    input.append(...(field.nullable ? [make("option", "", { value: "" })] : []), ...choices.map(c => make("option", c, { value: c })));
  } else if (choices.length) {
    const list = make("datalist", "", { id: `of-${card.fields.indexOf(field)}` });
    list.append(...choices.map(c => make("option", c, { value: c })));
    box.append(list);
    input.setAttribute("list", list.id);
  } else if (field.kind === "integer" || field.kind === "number") {
    Object.assign(input, { type: "number", step: field.kind === "integer" ? "1" : "any" });
  }
  return Object.assign(input, { id: `in-${card.fields.indexOf(field)}`, required: !field.nullable, value: String(field.example) });
}
function row() {
  return Object.fromEntries(card.fields.map(field => {
    const text = $(`in-${card.fields.indexOf(field)}`).value;
    if (text === "" && field.nullable) return [field.key, null];
    const own = field.category && field.categories.find(c => String(c) === text);
    if (own !== undefined && own !== false) return [field.key, own];
    return [field.key, field.kind === "boolean" ? text === "true" : field.kind === "text" || field.kind === "time" ? text : Number(text)];
  }));
}
async function ask(body) {
  const answer = $("answer");
  answer.className = "";
  try {
    const reply = await fetch("predict", { method: "POST", headers: { "content-type": "application/json", ...key() }, body });
    const found = await reply.json();
    answer.replaceChildren(...(reply.ok ? shown(found) : faults(found, reply.status)));
    answer.className = reply.ok ? "" : "bad";
  } catch (wrong) {
    answer.replaceChildren(make("b", `The service did not answer: ${wrong.message}`));
    answer.className = "bad";
  }
}
function shown(found) {
  if (found.length !== 1) return [make("pre", JSON.stringify(found, null, 1))];
  const bars = Object.entries(found[0].probabilities ?? {}).map(([name, share]) => {
    const bar = make("div", "", { className: "bar" });
    const mark = make("i", "");
    mark.style.width = `${share * 100}%`;
    bar.append(make("span", name), mark, make("span", `${(share * 100).toFixed(1)} %`));
    return bar;
  });
  const odd = (found[0].warnings ?? []).map(w => make("p", `${w.field}: ${w.msg}`));
  return [make("b", String(found[0].prediction)), ...bars, ...odd];
}
function faults(found, status) {
  const list = make("ul", "");
  list.append(...[found.detail ?? found.error ?? found].flat().map(f => make("li", f.loc ? `${f.loc.join(" › ")}: ${f.msg}` : f.error ?? String(f))));
  return [make("b", `Refused (${status})`), list];
}
function show() {
  $("title").textContent = card.title;
  $("about").textContent = `Answers with the model '${card.model}' of ${card.notebook}.`;
  $("judged").textContent = `Measured on ${card.rows.toLocaleString()} rows that the model had not seen.`;
  $("rival").textContent = card.baseline.name;
  for (const [name, value] of Object.entries(card.metrics)) {
    const row = $("metrics").insertRow();
    row.append(make("th", name.replaceAll("_", " "), { scope: "row" }));
    for (const v of [value, card.baseline.metrics[name]]) row.append(make("td", v == null ? "–" : String(+v.toPrecision(4))));
  }
  for (const field of card.fields) {
    const box = make("div", "");
    const seen = field.low == null ? "" : ` (${+field.low.toPrecision(4)} to ${+field.high.toPrecision(4)})`;
    box.append(make("label", field.key + seen, { htmlFor: `in-${card.fields.indexOf(field)}` }), control(field, box));
    $("form").lastElementChild.before(box);
  }
  $("json").value = JSON.stringify({ rows: [row()] }, null, 2);
}
$("form").addEventListener("submit", event => { event.preventDefault(); ask(JSON.stringify({ rows: [row()] })); });
$("send").addEventListener("click", () => ask($("json").value));
async function begin() {
  const reply = await fetch("card.json", { headers: key() });
  if (reply.ok) { card = await reply.json(); show(); $("needs-key").hidden = true; return; }
  $("needs-key").hidden = false;
  $("about").textContent = (await reply.json()).error;
}
function key() {
  const given = sessionStorage.getItem("key");
  return given ? { authorization: `Bearer ${given}` } : {};
}
$("needs-key").addEventListener("submit", event => { event.preventDefault(); sessionStorage.setItem("key", $("key").value); begin(); });
begin();
