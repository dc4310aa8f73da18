"""Page: a run's report as HTML, for people who have no Jupyter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nb2prod import journal

if TYPE_CHECKING:
    from collections.abc import Mapping


def write(home: Path, result: Mapping[str, Any]) -> Path:
    """Draw a run that has ended, given its result, and return the file, which lies beside the run's other records."""
    folder = journal.folder_of(home, result["run"])
    executed = folder / "executed.ipynb"
    nothing = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    document = json.loads(executed.read_text(encoding="utf-8")) if executed.exists() else nothing
    journal.write_whole(folder / "report.html", render(document, result))
    return folder / "report.html"


def render(document: dict[str, Any], result: Mapping[str, Any]) -> str:
    """Return the executed notebook as one HTML page, headed by what became of each stage."""
    # On use: this costs more than many a notebook.
    import nbformat
    from nbconvert import HTMLExporter

    summary = nbformat.v4.new_markdown_cell(_summary(result))
    # `reads` joins sources and outputs that the file holds as lists of lines.
    node = nbformat.v4.reads(json.dumps({**document, "cells": [summary, *document["cells"]]}))
    kernel = node.metadata.get("kernelspec", {})
    kernel.setdefault("display_name", kernel.get("name", ""))  # which some writers leave out, and nbconvert asks for
    exporter = HTMLExporter(template_name="lab", embed_images=True)
    exporter.log.setLevel("ERROR")  # missing alternative texts are not this run's to report
    body, _ = exporter.from_notebook_node(node)
    return str(body).encode("utf-8", "replace").decode()


def _summary(result: Mapping[str, Any]) -> str:
    rows = [
        f"| {item['name']} | {item['state']} | {item['seconds']:.1f} s | {item['bytes']:,} | {item['why']} |"
        for item in result["stages"]
    ]
    error = result["error"]
    failed = f"\n\n**{error['code']}: {error['message']}**\n\n{error['cure']}\n" if error else ""
    head = [
        f"# {result['notebook']}: run {result['run']}{failed}\n",
        "| stage | state | time | bytes left | why |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows])
