"""Package: the modules that a notebook becomes, with their test."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from nb2prod.emit import prose
from nb2prod.emit.draft import DEFINITION, uses
from nb2prod.emit.source import body, indented, outer_to_enclosing, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nb2prod.emit.draft import Draft, Part
    from nb2prod.emit.source import Statement
    from nb2prod.pipeline import Pipeline


def definitions(draft: Draft, about: str) -> str:
    """Write the module of imports, constants, functions and classes that stages share."""
    needed = {name for statement in draft.definitions for name in uses(statement)}
    return _module(about, draft.imports.lines(needed), _spread(draft.definitions))


def _spread(found: Iterable[Statement]) -> str:
    """Write top-level statements: two blank lines around definitions, as PEP 8 asks."""
    text, before = "", None
    for statement in found:
        block = isinstance(statement.node, DEFINITION) or isinstance(before, DEFINITION)
        text += "" if not text else "\n\n\n" if block else "\n"
        text += indented(statement.text, "")
        before = statement.node
    return text


def stages(pipeline: Pipeline, draft: Draft) -> str:
    """Write the module with a function a stage."""
    used = {name for part in draft.parts for name in part.uses}
    shared = sorted((set(draft.defined) & used), key=lambda name: (_kind(name), name))
    local = wrapped("from .definitions import (", shared, ")") if shared else ""
    flat = f"from .definitions import {', '.join(shared)}"
    local = flat if shared and len(flat) <= 120 else local
    if not shared and any(getattr(statement.node, "decorator_list", ()) for statement in draft.definitions):
        local = "from . import definitions  # noqa: F401 (decorators may register what they are given)"
    imports = "\n\n".join(filter(None, [draft.imports.lines(used, unread=True), local]))
    functions = "\n\n\n".join(_function(pipeline, part) for part in draft.parts)
    return _module(f"The stages of {pipeline.notebook.name}, one function each.", imports, functions)


def _kind(name: str) -> int:
    return 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2


def _function(pipeline: Pipeline, part: Part) -> str:
    items = [*part.takes, *(["*", *part.parameters] if part.parameters else [])]
    head = wrapped(f"{'async ' if part.waits else ''}def {part.function}(", items, "):")
    lines = [head, prose.docstring(part.stage, pipeline.notebook)]
    lines += [f"    {name} = None  # some paths below do not set it" for name in part.unsure]
    blocks = [indented(outer_to_enclosing(statement.text)) + "\n" for statement in part.nested]
    text = indented(body(part.body))
    lines += (
        ["", *blocks] if blocks else [""] if text.lstrip().startswith(("def ", "async def ", "class ", "@")) else []
    )
    lines += [text] if text else []
    lines += [f"    return {', '.join(part.gives)}"] if part.gives else []
    return "\n".join(lines)


def pipeline_module(pipeline: Pipeline, draft: Draft) -> str:
    """Write the module that runs the stages in order."""
    module = _free("stages", draft)
    local = "from . import stages" + (f" as {module}" if module != "stages" else "")
    signature, opening, needed = _parameters(draft)
    shared = sorted(needed & set(draft.defined))
    more = [f"from .definitions import {', '.join(shared)}"] if shared else []
    waits = {"asyncio"} if any(part.waits for part in draft.parts) else set()
    imports = "\n".join(f"import {name}" for name in sorted(waits))
    imports = "\n\n".join(filter(None, [imports, draft.imports.lines(needed), "\n".join([local, *more])]))
    given = dict.fromkeys(name for part in draft.parts for name in part.gives)
    lines = [
        wrapped("def run(", signature, "):"),
        '    """Run the stages in order and return what they leave, by name."""',
        *opening,
        *(_call(part, module) for part in draft.parts),
        _returned(list(given)),
        "",
        "",
        'if __name__ == "__main__":',
        "    for name, value in run().items():",
        '        print(f"{name}: {type(value).__name__}")',
    ]
    return _module(f"The stages of {pipeline.notebook.name}, in order.", imports, "\n".join(lines))


def _parameters(draft: Draft) -> tuple[list[str], list[str], set[str]]:
    """Return `run`'s parameters, the lines that fill in defaults made on each call, and the names those need."""
    signature, opening, needed = ["*"] if draft.parameters else [], [], set[str]()
    for name, statement in draft.parameters.items():
        value: ast.expr | None = getattr(statement.node, "value", None)
        assert value is not None
        text = ast.get_source_segment(_code(statement), _value(statement)) or ast.unparse(value)
        if all(isinstance(p, ast.Constant | ast.UnaryOp | ast.unaryop) for p in ast.walk(value)):
            signature.append(f"{name}={text}")
        else:
            signature.append(f"{name}=None")
            opening.append(f"    {name} = {text} if {name} is None else {name}")
            needed |= uses(statement)
    return signature, opening, needed


