"""Unchanged: what `run` and `plan` answer when nothing changed since the last run, without planning anything.

To import what plans takes longer than to see that there is nothing to plan. So a run that went well leaves a memo (see
`nb2prod.memo`): all that the next one's plan would depend on, and what it would say. Here it is held against what is
there now, with nothing imported that Python has not loaded by itself. At any doubt the answer is None, and the run is
planned as ever.
"""

from __future__ import annotations

import os
import sys
import time

from nb2prod.startup import run_name
from nb2prod.startup.codec import Packed, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SLACK = 2_000_000_000  # ns by which clocks and the times that file systems keep may be off

_VALUES = {
    "-p": 2, "--parameter": 2, "-o": 1, "--output": 1, "--store": 1, "--kernel": 1, "--format": 1, "--run-id": 1,
    "--parameters-json": 1,
}  # fmt: skip
_OF_PLAN = {"-p", "--parameter", "--store", "--format", "--parameters-json"}


def beside(memory: str) -> str:
    """Return the file of the memo that lies beside the memory of a notebook's last run."""
    return memory.removesuffix(".json") + ".unchanged"


def answered(arguments: Sequence[str]) -> bool:
    """Do what a command line asks for and return True, if the memo of its notebook holds; else do nothing."""
    asked = _read(arguments)
    if asked is None or "notebook" not in asked:
        return False
    try:
        memo = _memo(os.path.realpath(asked["notebook"][0]))
        if memo is None or not _holds(memo) or not _fits(memo, asked):
            return False
        said = _run(memo, asked) if asked["verb"] == ["run"] else _plan(memo, asked)
    except (OSError, LookupError, ValueError, TypeError):
        return False
    if said is None:
        return False
    sys.stderr.write(said[0])
    sys.stdout.write(said[1])
    return True


def signature(path: str, now: int, *, hashed: bool = False) -> str:
    """Return what tells that a file is still the same: as git does it, from `stat`, or by a hash for a new file.

    Args:
        path: The file, which need not exist.
        now: The time in ns. What was written shortly before it might be written again without a trace in `stat`.
        hashed: Take the hash in any case.
    """
    seen = _stat(path)
    if seen is None:
        return "-"
    fresh = max(seen[:2]) > now - SLACK
    return " ".join([*map(str, seen), *([_hash(path)] if fresh or hashed else [])])


def place(path: str) -> str:
    """Return what tells that a file which is only ever replaced as a whole, and marked, is still there."""
    try:
        stat = os.stat(path)
    except OSError:
        return "-"
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"


def variable(name: str) -> str:
    """Return what tells the value of an environment variable from others, too short to guess a secret by it."""
    value = os.environ.get(name)
    if value is None:
        return "-"
    from hashlib import sha256

    return sha256(f"{name}={value}".encode(errors="surrogateescape")).hexdigest()[:8]


def installed() -> list[str]:
    """Return the distributions to be found by this process, those of a folder after its name, in their order."""
    found = []
    for folder in sys.path:
        try:
            names = sorted(name for name in os.listdir(folder or ".") if name.endswith((".dist-info", ".egg-info")))
        except OSError:
            continue
        if names:
            found += [folder, *names]
    return found


def interpreter() -> list[str]:
    """Return what tells this Python, this nb2prod and its settings in the environment from others."""
    settings = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("NB2PROD_"))
    return [sys.version, sys.executable, sys.prefix, *code(), *settings]


def code() -> list[str]:
    """Return what tells the code of this nb2prod from others."""
    own = os.path.dirname(os.path.dirname(__file__))
    return [own, *sorted(place(entry.path) for folder in (own, *_folders(own)) for entry in _sources(folder))]


def _folders(own: str) -> list[str]:
    with os.scandir(own) as entries:
        return [entry.path for entry in entries if entry.is_dir() and entry.name not in {"__pycache__", "labextension"}]


def _sources(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if entry.name.endswith(".py")]


def _read(arguments: Sequence[str]) -> dict[str, list[str]] | None:
    """Take a command line apart; None when it may ask for more than is known here."""
    if not arguments or arguments[0] not in {"run", "plan"}:
        return None
    asked: dict[str, list[str]] = {"verb": [arguments[0]]}
    rest = iter(arguments[1:])
    for word in rest:
        if not word.startswith("-"):
            name, values = "notebook", [word]
        elif word in _VALUES and (arguments[0] == "run" or word in _OF_PLAN):
            name, values = "-p" if word == "--parameter" else word.replace("--output", "-o"), _some(rest, _VALUES[word])
        else:
            return None
        if not values or any(value.startswith("-") for value in values) or (name in asked and name != "-p"):
            return None
        asked.setdefault(name, []).extend(values)
    return asked


def _some(words: Iterator[str], count: int) -> list[str]:
    found = [word for _, word in zip(range(count), words, strict=False)]  # not one word more
    return found if len(found) == count else []


