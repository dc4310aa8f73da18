"""Page: a run's report as HTML, for people who have no Jupyter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nb2prod.report import Report


def render(document: dict[str, Any], report: Report) -> str:
    """Return the executed notebook as one HTML page, headed by what became of each stage."""
    import nbformat
    from nbconvert import HTMLExporter

    summary = nbformat.v4.new_markdown_cell(_summary(report))
    # `reads` joins sources and outputs that the file holds as lists of lines.
    node = nbformat.v4.reads(json.dumps({**document, "cells": [summary, *document["cells"]]}))
    kernel = node.metadata.get("kernelspec", {})
    kernel.setdefault("display_name", kernel.get("name", ""))  # which some writers leave out, and nbconvert asks for
    exporter = HTMLExporter(template_name="lab", embed_images=True)
    exporter.log.setLevel("ERROR")  # missing alternative texts are not this run's to report
    body, _ = exporter.from_notebook_node(node)
    return str(body)


def _summary(report: Report) -> str:
    rows = [
        f"| {item.stage} | {item.state} | {item.seconds:.1f} s | {item.bytes:,} | {item.why} |"
        for item in report.outcomes
    ]
    failed = "" if report.error is None else f"\n\n**{report.error}**\n"
    head = [
        f"# {report.notebook}: run {report.run}{failed}\n",
        "| stage | state | time | bytes left | why |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows])
