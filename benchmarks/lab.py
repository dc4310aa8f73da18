"""How quickly the Lab panel answers: from a key to the graph with 200 cells, its activation, and its size.

python benchmarks/lab.py

It starts a JupyterLab of its own and Chromium, as the browser tests do, and needs `.[test]` and the built extension
(`cd labextension && jlpm build:prod`). Wanted: a bundle of at most 500 kB compressed, and the graph at most 300 ms
after the pause that ends typing (150 ms). Activation is what the extension keeps the page busy with while it starts:
its modules are evaluated, and each of its plugins is activated, with a clock around both; the fetching of its scripts,
which the page does not wait for one by one, is told beside it. The time to open a notebook is told with and without
the extension. It exits 1 where the first two are not so.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from lab.conftest import CHROMIUM, COLLABORATION, TOKEN, Lab, written

import nb2prod

CELLS, KEYS, OPENED = 200, 15, 5
PAUSE = 150  # ms without typing before the panel asks; QUIET in labextension/src/model.ts
BUNDLE, ANSWER = 500, 300  # kB, ms

WATCH = """
() => {
  window.times = []; let began = 0, seen = null;
  const look = () => {
    const now = document.querySelectorAll('.jp-nb2prod-Finding[data-code="NB103"]').length;
    if (seen !== null && now !== seen) window.times.push(performance.now() - began);
    seen = now;
  };
  document.addEventListener('keydown', () => { began = performance.now(); }, true);
  new MutationObserver(look).observe(document.querySelector('.jp-nb2prod-Panel'), {childList: true, subtree: true});
  look();
}
"""

# Extensions hand their modules to the page through this object; ours are given on with a clock around them.
CLOCK = """
const timed = (name, work) => {
  const began = performance.now();
  try { return work(); } finally { performance.measure(`nb2prod ${name}`, {start: began}); }
};
window._JUPYTERLAB = new Proxy({}, {set: (all, name, found) => {
  all[name] = name !== 'nb2prod' ? found : {init: scope => found.init(scope), get: async part => {
    const factory = await found.get(part);
    return () => {
      const made = timed('evaluate', factory);
      for (const plugin of [made.default ?? []].flat()) {
        const activate = plugin.activate;
        plugin.activate = (...given) => timed(`activate ${plugin.id}`, () => activate(...given));
      }
      return made;
    };
  }};
  return true;
}});
"""
SPENT = """
() => [
  ...performance.getEntriesByType('measure').filter(({name}) => name.startsWith('nb2prod ')),
  ...performance.getEntriesByType('resource').filter(({name}) => name.includes('/extensions/nb2prod/'))
].map(({name, entryType, duration}) => [entryType === 'resource' ? 'fetch' : name, duration])
"""


def bundle() -> float:
    """Return the size of the extension's scripts and styles in kB, compressed as servers send them."""
    static = Path(nb2prod.__file__).parent / "labextension" / "static"
    return sum(len(gzip.compress(file.read_bytes())) for file in static.glob("*.js")) / 1000


def opened(browser: Browser, lab: Lab, name: str) -> tuple[Page, float]:
    """Open a notebook in a new window; return it and the seconds until its first cell is there."""
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.add_init_script(CLOCK)
    began = time.monotonic()
    page.goto(f"{lab.url(f'lab/workspaces/w{time.time_ns()}/tree/{name}')}?token={TOKEN}")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=120_000)
    return page, time.monotonic() - began


def spent(page: Page) -> tuple[float, float]:
    """Return the ms that evaluating and activating the extension took in a page, and those that its scripts took."""
    entries: list[tuple[str, float]] = page.evaluate(SPENT)
    busy, fetched = ([ms for name, ms in entries if (name == "fetch") is told] for told in (False, True))
    return sum(busy), max(fetched, default=0.0)


def answers(page: Page) -> list[float]:
    """Type a name that is not there and take it back, again and again; return ms from the key to the panel."""
    page.get_by_role("tab", name="Pipeline").click()
    page.locator(".jp-nb2prod-Graph-node").first.wait_for(timeout=60_000)
    page.locator('.jp-Cell[data-windowed-list-index="1"] .cm-content').click()
    page.keyboard.press("Control+End")
    page.keyboard.press("Enter")
    page.wait_for_timeout(2000)
    page.evaluate(WATCH)
    for _ in range(KEYS):
        for key in ("q", "Backspace"):
            page.keyboard.press(key)
            page.wait_for_timeout(1200)
    times: list[float] = page.evaluate("() => window.times")
    return times


def loads(browser: Browser, lab: Lab) -> tuple[list[tuple[float, float]], dict[bool, list[float]]]:
    """Open a notebook again and again, in turn with the extension and without it."""
    started, seconds = [], {True: [], False: []}
    for ours in (True, False) * OPENED:
        lab.disable(*COLLABORATION, *([] if ours else ["nb2prod"]))
        page, took = opened(browser, lab, "long.ipynb")
        seconds[ours].append(took)
        if ours:
            started.append(spent(page))
        page.context.close()
    return started, seconds


def main() -> int:
    """Measure, print a line each, and say whether it is as wanted."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab.new(Path(folder) / "lab")
        sources = [f"%%stage s{n // 10}\nv{n} = {n}" if n % 10 == 0 else f"v{n} = v{n - 1} + 1" for n in range(CELLS)]
        written(lab.root / "long.ipynb", *sources)
        lab.start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            opened(browser, lab, "long.ipynb")[0].context.close()  # fills the server's caches
            page, _ = opened(browser, lab, "long.ipynb")
            times = answers(page)
            page.context.close()
            started, seconds = loads(browser, lab)
        finally:
            browser.close()
            lab.stop()
    size, middle = bundle(), median(times)
    sys.stdout.write(
        f"key to graph, {CELLS} cells: median {middle:.0f} ms, worst {max(times):.0f} ms of {len(times)}"
        f" (of which {PAUSE} ms are the pause)\n"
        f"a notebook of {CELLS} cells opens in {median(seconds[True]):.2f} s with the extension,"
        f" {median(seconds[False]):.2f} s without\n"
        f"activation: median {median(busy for busy, _ in started):.1f} ms of {OPENED} loads,"
        f" quickest {min(started)[0]:.1f} ms"
        f" (its scripts: {median(fetched for _, fetched in started):.0f} ms)\n"
        f"bundle: {size:.0f} kB compressed\n"
    )
    return 0 if size <= BUNDLE and middle <= PAUSE + ANSWER else 1


if __name__ == "__main__":
    sys.exit(main())
