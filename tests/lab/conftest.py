"""One JupyterLab and one Chromium for all tests; a folder, a workspace and a page for each."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as TooLate

import nb2prod

REPOSITORY = Path(__file__).parents[2]
BUNDLE = Path(nb2prod.__file__).parent / "labextension"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
AXE = REPOSITORY / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
BASE = "/user/ann/"
TOKEN = "for-tests-only"
# What of jupyter-collaboration lives in the page.
COLLABORATION = ("@jupyter/collaboration-extension", "@jupyter/docprovider-extension")
ENDED = 420_000  # milliseconds a Ship may take on a slow machine

# A machine that tests has much to do; how quick the panel is, benchmarks/lab.py tells.
expect.set_options(timeout=20_000)

# What Jupyter does without us: the page asks for files that need not be there, and Notebook 7 logs on its own account.
NOT_OURS = (
    "reading 'schema'",
    "filebrowser:open-path",
    "is duplicated",
    "duplicated for menu",
    "Not same Y.Doc",
    "Comm not found",
    "Could not restore the debugger state",
    # On a machine that has much else to do: plug-ins take long, a cell far below is drawn late.
    "is taking too long to activate",
    "did not appear within",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)
            item.add_marker(pytest.mark.filterwarnings("default"))


@define
class Lab:
    """A running Jupyter server, with folders of its own for everything."""

    home: Path
    port: int
    together: bool = False  # whether several people may edit a notebook at the same time
    process: subprocess.Popen[bytes] | None = None

    @property
    def root(self) -> Path:
        return self.home / "root"

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{BASE}{path}"

    @classmethod
    def new(cls, home: Path, **options: Any) -> Lab:
        """Return one that runs nowhere yet."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            lab = cls(home=home, port=free.getsockname()[1], **options)
        lab.root.mkdir(parents=True)
        lab.settings("@jupyterlab/apputils-extension:notification", {"fetchNews": "false", "checkForUpdates": False})
        if not lab.together:
            lab.disable(*COLLABORATION)
        return lab

    def start(self) -> None:
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={self.port}"]
        command += ["--ServerApp.port_retries=0", f"--ServerApp.base_url={BASE}", f"--ServerApp.root_dir={self.root}"]
        command += [f"--IdentityProvider.token={TOKEN}", "--ServerApp.jpserver_extensions=nb2prod=True"]
        command += [f"--ServerApp.jpserver_extensions=jupyter_server_ydoc={self.together}"]
        command += ["--LabApp.expose_app_in_browser=True"]
        command += [f"--LabServerApp.extra_labextensions_path={self._extensions()}"]
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self._environment(), stdout=log, stderr=log, cwd=self.root)
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(self.url(f"api/status?token={TOKEN}"), timeout=5).close()
            except OSError:
                assert time.monotonic() < deadline, (self.home / "server.log").read_text()
                time.sleep(0.2)
            else:
                return

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                # Jupyter's server has ended by then, but for a thread that reads files for it and that nobody ends.
                self.process.kill()
                self.process.wait(15)

    def settings(self, plugin: str, value: object) -> None:
        """Write the user's settings of a plug-in, `package:plugin`."""
        package, name = plugin.split(":")
        path = self.home / "settings" / package / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))

    def disable(self, *extensions: str) -> None:
        """Leave extensions of the page out."""
        path = self.home / "config" / "labconfig" / "page_config.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"disabledExtensions": dict.fromkeys(extensions, True)}))

    def _extensions(self) -> Path:
        """In a checkout the bundle lies in the package; an installed wheel is found by JupyterLab itself."""
        found = self.home / "labextensions"
        found.mkdir(exist_ok=True)
        link = found / "nb2prod"
        if BUNDLE.is_dir() and not link.exists():
            link.symlink_to(BUNDLE, target_is_directory=True)
        return found

    def _environment(self) -> dict[str, str]:
        own = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
            "BENTOML_HOME": "bentoml",
        }
        return {**os.environ, **{name: str(self.home / folder) for name, folder in own.items()}}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab.new(tmp_path_factory.mktemp("lab"))
    lab.start()
    yield lab
    _stop_services(lab)
    lab.stop()


def _stop_services(lab: Lab) -> None:
    """Stop what a failed test may have left running."""
    from nb2prod import api

    for record in lab.root.rglob(".nb2prod/services/*.json"):
        api.stop(record.parents[1], record.stem)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@define
