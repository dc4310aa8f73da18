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
const round = (value, digits) => +value.toPrecision(digits), isTiny = value => value !== 0 && Math.abs(value) < 1e-4;
const number = (value, digits) => isTiny(value) ? String(round(value, digits)) : round(value, digits).toLocaleString("en", { maximumFractionDigits: 10 });
const short = (value, digits = 4) => value == null ? "–" : typeof value === "number" ? number(value, digits) : String(value);
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
    return { ok: false, status: 0, said: { error: "The service did not answer: it may have been stopped, or the network is down. Try again, or ask who runs it.", detail: [] } };
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

const curl = (path, more = "") => `curl ${new URL(path, location.href)}${sessionStorage.getItem("key") ? " -H 'authorization: Bearer YOUR KEY'" : ""}${more}`;

// A picture that the service keeps, with its title; the key goes along where one is needed.
async function figure(path, title, told = title) {
  const { ok, status, said } = await ask(path);
  if (!ok) return make("p", { className: "note bad", textContent: said.error ?? `Refused with status ${status}.` });
  return make("figure", {}, make("img", { alt: told, src: URL.createObjectURL(said) }));
}

// A link carries no key: where one is needed, what it leads to is fetched here, and kept as a file.
document.addEventListener("click", async event => {
  const link = event.target.closest?.("a[href$='.json']");
  if (!link || !sessionStorage.getItem("key")) return;
  event.preventDefault();
  const { ok, said } = await ask(link.href);
  if (!ok) return;
  const url = URL.createObjectURL(new Blob([JSON.stringify(said, null, 1)], { type: "application/json" }));
  make("a", { href: url, download: link.pathname.split("/").at(-1) }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
});

// Shows the page by what `path` says, after asking for a key where one is needed.
function enter(path, show) {
  const begin = async () => {
    const { ok, status, said } = await ask(path);
    $("needs-key").hidden = ok || status !== 401;
    $("main").hidden = !ok;
    if (ok) return show(said);
    const wanted = sessionStorage.getItem("key") ? "This is not a key of this service." : "This service is for those who have a key to it.";
    $("about").textContent = status === 401 ? wanted : said.error ?? `The service answered with status ${status}.`;
  };
  $("needs-key").addEventListener("submit", async event => {
    event.preventDefault();
    sessionStorage.setItem("key", $("key").value);
    await begin();
    ($("needs-key").hidden ? $("title") : $("key")).focus();
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
