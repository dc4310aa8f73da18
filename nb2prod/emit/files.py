"""Files: everything that `extract` writes, path → text."""

from __future__ import annotations

import keyword
import re
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING

from nb2prod import environment
from nb2prod.emit import notebooks, package, prose
from nb2prod.emit.draft import draft
from nb2prod.emit.plain import CannotExtract

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nb2prod.emit.draft import Draft
    from nb2prod.pipeline import Pipeline

_OTHERS = frozenset({"artifacts", "data", "notebooks", "runs", "src", "test", "tests"})
_PATH = re.compile(r"(?!/|[A-Za-z]:|\w+://)[^\n\r\0*?<>|\"]{1,200}")


def files(pipeline: Pipeline, *, kinds: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Write a pipeline as a project: a notebook a stage, and a package with its test.

    Args:
        pipeline: Without findings that are errors.
        kinds: The class names of the values that the notebook's own run left (`Artifact.kinds`), for the test.

    Returns:
        Relative path with `/` → text.

    Raises:
        CannotExtract: A cell does something that a module cannot do.
    """
    name, plan = package_name(pipeline), draft(pipeline)
    title = prose.title(pipeline.notebook)
    written = {
        "README.md": _readme(pipeline, plan, name),
        "pyproject.toml": package.pyproject(name, title, _requirements(pipeline)),
        f"{name}/__init__.py": prose.quoted(title, "") + "\n",
        f"{name}/definitions.py": package.definitions(plan, f"What the stages of {pipeline.notebook.name} share."),
        f"{name}/pipeline.py": package.pipeline_module(pipeline, plan),
        f"{name}/stages.py": package.stages(pipeline, plan),
        "tests/conftest.py": package.conftest(draws="matplotlib" in _roots(pipeline)),
        "tests/test_pipeline.py": package.test_module(name, plan, kinds),
    }
    return {**written, **{f"notebooks/{file}": text for file, text in notebooks.notebooks(pipeline, plan)}}


def definitions(pipeline: Pipeline) -> str:
    """Write the notebook's functions, classes and the constants and imports they read as one importable module.

    Raises:
        CannotExtract: A cell does something that a module cannot do.
    """
    return package.definitions(draft(pipeline), f"Functions and classes of {pipeline.notebook.name}.")


def package_name(pipeline: Pipeline) -> str:
    """Return a name for the package that hides no module and is no keyword."""
    name = re.sub(r"\W+", "_", pipeline.notebook.stem.lower(), flags=re.ASCII).strip("_") or "notebook"
    name = f"notebook_{name}" if name[0].isdigit() else name
    clash = name in sys.stdlib_module_names or name in _roots(pipeline) or name in _OTHERS or keyword.iskeyword(name)
    return f"{name}_pipeline" if clash else name


def mentioned(pipeline: Pipeline) -> tuple[str, ...]:
    """Return relative paths that the notebook may read: those that exist beside it belong to the project too.

    They are string constants that could be paths, and the files of modules that it imports.
    """
    found: set[str] = set()
    for flow in pipeline.flows:
        for item in flow.cells:
            found |= {text for text in item.flow.strings if _PATH.fullmatch(text) and ".." not in text.split("/")}
    roots = _roots(pipeline) - sys.stdlib_module_names
    found |= {f"{root}.py" for root in roots} | {f"{root}/__init__.py" for root in roots}
    return tuple(sorted(text.strip().removeprefix("./") for text in found if text.strip()))


def _requirements(pipeline: Pipeline) -> list[str]:
    """Return the distributions that the notebook imports, pinned to the versions that are installed."""
    found = environment.versions(environment.providers(_roots(pipeline) - sys.stdlib_module_names - {"nb2prod"}))
    return sorted(f"{name}=={version}" for name, version in found.items() if name != "python")


def _roots(pipeline: Pipeline) -> frozenset[str]:
    return frozenset(found.root for flow in pipeline.flows for found in flow.imports)


def _readme(pipeline: Pipeline, plan: Draft, name: str) -> str:
    names = [file for file, _ in notebooks.notebooks(pipeline, plan)]
    books = "\n".join(f"papermill notebooks/{file} runs/{file}" for file in names)
    about = prose.about(pipeline.notebook)
    given = ", ".join(f"`{parameter}`" for parameter in plan.parameters)
    lines = [
        f"# {prose.title(pipeline.notebook)}",
        "",
        *([about, ""] if about else []),
        f"Made from `{pipeline.notebook.name}` by nb2prod; nothing here needs nb2prod.",
        *([f"Parameters: {given}."] if given else []),
        "",
        "As a package (`" + name + "/stages.py` has one function a stage):",
        "",
        "```console",
        'pip install -e ".[notebooks,test]"',
        f"python -m {name}.pipeline",
        "pytest",
        "```",
        "",
        "As notebooks, one a stage, in this order and in this folder:",
        "",
        "```console",
        "mkdir -p runs",
        books,
        "```",
        "",
    ]
    return "\n".join(lines)


__all__ = ["CannotExtract", "definitions", "files", "mentioned", "package_name"]
