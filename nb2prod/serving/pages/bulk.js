// Bulk: a file of rows, asked in requests of as many as the service takes, and its answers as a file of the same kind.
const ROWS = 10000, PARQUET = "application/vnd.apache.parquet", ARROW = "application/vnd.apache.arrow.stream";

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
  const made = given.map(row => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, fields[k] ? typed(fields[k], v) : v])));
  return { given, names, rows: made, sign };
}

// Leaves out the columns that are not the model's; a fault in any is told by the row of the file.
async function answered(found, tell) {
  const own = new Set(card.fields.map(field => field.key)), answers = [], faults = [];
  let refusal = null;
  for (let start = 0; start < found.rows.length; start += ROWS) {
    const part = found.rows.slice(start, start + ROWS).map(row => Object.fromEntries(Object.entries(row).filter(([k]) => own.has(k))));
    tell(`Asking for rows ${(start + 1).toLocaleString("en")} to ${(start + part.length).toLocaleString("en")} of ${found.rows.length.toLocaleString("en")} …`);
    const { ok, said } = await ask("predict", JSON.stringify({ rows: part }));
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
  const lines = [[...found.names, ...names], ...found.given.map((row, n) => [...found.names.map(k => row[k]), ...names.map(k => told[n][k])])];
  return new Blob([lines.map(line => line.map(v => quoted(v, found.sign)).join(found.sign)).join("\r\n") + "\r\n"], { type: "text/csv" });
}

function listed(faults) {
  const rows = faults.slice(0, 200).map(one => make("tr", {}, make("td", { className: "number", textContent: one.row == null ? "–" : String(one.row + 1) }), make("td", { textContent: one.field ?? "–" }), make("td", { textContent: one.msg })));
  const head = make("tr", {}, ...["Row", "Field", "What is wrong"].map((text, n) => make("th", { scope: "col", textContent: text, className: n ? "" : "number" })));
  const more = faults.length > 200 ? `The first 200 of ${faults.length.toLocaleString("en")} faults.` : "";
  return make("div", { className: "scroll", tabIndex: 0, data: { role: "region", "aria-label": "Faults by row" } }, make("table", { className: "faults" }, make("caption", { textContent: more }), make("thead", {}, head), make("tbody", {}, ...rows)));
}

function offered(blob, name, text) {
  const url = URL.createObjectURL(blob);
  return [make("p", { className: "note good", textContent: text }), make("p", { className: "actions" }, make("a", { className: "button", href: url, download: name, textContent: `Download ${name}` }))];
}

async function bulk(file, show) {
  const [, stem, ending] = file.name.match(/^(.*?)(\.[^.]*)?$/), name = `${stem}-answers${ending ?? ".csv"}`;
  const tell = (...parts) => show(make("p", { className: "note", textContent: parts.join("") }));
  const refuse = (error, faults) => show(make("p", { className: "note bad", textContent: error }), ...(faults.length ? [listed(faults)] : []));
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