def _memo(notebook: str) -> Packed | None:
    folder = os.path.dirname(notebook)
    while True:
        below = os.path.relpath(notebook, folder)
        try:
            with open(beside(os.path.join(folder, ".nb2prod", "last", below + ".json")), "rb") as file:
                return unpack(file.read())
        except FileNotFoundError:
            pass
        if folder == os.path.dirname(folder):
            return None
        folder = os.path.dirname(folder)


def _holds(memo: Packed) -> bool:
    """Say whether all is still there, and the same."""
    if memo["interpreter"] != interpreter() or memo["installed"] != installed():
        return False
    return (
        all(_same(path, seen) for path, seen in _pairs(memo["files"]))
        and all(place(path) == seen for path, seen in _pairs(memo["places"]))
        and all(variable(name) == seen for name, seen in _pairs(memo["variables"]))
    )


def _same(path: str, seen: str) -> bool:
    there, then = _stat(path), seen.split()
    if there is None:
        return seen == "-"
    facts = len(there)
    return list(map(str, there)) == then[:facts] and all(known == _hash(path) for known in then[facts:])


def _stat(path: str) -> tuple[int, ...] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino, stat.st_mode)


def _pairs(values: list[str]) -> Iterable[tuple[str, str]]:
    return zip(values[::2], values[1::2], strict=True)


def _fits(memo: Packed, asked: dict[str, list[str]]) -> bool:
    """Say whether the run of the memo was of these parameters, on this store."""
    from nb2prod.startup.arguments import given

    (notebook, store, usual_store, kernel, usual_kernel, parameters) = memo["of"]
    values = given(asked.get("-p", []), asked.get("--parameters-json", ["{}"])[0])
    return (
        os.path.realpath(asked["notebook"][0]) == notebook
        and repr(values) == parameters
        and asked.get("--store", [usual_store])[0] == store
        # A plan is always of the notebook's own kernel, or the one in the settings.
        and asked.get("--kernel", [usual_kernel])[0] == kernel
        and asked.get("--format", ["text"])[0] in {"text", "json"}
    )


def _plan(memo: Packed, asked: dict[str, list[str]]) -> tuple[str, str]:
    return "", memo["plan"][asked.get("--format", ["text"]) == ["json"]]


def _run(memo: Packed, asked: dict[str, list[str]]) -> tuple[str, str] | None:
    """Leave the records of a run and return what it says on stderr and stdout."""
    home, quoted, executed, mark = memo["run"]
    name = asked.get("--run-id", [run_name.new()])[0]
    output = asked.get("-o", [""])[0]
    if not _is_name(name) or (output and not _may_write(output, memo["of"][0])):
        return None
    folder = os.path.join(home, "runs", name)
    with open(executed, "rb") as file:
        document = file.read()

    def filled(text: str) -> str:
        own = f"{quoted}/runs/{name}/executed.ipynb"
        return text.replace(f"{mark}out", output or own).replace(f"{mark}run", name)

    os.makedirs(os.path.join(folder, "stages"), exist_ok=True)
    _write(os.path.join(folder, "executed.ipynb"), document)
    if output:
        _write(output, document)
    _write(os.path.join(folder, "run.json"), filled(memo["result"][0]).encode())
    with open(os.path.join(folder, "events.jsonl"), "a", encoding="utf-8") as lines:
        lines.write(filled("".join(_dated(memo["events"], mark))))
    text = memo["said"][1 + (asked.get("--format", ["text"]) == ["json"])]
    return memo["said"][0], filled(text.replace(f"{mark}plain", output or f"{home}/runs/{name}/executed.ipynb"))


def _dated(events: list[str], mark: str) -> Iterable[str]:
    from nb2prod.startup.birth import began

    process = f'"pid": {os.getpid()}, "began": {began()!r}'
    for line in events:
        yield line.replace(f"{mark}at", f"{time.time():.3f}").replace(f'"{mark}process": 0', process)


def _is_name(name: str) -> bool:
    day, _, rest = name.partition("-")
    clock, _, digits = rest.partition("-")
    numbers = len(day) == 8 and len(clock) == 6 and (day + clock).isdecimal() and (day + clock).isascii()
    return numbers and len(digits) == 6 and all(digit in "0123456789abcdef" for digit in digits)


def _may_write(output: str, notebook: str) -> bool:
    """Say whether an output is a plain path that can be written, spelt the one way that is also JSON's."""
    folder = os.path.dirname(output) or "."
    usual = output.isascii() and output.isprintable() and not set(output) & {'"', "\\", ":"}
    tidy = output == os.path.normpath(output) and ".." not in output
    free = os.path.isdir(folder) and os.access(folder, os.W_OK) and not os.path.isdir(output)
    return usual and tidy and free and os.path.realpath(output) != notebook


def _write(path: str, data: bytes) -> None:
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.urandom(4).hex()}")
    with open(temporary, "wb") as file:
        file.write(data)
    os.replace(temporary, path)


def _hash(path: str) -> str:
    from hashlib import sha256

    digest = sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
