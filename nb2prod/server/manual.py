"""Manual: the documentation of the installed version, read in a browser that may reach nothing but this server."""

from __future__ import annotations

import asyncio
import re
from html import escape
from pathlib import Path

from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError

import nb2prod
from nb2prod.server.base import Confined, may

# In a wheel the pages lie in the package, in a checkout beside it.
FOLDERS = (Path(nb2prod.__file__).parent / "docs", Path(nb2prod.__file__).parents[1] / "docs")

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 50em; margin: 2em auto; padding: 0 1em; font: 16px/1.6 system-ui, sans-serif; }}
img {{ max-width: 100%; }}
pre {{ overflow-x: auto; padding: .8em; background: color-mix(in srgb, currentcolor 8%, transparent); }}
table {{ border-collapse: collapse; }} td, th {{ padding: .2em .8em; border: 1px solid; text-align: left; }}
.anchor-link {{ display: none; }}
</style></head>
<body><nav aria-label="Documentation">{links}</nav><main>{body}</main></body></html>
"""


class ManualHandler(Confined):
    """A page, drawn from its Markdown."""

    def set_default_headers(self) -> None:
        """Let the page do nothing but be read."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'")

    @may("read")
    async def get(self, page: str) -> None:
        """Answer with the page; the others are a click away."""
        text = await asyncio.to_thread(_drawn, page)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        JupyterHandler.finish(self, text)


class PictureHandler(Confined):
    """A picture in a page."""

    @may("read")
    async def get(self, picture: str) -> None:
        """Answer with the picture."""
        file = _folder() / "images" / picture
        if not await asyncio.to_thread(file.is_file):
            raise HTTPError(404, f"The documentation has no picture {picture}.")
        self.set_header("Content-Type", "image/png")
        JupyterHandler.finish(self, await asyncio.to_thread(file.read_bytes))


def _drawn(page: str) -> str:
    from nbconvert.filters import markdown2html

    folder = _folder()
    file = folder / f"{page}.md"
    if not file.is_file():
        raise HTTPError(404, f"The documentation has no page {page}.")
    pages = {each.stem: _title(each) for each in sorted(folder.glob("*.md"))}
    links = " · ".join(f'<a href="{name}.md">{escape(title)}</a>' for name, title in pages.items())
    return _PAGE.format(title=escape(pages[page]), links=links, body=markdown2html(file.read_text(encoding="utf-8")))


def _title(file: Path) -> str:
    found = re.match(r"# ([^\n:]+)", file.read_text(encoding="utf-8"))
    return found[1] if found else file.stem


def _folder() -> Path:
    found = next((folder for folder in FOLDERS if folder.is_dir()), None)
    if found is None:
        raise HTTPError(404, "This installation of nb2prod came without its documentation.")
    return found
