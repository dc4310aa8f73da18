// Form: a control for each field of a request, as its schema says; and the values in it, as JSON has them.
function choices(field) {
  if (field.kind === "boolean") return [true, false];
  return field.categories?.length && (field.category || field.closed || field.categories.length <= 12) ? field.categories : null;
}

// A field that may hold other values than those that were seen is not a choice between them.
const isOpen = field => field.kind !== "boolean" && !field.closed && !(field.category && card.policy?.unknown === "refuse");

// The one text that a model of texts is asked has room.
const isLong = field => field.kind === "text" && !field.categories?.length && card.form.length === 1;

const mayBeLeft = field => field.required === false;

function control(field, number) {
  const found = choices(field), id = `in-${number}`;
  const given = { id, name: field.key, required: !field.nullable && field.kind !== "text", data: { "aria-describedby": `hint-${number} fault-${number}` } };
  if (found) {
    const options = found.map(value => make("option", { textContent: String(value), value: String(value) }));
    return make("select", given, field.nullable ? make("option", { value: "", textContent: mayBeLeft(field) ? "(left out)" : "(missing)" }) : null, ...options);
  }
  if (field.kind === "integer" || field.kind === "number") {
    return make("input", { ...given, type: "number", step: field.kind === "integer" ? "1" : "any", inputMode: "decimal" });
  }
  if (isLong(field) || field.kind === "json") return make("textarea", { ...given, className: field.kind === "json" ? "mono" : "" });
  const input = make("input", { ...given, type: "text", autocomplete: "off", spellcheck: false });
  if (field.categories?.length) input.setAttribute("list", `of-${number}`);
  return input;
}

function hint(field) {
  const gap = mayBeLeft(field) ? ", may be left out" : field.nullable ? ", may be empty" : "";
  if (field.help) return field.help + gap;
  if (field.low != null) return `seen: ${short(field.low)} to ${short(field.high)}${gap}`;
  if (field.kind === "time") return `such as 2026-01-31T08:00:00${gap}`;
  if (field.categories?.length && !choices(field)) return `one of ${field.categories.length} that were seen${gap}`;
  return field.kind === "text" && !choices(field) ? `text${gap}` : gap.replace(/^, /, "");
}

const compact = value => JSON.stringify(value).length < 120 ? JSON.stringify(value).replace(/([,:])(?=["[{\d-]|true|false|null)/g, "$1 ") : JSON.stringify(value, null, 1);

// The usual value of a field, as its control has it.
const usual = field => field.example == null ? "" : field.kind === "json" ? compact(field.example) : String(field.example);

function box(field, number) {
  const made = control(field, number);
  made.value = usual(field);
  const known = !field.categories?.length || choices(field) ? null : make("datalist", { id: `of-${number}` }, ...field.categories.map(value => make("option", { value: String(value) })));
  const parts = [make("label", { htmlFor: made.id, textContent: field.label ?? field.key.replaceAll("_", " ") })];
  return make("div", { className: isLong(field) || field.kind === "json" ? "whole" : "" }, ...parts, made, make("p", { className: "hint", id: `hint-${number}`, textContent: hint(field) }), make("p", { className: "fault", id: `fault-${number}`, hidden: true }), known);
}

// Reads a text as a field's values are written in JSON; what is none stays text, so that the service can say why.
function typed(field, text) {
  const bare = text.trim();
  if (field.kind === "json") {
    try { return bare ? JSON.parse(bare) : null; } catch { return text; }
  }
  if (bare === "" && (field.nullable || field.kind !== "text")) return null;
  const own = (choices(field) ?? field.categories ?? []).find(value => String(value) === bare);
  if (own !== undefined) return own;
  if (field.kind === "boolean") return { true: true, false: false }[bare.toLowerCase()] ?? text;
  if (field.kind !== "integer" && field.kind !== "number") return text;
  return Number.isFinite(Number(bare)) ? Number(bare) : text;
}

// A browser has no text for half a number, such as 1e: sent as one, so that it is not taken for a missing value.
const values = fields => Object.fromEntries(fields.flatMap((field, n) => {
  const text = $(`in-${n}`).validity.badInput ? "?" : $(`in-${n}`).value;
  return field.required === false && text.trim() === "" ? [] : [[field.key, typed(field, text)]];
}));

// What is sent: the form's row, or where a request is no row of fields, what stands in the one control there is.
function request() {
  if (card.flat) return JSON.stringify(values(card.form));
  if (card.form.length) return JSON.stringify({ rows: [values(card.form)] });
  return $("in-0").value;
}

// Shows the fields whose name has a text in it; of a hundred, a form that is read from top to bottom finds none.
function find() {
  const text = $("find").value.trim().toLowerCase(), boxes = [...$("fields").children];
  for (const one of boxes) one.hidden = !one.querySelector("label").textContent.toLowerCase().includes(text);
  $("found").textContent = text ? `${boxes.filter(one => !one.hidden).length} of ${many(boxes.length, "field")}` : "";
}

// Puts each fault beside its field, and the first one into focus; returns those that are about no field.
function mark(fields, faults) {
  const loose = [];
  fields.forEach((_, n) => {
    $(`in-${n}`).removeAttribute("aria-invalid");
    $(`fault-${n}`).hidden = true;
  });
  for (const fault of faults) {
    const n = fields.findIndex(field => field.key === (fault.field ?? fault.loc?.at(-1)));
    if (n < 0) { loose.push(fault); continue; }
    $(`in-${n}`).setAttribute("aria-invalid", "true");
    Object.assign($(`fault-${n}`), { textContent: fault.msg, hidden: false });
  }
  const first = document.querySelector("#form [aria-invalid=true]");
  if (first) Object.assign($("find"), { value: "" });
  find();
  first?.focus();
  return loose;
}
