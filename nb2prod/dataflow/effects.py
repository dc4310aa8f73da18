"""Effects: what a stage's code may do to the world outside its process, as far as names of calls tell."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import frozen

from nb2prod import dataflow
from nb2prod.dataflow import Unparsable, calls, magics
from nb2prod.dataflow.syntax import magic
from nb2prod.stage import code

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nb2prod.dataflow.stage_flow import StageFlow

_WRITERS = frozenset({
    "to_clipboard", "to_csv", "to_excel", "to_feather", "to_file", "to_gbq", "to_hdf", "to_html", "to_latex",
    "to_orc", "to_parquet", "to_pickle", "to_sql", "to_stata", "to_xml", "to_zarr", "chmod", "copyfile", "copytree",
    "commit", "execute", "executemany", "executescript", "imsave", "imwrite", "makedirs", "mkdir", "move", "rmdir",
    "rmtree", "symlink_to", "tofile", "touch", "unlink",
})  # fmt: skip
# Of a logger, which may write them to a file.
_LOGGING = frozenset({"critical", "debug", "error", "exception", "info", "log", "warning"})
_WRITING = ("save", "dump", "write")
_READERS = frozenset({
    "File", "Path", "connect", "execute", "exists", "getsize", "glob", "iglob", "imread", "is_dir", "is_file", "isfile",
    "iterdir", "listdir", "open", "rglob", "scandir", "stat", "walk",
})  # fmt: skip
_READING = ("read", "load", "fetch", "from_", "fromfile", "scan_")
_NETWORK = frozenset({
    "aiohttp", "boto3", "ftplib", "google", "httpx", "mlflow", "paramiko", "psycopg", "psycopg2", "pymongo", "redis",
    "requests", "s3fs", "smtplib", "socket", "sqlalchemy", "sqlite3", "urllib", "wandb",
})  # fmt: skip
_PROGRAMS = frozenset({"Popen", "check_call", "check_output", "execv", "popen", "subprocess", "system"})
_STATE = frozenset({
    "addHandler", "addLevelName", "basicConfig", "chdir", "disable", "environ", "filterwarnings", "options", "rand",
    "randint", "randn", "random", "rcParams", "sample", "seed", "setLevel", "setLoggerClass", "set_option", "set_theme",
    "setlocale", "shuffle", "simplefilter", "use",
})  # fmt: skip
# Line magics that leave the outside alone.
_HARMLESS = magics.SESSION | {"memit", "pdoc", "pinfo", "pinfo2", "prun", "psource", "time", "timeit", "who"}


@frozen(kw_only=True)
class Effects:
    """Whether code may run other programs, speak to other machines, write or read files, change its process's state."""

    programs: bool = False
    network: bool = False
    writes: bool = False
    reads: bool = False
    state: bool = False
    unsure: bool = False  # it runs code that cannot be seen

    @property
    def none(self) -> bool:
        """True of code that nothing outside can tell has run, however often it has."""
        return not (self.programs or self.network or self.writes or self.unsure)

    def __or__(self, other: Effects) -> Effects:
        """What either may do."""
        return Effects(
            programs=self.programs or other.programs,
            network=self.network or other.network,
            writes=self.writes or other.writes,
            reads=self.reads or other.reads,
            state=self.state or other.state,
            unsure=self.unsure or other.unsure,
        )


def of(position: int, flows: Sequence[StageFlow]) -> Effects:
    """Return what a stage may do, in its own cells, the setup's and the notebook's functions that it may call."""
    flow = flows[position]
    found = _of_all(code(cell) for cell in flow.stage.code_cells) | Effects(unsure=flow.opaque is not None)
    for above in flows[:position]:
        found |= _of_all(code(cell) for cell in above.stage.everywhere)
    return found | _of_all(_called(position, flows))


def _called(position: int, flows: Sequence[StageFlow]) -> Iterable[str]:
    """Return the source of the definitions above that a stage reads, and of those that they read."""
    sources = {
        name: source for flow in flows[:position] for item in flow.cells
        for name, source in item.flow.sources.items()
    }  # fmt: skip
    reads = {
        name: deferred.reads for flow in flows[:position] for item in flow.cells
        for name, deferred in item.flow.definitions.items()
    }  # fmt: skip
    pending, seen = [*flows[position].reads], set[str]()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending.extend(reads.get(name, ()))
    return [sources[name] for name in sorted(seen & sources.keys())]


def roots(flow: StageFlow) -> frozenset[str]:
    """Return the top-level packages that a stage's code imports."""
    return frozenset(item.root for item in flow.imports)


def _of_all(sources: Iterable[str]) -> Effects:
    found = Effects()
    for source in sources:
        found |= _of(source)
    return found


@lru_cache(maxsize=4096)
def _of(source: str) -> Effects:
    try:
        tree = dataflow.parse(source)
    except Unparsable:
        return Effects(programs=True)
    found = Effects()
    for node in ast.walk(tree):
        found |= _of_node(node)
    return found


def _of_node(node: ast.AST) -> Effects:
    behind = magic(node)
    if behind is not None:
        if behind.kind == "run_cell_magic" and behind.name in magics.CODE:
            return _of(behind.body)
        return Effects(programs=not (behind.kind == "run_line_magic" and behind.name in _HARMLESS))
    if isinstance(node, ast.Call):
        return _of_call(node)
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = {alias.name.partition(".")[0] for alias in node.names} | {getattr(node, "module", None) or ""}
        return Effects(network=bool(names & _NETWORK), programs=bool(names & _PROGRAMS))
    return Effects(programs=name in _PROGRAMS, network=name in _NETWORK, state=name in _STATE)


def _of_call(node: ast.Call) -> Effects:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    writes = (
        name in _WRITERS or (name.startswith(_WRITING) and name != "dumps") or (name == "open" and _for_writing(node))
    )
    owner = calls.base(node.func) if isinstance(node.func, ast.Attribute) else set()
    writes = writes or (owner <= {"os", "shutil"} and bool(owner) and name in {"remove", "rename", "replace", "copy"})
    writes = writes or (name in _LOGGING and "log" in ast.unparse(node.func).rpartition(".")[0].lower())
    return Effects(writes=writes, reads=name in _READERS or name.startswith(_READING))


def _for_writing(node: ast.Call) -> bool:
    """Tell whether a file is opened for writing; a mode that is not a constant may be anything."""
    modes = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "mode")]
    texts = [mode.value if isinstance(mode, ast.Constant) else "w" for mode in modes]
    return any(isinstance(text, str) and set(text) & set("wax+") for text in texts)