def _code(statement: Statement) -> str:
    return statement.text


def _value(statement: Statement) -> ast.expr:
    node = ast.parse(statement.text).body[0]
    assert isinstance(node, ast.Assign | ast.AnnAssign)
    assert node.value is not None
    return node.value


def _call(part: Part, module: str) -> str:
    items = [*part.takes, *(f"{name}={name}" for name in part.parameters)]
    target = f"{', '.join(part.gives)} = " if part.gives else ""
    if not part.waits:
        return _exploded(f"{target}{module}.{part.function}(", items, ")")
    return _exploded(f"{target}asyncio.run({module}.{part.function}(", items, "))")


def _exploded(head: str, items: Sequence[str], tail: str) -> str:
    """Write a call in a function's body as Black would."""
    line = f"    {head}{', '.join(items)}{tail}"
    if len(line) <= 120 or not items:
        return line
    together = f"        {', '.join(items)}"
    middle = together if len(together) <= 120 else "\n".join(f"        {item}," for item in items)
    return f"    {head}\n{middle}\n    {tail}"


def _returned(names: Sequence[str]) -> str:
    items = [f'"{name}": {name}' for name in names]
    line = f"    return {{{', '.join(items)}}}"
    if len(line) <= 120:
        return line
    return "\n".join(["    return {", *(f"        {item}," for item in items), "    }"])


def test_module(name: str, draft: Draft, kinds: Mapping[str, str]) -> str:
    """Write the test: the pipeline runs, and what each stage leaves is there and of the type that the notebook saw."""
    last = {given: part.stage.name for part in draft.parts for given in part.gives}
    rows = [f'    ("{stage}", "{given}", {_string(kinds.get(given))}),' for given, stage in last.items()]
    note = "" if kinds else " (None: not known, since the notebook had not been run)"
    left = "\n".join(["LEFT = [", *rows, "]"] if rows else ["LEFT = []"])
    return f'''\
"""The pipeline runs, and every stage leaves what the notebook left."""

import pytest

from {name}.pipeline import run

# stage, name, type{note}
{left}


{_TESTS}'''


_TESTS = """\
@pytest.fixture(scope="module")
def results():
    return run()


def test_the_pipeline_runs(results):
    assert set(results) == {name for _, name, _ in LEFT}


@pytest.mark.parametrize(("stage", "name", "kind"), LEFT)
def test_a_stage_leaves_what_it_promises(results, stage, name, kind):
    assert name in results, f"stage {stage} left no {name}"
    assert kind in {None, type(results[name]).__name__}
"""


def conftest(*, draws: bool) -> str:
    """Write the test settings: the project's folder is where paths start, and figures need no screen."""
    plot = ['os.environ["MPLBACKEND"] = "Agg"  # figures are drawn without a screen'] if draws else []
    lines = [
        '"""Tests run in the project\'s folder, where the notebook\'s paths start."""',
        "",
        "import os",
        "from pathlib import Path",
        "",
        "os.chdir(Path(__file__).parents[1])",
        *plot,
        "",
    ]
    return "\n".join(lines)


def pyproject(name: str, title: str, requirements: Sequence[str]) -> str:
    """Write the project's metadata."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    needed = "".join(f"\n  {_string(requirement)}," for requirement in requirements)
    return f"""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name.replace("_", "-")}"
version = "0.1.0"
description = {_string(title)}
requires-python = ">={version}"
dependencies = [{needed + chr(10) if needed else ""}]
{_TOOLS.replace("NAME", name)}"""


_TOOLS = """
[project.optional-dependencies]
notebooks = ["cloudpickle", "ipykernel", "papermill"]
test = ["pytest"]

[tool.hatch.build.targets.wheel]
packages = ["NAME"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]

[tool.ruff]
line-length = 120

[tool.ruff.lint.per-file-ignores]
"notebooks/*" = ["E402", "F401"]  # their cells are the original's
"""


def _string(text: str | None) -> str:
    return "None" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _free(name: str, draft: Draft) -> str:
    while name in draft.bound:
        name += "_"
    return name


def _module(about: str, imports: str, code: str) -> str:
    parts = [prose.quoted(about, "") + "\n"]
    parts += [f"\n{imports}\n"] if imports else []
    apart = "\n\n" if code.startswith(("def ", "async def ", "class ", "@")) else "\n"
    parts += [f"{apart}{code}\n"] if code else []
    return "".join(parts)
