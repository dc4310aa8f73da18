"""Reproduce: a release made again from its own record, in a clean folder, and compared with what was released."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from attrs import asdict, evolve, frozen
from uv import find_uv_bin

import nb2prod
from nb2prod.environment import modules
from nb2prod.errors.deployments import DataChanged, DataMissing, EnvironmentNotMade, NotRebuilt
from nb2prod.events import Event, Listener
from nb2prod.packers import previous
from nb2prod.packers.previous import Previous
from nb2prod.releases import origin, release, trust
from nb2prod.releases.origin import Origin
from nb2prod.releases.release import Release

Packages = Mapping[str, tuple[str, str | None]]  # those that have another version now: as it was, and is
Verdict = Literal["same bits", "same model", "same metrics", "different"]
# With the notebook's own code, what answers depend on; a product's description says besides when it was made.
MODEL = ("model.pkl", "values.pkl", "tables/", "figures/")
LIMIT = 1000  # characters of an error's log


@frozen(kw_only=True)
class Part:
    """A file of the service, as it was and as it is."""

    path: str
    was: str | None  # SHA-256; None where there was none
    now: str | None

    @property
    def same(self) -> bool:
        """Say whether it is the same to the bit."""
        return self.was == self.now


@frozen(kw_only=True)
class Reproduction:
    """What became of a release that was made again."""

    release: str
    parts: tuple[Part, ...]
    code: bool  # the notebook's code is what it was
    data: Mapping[str, bool]  # rows that the model learnt from and was judged by: as they were
    metrics: Mapping[str, tuple[float | None, float | None]]  # as they were, and are
    python: tuple[str, str]
    packages: Packages
    fresh: bool = False
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Say how much of it is the same."""
        if all(part.same for part in self.parts):
            return "same bits"
        answers = [part for part in self.parts if part.path.startswith(MODEL) or _own(part.path)]
        if answers and all(part.same for part in answers):
            return "same model"
        equal = bool(self.metrics) and all(was == now for was, now in self.metrics.values())
        return "same metrics" if equal else "different"

    def json(self) -> dict[str, Any]:
        """Write it."""
        found = asdict(self) | {"verdict": self.verdict, "ok": self.verdict != "different", "error": None}
        return found | {"parts": [asdict(part) | {"same": part.same} for part in self.parts]}


def reproduce(  # noqa: PLR0913 - what may be said of it
    home: Path,
    name: str,
    *,
    fresh: bool = False,
    data: Path | None = None,
    output: Path | None = None,
    listen: Listener = lambda _: None,
) -> dict[str, Any]:
    """Make a release again from its record alone, compare, and return the comparison's JSON.

    Args:
        home: The folder of records.
        name: The release.
        fresh: In an environment of its own with the versions of the release, instead of this one.
        data: The folder that the notebook's data lies in; the notebook's own when None.
        output: A new folder for what is made; it is removed when None.
        listen: Told of the steps.

    Raises:
        RunUnknown: There is no such release.
        ReleaseChanged, ReleaseForeign: It is not what was released, or by nobody who is trusted.
        OriginMissing: It does not hold what it was made from.
        DataMissing, DataChanged: A file that the notebook read is gone, or is another one.
        NotRebuilt: The notebook does not run, or cannot be packaged, any more.
    """
    begun = time.monotonic()
    made = trust.trusted(home, name)
    folder = release.folder_of(home, name)
    known = origin.read(folder, name)
    with _place(output) as place:
        project = place / "project"
        origin.lay_out(folder, project)
        there = (project / known.notebook).parent
        with _step("data", listen):
            _bring(known, data or (home.resolve().parent / known.notebook).parent, there)
        python = Path(sys.executable)
        if fresh:
            with _step("environment", listen):
                python = _environment(folder, known, place / "venv")
        with _step("rebuild", listen):
            built = _rebuilt(python, made, known, place, previous.of(home, known.previous) if known.previous else None)
        with _step("compare", listen):
            found = _compared(made, built, _packages(folder, python))
        return evolve(found, fresh=fresh, seconds=round(time.monotonic() - begun, 1)).json()


@contextmanager
def _place(output: Path | None) -> Iterator[Path]:
    if output is None:
        with tempfile.TemporaryDirectory(prefix="nb2prod-") as folder:
            yield Path(folder).resolve()
    else:
        output.mkdir(parents=True)
        yield output.resolve()