class Screen:
    """What a user sees and does: a page with one notebook open."""

    lab: Lab
    page: Page
    workspace: str
    complaints: list[str] = field(factory=list)

    def open(self, path: Path) -> None:
        relative = path.relative_to(self.lab.root).as_posix()
        self._go(f"lab/workspaces/{self.workspace}/tree/{relative}")

    def open_classic(self, path: Path) -> None:
        self._go(f"notebooks/{path.relative_to(self.lab.root).as_posix()}")

    def _go(self, where: str) -> None:
        self.page.goto(self.lab.url(f"{where}?token={TOKEN}"))
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)

    def show_panel(self) -> None:
        # A click on its tab would hide it where it is shown already.
        self.page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('nb2prod:show-panel')")
        self.page.evaluate("() => jupyterapp.commands.execute('nb2prod:show-panel')")
        self.page.locator(".jp-nb2prod-Head").wait_for()

    def node(self, stage: str) -> Locator:
        """Return a stage of the graph."""
        return self.page.locator(f'.jp-nb2prod-Graph-node[data-stage="{stage}"]')

    def status(self, state: str) -> None:
        """Wait until the newest run is in a state."""
        expect(self.page.locator(".jp-nb2prod-Status")).to_have_attribute("data-state", state, timeout=ENDED)

    def ship(self) -> None:
        """Click Ship in the toolbar of the notebook, and in the review."""
        toolbar = self.page.locator('.jp-NotebookPanel-toolbar [data-jp-item-name="nb2prod-ship"]')
        toolbar.get_by_text("Ship").click()
        self.page.get_by_role("dialog").get_by_role("button", name="Ship").click()

    @property
    def clicks(self) -> int:
        """How often the user has clicked since the page was opened."""
        return int(self.page.evaluate("() => window.clicks ?? 0"))

    def type_at_end(self, index: int, text: str) -> None:
        """Type below the last line of a cell."""
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(text)

    def choose(self, words: str, leads_to: Locator) -> None:
        """Look a command up in the palette by keys and choose it, until what it leads to has the focus.

        Jupyter gives the notebook the focus once more after a page has loaded, and a palette without focus closes.
        """
        search = self.page.locator(".lm-CommandPalette-input")
        for _ in range(5):
            with suppress(TooLate, AssertionError):
                self.page.keyboard.press("Control+Shift+c")
                search.fill(words, timeout=3000)
                search.press("Enter", timeout=3000)
                expect(leads_to).to_be_focused(timeout=5000)
                return
        raise AssertionError(f"'{words}' does not lead there")

    def cell(self, index: int) -> Locator:
        return self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{index}"]')

    def point_at(self, index: int) -> None:
        """Move the pointer to a cell, over whatever lies between."""
        box = self.cell(index).bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + 40, box["y"] + box["height"] - 10, steps=4)

    def theme(self, name: str) -> None:
        """Change to the theme Light or Dark."""
        self.page.evaluate(
            "name => jupyterapp.commands.execute('apputils:change-theme', {theme: `JupyterLab ${name}`})", name
        )
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-name", f"JupyterLab {name}", timeout=30_000)

    def barriers(self, selector: str) -> list[str]:
        """Return what of a part of the page keeps people out, as axe-core finds it."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = "({id, nodes}) => `${id}: ${nodes.map(node => node.html).join(' ')}`"
        return self.page.evaluate(f"async part => (await axe.run(part)).violations.map({found})", selector)

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complain(f"{message.type}: {message.text} ({message.location.get('url')})")

    def complain(self, text: str) -> None:
        if not any(known in text for known in NOT_OURS):
            self.complaints.append(text)


@pytest.fixture
def folder(lab: Lab, request: pytest.FixtureRequest) -> Path:
    """A folder below the server's root for one test."""
    name = request.node.name.partition("[")[0][:40]
    folder = lab.root / f"{name}-{sum(1 for _ in lab.root.iterdir())}"
    folder.mkdir()
    return folder


@pytest.fixture
def churn(folder: Path) -> Path:
    for file in (REPOSITORY / "examples" / "churn").iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    return folder / "churn.ipynb"


@pytest.fixture
def tiny(folder: Path) -> Path:
    return Path(shutil.copy(REPOSITORY / "tests" / "notebooks" / "tiny_model.ipynb", folder / "tiny.ipynb"))


@contextmanager
def opened(lab: Lab, browser: Browser, name: str) -> Iterator[Screen]:
    """Give a fresh page; at the end its console must have been silent."""
    lab.settings("@jupyterlab/apputils-extension:themes", {})  # which a test before may have changed
    context = browser.new_context(viewport={"width": 1400, "height": 1080})
    context.add_init_script("addEventListener('click', () => { window.clicks = (window.clicks ?? 0) + 1; }, true)")
    page = context.new_page()
    screen = Screen(lab=lab, page=page, workspace=str(abs(hash(name))))
    page.on("console", lambda message: screen.heard(message))
    page.on("pageerror", lambda error: screen.complain(f"page error: {error}"))
    try:
        yield screen
    finally:
        context.close()
    assert screen.complaints == []


@pytest.fixture
def screen(lab: Lab, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Screen]:
    with opened(lab, chromium, request.node.nodeid) as screen:
        yield screen


def cells(path: Path) -> list[dict[str, Any]]:
    """Return a notebook's cells as they are saved."""
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def index_of(path: Path, text: str) -> int:
    """Return the place of the first cell that holds `text`."""
    return next(at for at, cell in enumerate(cells(path)) if text in "".join(cell["source"]))


def written(path: Path, *sources: str) -> Path:
    """Write a notebook of code cells."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    blank = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    found = [{**blank, "id": f"c{at}", "source": source} for at, source in enumerate(sources)]
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": found}))
    return path


def run_first(screen: Screen) -> Locator:
    """Run the first cell, which shows the widget, in Notebook 7; return what it shows."""
    expect(screen.page.locator(".jp-NotebookKernelLogo img")).to_be_visible(timeout=60_000)
    expect(screen.page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')).to_be_attached(timeout=60_000)
    screen.cell(0).locator(".cm-content").click()
    screen.page.keyboard.press("Control+Enter")
    widget = screen.cell(0).locator(".jp-OutputArea-output")
    expect(widget.get_by_role("button", name="Ship")).to_be_visible(timeout=60_000)
    return widget
