"use strict";
// What every page of a service needs: elements, the key, and requests to the service that showed it.
const $ = id => document.getElementById(id);
const make = (tag, given = {}, ...inside) => {
  const { data = {}, ...rest } = given;
  const made = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(data)) made.setAttribute(name, value);
  made.append(...inside.filter(part => part != null));
  return made;
};
const drawn = (tag, given = {}, ...inside) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(given)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
};
const short = (value, digits = 4) => value == null ? "–" : typeof value === "number" ? (+value.toPrecision(digits)).toLocaleString("en", { maximumFractionDigits: 10 }) : String(value);
const many = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

const key = () => {
  const given = sessionStorage.getItem("key");
  return given ? { authorization: `Bearer ${given}` } : {};
};

// Answers and refusals alike: what the service said, and whether it was an answer.
async function ask(path, body, type = "application/json") {
  const sent = body === undefined ? { headers: key() } : { method: "POST", headers: { "content-type": type, ...key() }, body };
  let reply;
  try {
    reply = await fetch(path, sent);
  } catch {
    return { ok: false, status: 0, said: { error: "The service did not answer. Is it running?", detail: [] } };
  }
  const plain = (reply.headers.get("content-type") ?? "").startsWith("application/json");
  let said;
  try {
    said = plain ? await reply.json() : await reply.blob();
  } catch {
    said = { error: `The service answered with status ${reply.status} and something that is not JSON.`, detail: [] };
  }
  return { ok: reply.ok, status: reply.status, said, id: reply.headers.get("x-request-id") };
}

// Shows the page by what `path` says, after asking for a key where one is needed.
function enter(path, show) {
  const begin = async () => {
    const { ok, status, said } = await ask(path);
    $("needs-key").hidden = ok || status !== 401;
    $("main").hidden = !ok;
    if (ok) return show(said);
    $("about").textContent = said.error ?? `The service answered with status ${status}.`;
  };
  $("needs-key").addEventListener("submit", event => {
    event.preventDefault();
    sessionStorage.setItem("key", $("key").value);
    begin();
  });
  begin();
}

// Marks in the list of parts the one that is on screen.
function follow() {
  const links = [...document.querySelectorAll("nav.parts a")];
  const seen = new IntersectionObserver(entries => {
    for (const entry of entries.filter(one => one.isIntersecting)) {
      for (const link of links) link.hash === `#${entry.target.id}` ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  document.querySelectorAll("section.part").forEach(part => seen.observe(part));
}