def _bring(known: Origin, source: Path, target: Path) -> None:
    """Copy the data to where the notebook looks for it, if it is what was read then."""
    for file, digest in known.data.items():
        found = trust.digest(source / file)
        if found is None:
            raise DataMissing(file, str(source))
        if found != digest:
            raise DataChanged(file, str(source), digest, found)
        if not Path(file).is_absolute():
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, target / file)
    for file, digest in known.outside.items():
        found = modules([file]).get(file)
        if found is None:
            raise DataMissing(file, "the place it had")
        if found != digest:
            raise DataChanged(file, "the place it had", digest, found)


def _environment(folder: Path, known: Origin, place: Path) -> Path:
    """Make an environment with the versions of the release, and this nb2prod in it."""
    quiet = ["--quiet", "--no-python-downloads"]
    _uv(["venv", *quiet, "--python", known.python.rpartition(".")[0], str(place)], known)
    python = place / "bin" / "python"
    wanted = str(folder / origin.FOLDER / origin.PINS)
    _uv(["pip", "install", *quiet, "--python", str(python), "--requirement", wanted], known)
    # nb2prod itself is the one that does this, and none from an index.
    site = next((place / "lib").glob("python*")) / "site-packages"
    package = Path(nb2prod.__file__).parent
    shutil.copytree(package, site / "nb2prod", ignore=shutil.ignore_patterns("__pycache__", "labextension"))
    _copy_metadata(site)
    return python


def _copy_metadata(site: Path) -> None:
    from importlib.metadata import distribution

    found = distribution("nb2prod")
    target = site / f"nb2prod-{found.version}.dist-info"
    target.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (target / name).write_text(found.read_text(name) or "", encoding="utf-8")


def _uv(arguments: list[str], known: Origin) -> None:
    done = subprocess.run([find_uv_bin(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentNotMade(known.python, done.stderr.strip()[-LIMIT:])


def _rebuilt(python: Path, made: Release, known: Origin, place: Path, rival: Previous | None) -> dict[str, Any]:
    result = place / "result.json"
    # What is set here for other work must not change what comes out.
    dropped = ("NB2PROD_", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    notebook = place / "project" / known.notebook
    asked = [json.dumps(dict(made.parameters)), json.dumps(rival and asdict(rival)), str(result)]
    done = subprocess.run(
        [str(python), "-m", "nb2prod.reproduction.rebuild", str(notebook), *asked],
        cwd=notebook.parent,
        env=kept | {"BENTOML_HOME": str(place / "bentoml"), "NB2PROD_WARM": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if not result.exists():
        raise NotRebuilt(made.id, f"its process ended with code {done.returncode}", done.stderr[-4 * LIMIT :])
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    if found["error"] is not None:
        wrong = found["error"]
        raise NotRebuilt(made.id, f"{wrong['code']}: {wrong['message']}", str(wrong.get("detail") or ""))
    return found


def _compared(made: Release, built: Mapping[str, Any], packages: Packages) -> Reproduction:
    prefix = f"{release.SERVICE}/"
    was = {path.removeprefix(prefix): digest for path, digest in made.files.items() if path.startswith(prefix)}
    now = release.hashes(Path(built["service"]))
    names = sorted(made.metrics.keys() | built["metrics"].keys())
    return Reproduction(
        release=made.id,
        parts=tuple(Part(path=path, was=was.get(path), now=now.get(path)) for path in sorted(was.keys() | now.keys())),
        code=made.code == built["code"],
        data={part: made.data.get(part) == digest for part, digest in built["data"].items()},
        metrics={name: (made.metrics.get(name), built["metrics"].get(name)) for name in names},
        python=(made.python, built["python"]),
        packages=packages,
    )


def _packages(folder: Path, python: Path) -> Packages:
    """Return the packages that have another version now than when it was released."""
    code = "import json; from importlib.metadata import distributions as d; " + (
        "print(json.dumps({x.metadata['Name'].lower().replace('_', '-').replace('.', '-'): x.version for x in d()}))"
    )
    now = json.loads(subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout)
    lines = (folder / origin.FOLDER / origin.PINS).read_text(encoding="utf-8").split()
    pairs = [line.split("==") for line in lines]
    public = {name: version.partition("+")[0] for name, version in now.items()}
    return {name: (version, public.get(name)) for name, version in pairs if public.get(name) != version}


def _own(path: str) -> bool:
    """Say whether a file of a service is the notebook's own code."""
    return path.endswith(".py") and path != "service.py" and not path.startswith("serving_runtime/")


@contextmanager
def _step(name: str, listen: Listener) -> Iterator[None]:
    begun = time.monotonic()
    listen(Event(kind="step", data={"step": name, "state": "running", "seconds": None, "detail": ""}))
    state = "failed"
    try:
        yield
        state = "done"
    finally:
        seconds = round(time.monotonic() - begun, 3)
        listen(Event(kind="step", data={"step": name, "state": state, "seconds": seconds, "detail": ""}))
