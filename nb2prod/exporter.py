"""Exporter: `jupyter nbconvert --to nb2prod NB` writes what `nb2prod extract` does, in nbconvert's way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbconvert.exporters import Exporter

from nb2prod import api, emit, notebook
from nb2prod.errors.base import ChecksFailed

if TYPE_CHECKING:
    from nbformat import NotebookNode


class PipelineExporter(Exporter):  # type: ignore[misc]  # nbconvert has no types
    """Writes a README as the main file, and the project it describes into a folder beside it."""

    export_from_notebook = "Pipeline (nb2prod)"
    output_mimetype = "text/markdown"

    def _file_extension_default(self) -> str:
        return ".pipeline.md"

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """Return the README; `resources["outputs"]` holds the project's files.

        Raises:
            NotebookError: The notebook has errors, or a cell that has no place in a module.
        """
        copy, resources = super().from_notebook_node(nb, resources, **kw)
        about = resources.get("metadata", {})
        name = about.get("name") or "notebook"
        line, findings = api.inspect(notebook.parse(_plain(copy), f"{name}.ipynb"))
        errors = tuple(finding for finding in findings if finding.severity == "error")
        if errors:
            raise ChecksFailed(errors)
        files = {path: text.encode() for path, text in emit.files(line).items()}
        beside = Path(about.get("path") or ".")
        files |= {path: (beside / path).read_bytes() for path in emit.mentioned(line) if (beside / path).is_file()}
        folder = f"{name}_pipeline"
        resources["outputs"] = {f"{folder}/{path}": data for path, data in files.items()}
        return f"The project is in the folder `{folder}`.\n\n{files['README.md'].decode()}", resources


def _plain(node: Any) -> Any:
    """Turn nbformat's nodes into plain dicts."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    return [_plain(item) for item in node] if isinstance(node, list) else node
