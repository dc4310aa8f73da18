"""Security: what in a package could be misused, and what keeps it from that, one verdict each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nb2prod.bundle import pins
from nb2prod.bundle.sbom import UNKNOWN
from nb2prod.policy import Verdict
from nb2prod.risk.leaks import Leak

# What a model has no use for, and whoever tampers with a pickle has.
POWERFUL = frozenset(
    {"_posixsubprocess", "asyncio", "code", "commands", "ctypes", "http", "importlib", "multiprocessing", "nt", "os"}
    | {"pdb", "posix", "pty", "requests", "runpy", "shutil", "socket", "subprocess", "sys", "urllib", "webbrowser"}
)
CALLS = frozenset({"__import__", "breakpoint", "compile", "delattr", "eval", "exec", "getattr", "open", "setattr"})
# Licences that ask something of whoever passes the software on, by parts of their names.
COPYLEFT = re.compile(r"\b(?:A?GPL|SSPL|BUSL)|(?<!Lesser )General Public")


def findings(made: Mapping[str, bytes], leaked: Sequence[Leak], licences: Mapping[str, str]) -> tuple[Verdict, ...]:
    """Judge the files of a service.

    Args:
        made: Path → bytes.
        leaked: Secrets found in them.
        licences: Package → licence.
    """
    return (
        *_pickles(made),
        _secrets(leaked, len(made)),
        *_licences(licences),
        Verdict(
            rule="who may ask",
            ok=True,
            detail="without keys only the service's own machine; with them, whoever has one of them",
        ),
    )


def _pickles(made: Mapping[str, bytes]) -> Iterator[Verdict]:
    for path in sorted(name for name in made if name.endswith(".pkl")):
        found = pins.referred(made[path])
        risky = sorted(f"{module}.{name}" for module, name in found if _powerful(module, name))
        packages = ", ".join(sorted({module.partition(".")[0] for module, _ in found})) or "nothing"
        if risky:
            yield Verdict(
                rule=f"{path} calls nothing that a model has no use for",
                ok=False,
                detail=f"loading it may call {', '.join(risky)}",
                severity="warning",
            )
        else:
            detail = (
                f"a pickle runs code when it is loaded: it is loaded only as released (SHA-256), and calls {packages}"
            )
            yield Verdict(rule=f"{path} is what was released", ok=True, detail=detail)


def _powerful(module: str, name: str) -> bool:
    top = module.partition(".")[0]
    return top in POWERFUL or (top in {"builtins", "__builtin__"} and name in CALLS)


def _secrets(leaked: Sequence[Leak], files: int) -> Verdict:
    told = [f"{leak.kind} in {leak.path}" for leak in leaked]
    detail = "; ".join(told) if told else f"{files} files and the texts in their pickles were searched"
    return Verdict(rule="no secrets in the package", ok=not told, detail=detail, severity="warning")


def _licences(licences: Mapping[str, str]) -> Iterator[Verdict]:
    strict = [f"{name} ({said})" for name, said in licences.items() if COPYLEFT.search(said)]
    unknown = [name for name, said in licences.items() if said == UNKNOWN]
    yield _of("no licence that binds who passes the software on", strict, f"{len(licences)} packages")
    yield _of("every package says its licence", unknown, f"{len(licences)} packages, listed in sbom.json")


def _of(rule: str, bad: Iterable[str], good: str) -> Verdict:
    listed = ", ".join(bad)
    return Verdict(rule=rule, ok=not listed, detail=listed or good, severity="warning")
