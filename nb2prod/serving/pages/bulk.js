// Bulk: a file of rows, asked in requests of as many as the service takes, and its answers as a file of the same kind.
// A function may take its time over each row, so it takes fewer of them at once.
const most = () => card.kind === "function" ? 1000 : 10000;
const COMMA = /^\s*[+-]?\d*,\d+(e[+-]?\d+)?\s*$/i, NUMBERS = new Set(["integer", "number"]);
const LARGE = 4e6; // characters, of which one may be three bytes; a service takes 16 MB unless told otherwise
const PARQUET = "application/vnd.apache.parquet", ARROW = "application/vnd.apache.arrow.stream";

// CSV as RFC 4180 has it: fields between commas (or semicolons, or tabs), quotes doubled within quotes.
function csv(text) {
  const head = text.slice(0, text.search(/\r|\n|$/)), count = sign => head.split(sign).length;
  const sign = [",", ";", "\t"].reduce((best, one) => count(one) > count(best) ? one : best);
  const rows = [[]];
  const part = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${sign}\\r\\n]*))(${sign === "\t" ? "\\t" : sign}|\\r\\n|\\n|\\r|$)`, "gy");
  for (let found; part.lastIndex < text.length && (found = part.exec(text));) {
    rows.at(-1).push(found[1] === undefined ? found[2] : found[1].replaceAll('""', '"'));
    if (found[3] !== sign) rows.push([]);
  }
  if (part.lastIndex === 0 && text) throw new Error("a quote in it is never closed");
  const whole = rows.filter(row => row.length > 1 || row[0]);
  return { names: whole[0] ?? [], rows: whole.slice(1), sign };
}

const quoted = (value, sign) => {
  const text = value == null ? "" : String(value);
  return text.includes(sign) || /["\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const csvOf = (lines, sign) => new Blob([lines.map(line => line.map(v => quoted(v, sign)).join(sign)).join("\r\n") + "\r\n"], { type: "text/csv" });

// Reads a file: its rows as the service takes them, and as they were.
async function opened(file) {
  const name = file.name.toLowerCase();
  if (/\.(parquet|arrow|ipc|arrows)$/.test(name)) return { type: name.endsWith("parquet") ? PARQUET : ARROW };
  const text = (await file.text()).replace(/^\ufeff/, "");
  if (name.endsWith(".json")) {
    const found = JSON.parse(text), given = Array.isArray(found) ? found : found.rows;
    if (!Array.isArray(given)) throw new Error('it must hold an array of rows, or {"rows": [...]}');
    return { given, names: Object.keys(given[0] ?? {}), rows: given };
  }
  const { names, rows, sign } = csv(text);
  const given = rows.map(row => Object.fromEntries(names.map((one, n) => [one, row[n] ?? ""])));
  const fields = Object.fromEntries(card.fields.map(field => [field.key, field]));
  // Where fields stand between semicolons, as half of Europe writes them, a number may have a comma in it.
  const comma = sign === ";" && rows.some(row => row.some(value => COMMA.test(value)));
  const read = (field, text) => typed(field, comma && COMMA.test(text) && NUMBERS.has(field.kind) ? text.replace(",", ".") : text);
  const made = given.map(row => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, fields[k] ? read(fields[k], v) : v])));
  return { given, names, rows: made, sign, comma };
}

// Requests of as many rows, and as many characters, as a service takes at once; columns that are not the model's are left out.
function* parts(rows) {
  const own = new Set(card.fields.map(field => field.key));
  let texts = [], start = 0, size = 0;
  for (const [n, row] of rows.entries()) {
    const text = JSON.stringify(Object.fromEntries(Object.entries(row).filter(([k]) => own.has(k))));
    if (texts.length === most() || (texts.length && size + text.length > LARGE)) {
      yield { start, texts };
      [texts, start, size] = [[], n, 0];
    }
    texts.push(text);
    size += text.length;
  }
  yield { start, texts };
}

// A fault in any is told by the row of the file.
async function answered(found, tell) {
  const answers = [], faults = [];
  let refusal = null;
  for (const { start, texts } of parts(found.rows)) {
    tell(`Asking for rows ${number(start + 1, 15)} to ${number(start + texts.length, 15)} of ${number(found.rows.length, 15)} …`);
    const { ok, said } = await ask("predict", `{"rows": [${texts.join()}]}`);
    if (ok) answers.push(...said);
    else {
      refusal ??= said.error;
      faults.push(...(said.detail ?? []).map(one => ({ ...one, row: one.row == null ? null : one.row + start })));
    }
  }
  return { answers, faults, refusal };
}

const flat = ({ probabilities, warnings, ...answer }) => ({
  ...answer,
  ...Object.fromEntries(Object.entries(probabilities ?? {}).map(([name, share]) => [`probability_${name}`, share])),
  ...(warnings ? { warnings: warnings.map(one => `${one.field}: ${one.msg}`).join("; ") } : {}),
});

function written(found, answers) {
  if (!found.sign) return new Blob([JSON.stringify(found.given.map((row, n) => ({ ...row, ...answers[n] })), null, 1)], { type: "application/json" });
  const told = answers.map(flat), names = [...new Set(told.flatMap(Object.keys))];
  const lines = [[...found.names, ...names], ...found.given.map((row, n) => [...found.names.map(k => row[k]), ...names.map(k => found.comma && typeof told[n][k] === "number" ? String(told[n][k]).replace(".", ",") : told[n][k])])];
  return csvOf(lines, found.sign);
}

function listed(faults) {
  const rows = faults.slice(0, 200).map(one => make("tr", {}, make("td", { className: "number", textContent: one.row == null ? "–" : String(one.row + 1) }), make("td", { textContent: one.field ?? "–" }), make("td", { textContent: one.msg })));
  const head = make("tr", {}, ...["Row", "Field", "What is wrong"].map((text, n) => make("th", { scope: "col", textContent: text, className: n ? "" : "number" })));
  const more = (faults.length > 200 ? `The first 200 of ${number(faults.length, 15)} faults. ` : "") + "Rows are counted from 1, without a line of names.";
  const lines = [["row", "field", "what is wrong"], ...faults.map(one => [one.row == null ? null : one.row + 1, one.field, one.msg])];
  const every = csvOf(lines, ",");
  return [make("div", { className: "scroll", tabIndex: 0, data: { role: "region", "aria-label": "Faults by row" } }, make("table", { className: "faults" }, make("caption", { textContent: more }), make("thead", {}, head), make("tbody", {}, ...rows))), download(every, "faults.csv", "quiet")];
}

const download = (blob, name, look = "") => make("p", { className: "actions" }, make("a", { className: `button ${look}`, href: URL.createObjectURL(blob), download: name, textContent: `Download ${name}` }));
const offered = (blob, name, text) => [make("p", { className: "note good", textContent: text }), download(blob, name)];

async function bulk(file, show) {
  const [, stem, ending] = file.name.match(/^(.*?)(\.[^.]*)?$/), name = `${stem}-answers${ending ?? ".csv"}`;
  const tell = (...parts) => show(make("p", { className: "note", textContent: parts.join("") }));
  const refuse = (error, faults) => show(make("p", { className: "note bad", textContent: error }), ...(faults.length ? listed(faults) : []));
  tell(`Reading ${file.name} …`);
  let found;
  try {
    found = await opened(file);
  } catch (wrong) {
    return refuse(`${file.name} cannot be read: ${wrong.message}.`, []);
  }
  if (found.type) {
    const { ok, said } = await ask("predict", file, found.type);
    return ok ? show(...offered(said, name, "Every row was answered.")) : refuse(said.error, said.detail ?? []);
  }
  if (!found.rows.length) return refuse(`${file.name} holds no rows.`, []);
  const { answers, faults, refusal } = await answered(found, tell);
  if (refusal) return refuse(faults.length ? `${many(faults.length, "fault")} in ${file.name}; nothing was answered. Mend what is listed, and try again.` : refusal, faults);
  const own = new Set(card.fields.map(field => field.key)), others = found.names.filter(one => !own.has(one));
  const carried = others.length ? ` ${others.join(", ")}: not the model's, so carried along.` : "";
  const odd = answers.filter(one => one.warnings).length, warned = odd ? ` ${many(odd, "row")} with a warning.` : "";
  show(...offered(written(found, answers), name, `${many(answers.length, "row")} answered.${warned}${carried}`));
}
