"""Bundle: the files of a Bento, and the Bento made of them."""

from __future__ import annotations

import hashlib
import json
import keyword
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from attrs import Factory, frozen

from nb2prod.bundle import sbom
from nb2prod.bundle.lift import PROSE
from nb2prod.bundle.pins import Pins
from nb2prod.errors.ships import BentoNotBuilt

Json = dict[str, Any]

PART = re.compile(r"\{\{([a-z.]+)\}\}")
LONGEST = 52  # letters of a name: BentoML takes 63, and more may come before it
RUNTIME = "serving_runtime"  # what `nb2prod.serving` is called in a Bento: nothing of the notebook has that name


@frozen(kw_only=True)
class Name:
    """What the service of a notebook is called, in every place that has rules of its own."""

    tag: str  # of the Bento: lower case, digits, hyphens
    module: str  # of the notebook's own code
    service: str  # class

    @classmethod
    def of(cls, stem: str) -> Name:
        """Make names from a notebook's file name."""
        plain = unicodedata.normalize("NFKD", stem.casefold()).encode("ascii", "ignore").decode()  # größe: grosse
        words = re.findall(r"[a-z0-9]+", plain) or ["notebook"]
        words = [words[0][:LONGEST], *words[1:]]
        while len("-".join(words)) > LONGEST:
            words.pop()
        if words[0][0].isdigit() or keyword.iskeyword("_".join(words)):
            words = ["notebook", *words]
        return cls(
            tag="-".join(words), module=f"{'_'.join(words)}_code", service="".join(w.capitalize() for w in words)
        )


@frozen(kw_only=True)
class Parts:
    """Everything a service is made of."""

    notebook: str
    name: Name
    about: str  # what it answers, in a sentence
    schema: Json  # what the service itself reads: its `kind`, and what that asks for
    request: Json  # an example
    answer: Any  # to it
    openapi: Json
    card: Json  # what people read of it
    digest: str  # of the file that answers, SHA-256
    files: Mapping[str, bytes]  # path → that file, the notebook's own code, and all else that is its own
    guarded: tuple[str, ...] = ()  # files, besides that one, that are loaded only as they were released
    pins: Pins
    arguments: Mapping[str, str] = Factory(lambda: {"rows": "list[dict[str, Any]]"})  # of a request: name → type
    page: str = "model.html"  # the one of serving/pages that people see


def contents(parts: Parts) -> dict[str, bytes]:
    """Write the files of a service: path within its folder → bytes."""
    tag, rows = parts.name.tag, parts.request.get("rows")
    card = {"title": tag.replace("-", " ").capitalize(), "notebook": parts.notebook, "kind": parts.schema["kind"]}
    card |= {
        "request": parts.request,
        "explains": bool(parts.schema.get("explain")),
        "about": parts.about,
        "environment": parts.pins.direct,
        "python": platform.python_version(),
    }
    texts = {
        "service.py": _service(parts),
        "schema.json": _json(parts.schema),
        "request.json": _json(parts.request),
        **({"example.json": _json(rows[0])} if rows else {}),
        "openapi.json": _json(parts.openapi),
        "card.json": _json(card | parts.card),
        "requirements.txt": parts.pins.text(),
        "page.html": page(parts.page, tag),
        "README.md": _readme(parts),
        **{f"{RUNTIME}/{path}": _file(path) for path in _runtime()},
    }
    made = {path: text.encode() for path, text in texts.items()} | dict(parts.files)
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in made.items()}
    pinned = (*parts.pins.direct, *parts.pins.indirect)
    made["sbom.json"] = _json(sbom.document(tag, parts.digest[:16], pinned, hashes)).encode()
    return made


def page(name: str, title: str) -> str:
    """Write a page of a service as one file: `name.html`, with the parts that it names in double braces."""
    return PART.sub(lambda found: title if found[1] == "title" else _file(f"pages/{found[1]}"), _file(f"pages/{name}"))


def version(made: Mapping[str, bytes]) -> str:
    """Return the version of a Bento: a hash of its files, so that the same service has the same tag."""
    digest = hashlib.sha256()
    for path in sorted(made):
        digest.update(f"{path}\0{len(made[path])}\0".encode() + made[path])
    return digest.hexdigest()[:16]


def write(made: Mapping[str, bytes], folder: Path) -> None:
    """Write the files of a service into a new folder."""
    for path, data in made.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


# A process of its own: a build imports the service, and BentoML remembers more than it should from one to the next.
BUILD = """
import json, os, sys, bentoml
bentoml.bentos.build, bentoml.service, bentoml.images.Image  # imported when they are looked at
asked = sys.stdin.readline()
if not asked:
    sys.exit()  # nothing is to be built
folder, version, archive = json.loads(asked)
os.chdir(folder)
sys.dont_write_bytecode = True  # the folder is kept, to be read
text = open("README.md", encoding="utf-8").read()
bento = bentoml.bentos.build("service", build_ctx=folder, version=version, description=text)
bentoml.bentos.export_bento(str(bento.tag), archive)
"""


@frozen
class Builder:
    """A process that has imported BentoML before there is anything to build, which takes it longer than to build."""

    child: subprocess.Popen[str]

    def build(self, folder: Path, *, version: str, archive: Path) -> None:
        """Build the Bento of a service's folder, and export it.

        Raises:
            BentoNotBuilt: BentoML refused it; the error holds its log.
        """
        said, _ = self.child.communicate(json.dumps([str(folder), version, str(archive)]) + "\n")
        _built(self.child.returncode, said)


@contextmanager
def builder(home: Path) -> Iterator[Builder]:
    """Start what may build one Bento into the store `home`; nothing of it goes on after the block."""
    home.mkdir(parents=True, exist_ok=True)
    child = subprocess.Popen(
        [sys.executable, "-c", BUILD],
        env=environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with child:
        try:
            yield Builder(child)
        finally:
            child.kill()  # it has built, or will not


IMPORT = "import sys, bentoml; bentoml.bentos.import_bento(sys.argv[1])"
DELETE = "import sys, bentoml; bentoml.bentos.delete(sys.argv[1])"


def import_bento(archive: Path, tag: str, *, home: Path) -> bool:
    """Put a Bento of ours into a store, and say whether it was not there yet.

    Raises:
        BentoNotBuilt: BentoML refused the archive.
    """
    name, _, number = tag.partition(":")
    if (home / "bentos" / name / number / "bento.yaml").exists():
        return False
    home.mkdir(parents=True, exist_ok=True)
    _bentoml(IMPORT, str(archive), home=home)
    return True


def copy_bento(tag: str, one: Path, other: Path) -> bool:
    """Put a Bento of one store into another, whole or not at all, and say whether it was not there yet."""
    name, _, number = tag.partition(":")
    folder = other / "bentos" / name
    if (folder / number / "bento.yaml").exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=other, ignore_cleanup_errors=True) as own:
        made = shutil.copytree(one / "bentos" / name / number, Path(own) / number)
        made.rename(folder / number)
    (folder / "latest").write_text(number, encoding="utf-8")
    return True


def source(tag: str, *, home: Path) -> Path:
    """Return the folder of a Bento's sources in a store."""
    name, _, number = tag.partition(":")
    return home / "bentos" / name / number / "src"


def delete_bento(tag: str, *, home: Path) -> None:
    """Take a Bento out of a store."""
    _bentoml(DELETE, tag, home=home)


def user_home() -> Path:
    """Return the user's BentoML store."""
    return Path(os.environ.get("BENTOML_HOME") or Path.home() / "bentoml")


def _bentoml(code: str, argument: str, *, home: Path) -> None:
    """Run code in a fresh process with a BentoML store."""
    command = [sys.executable, "-c", code, argument]
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=False)
    _built(done.returncode, done.stdout + done.stderr)


def _built(status: int, said: str) -> None:
    if status:
        log = said.strip()
        raise BentoNotBuilt(log.splitlines()[-1] if log else f"exit code {status}", log)


def environment(home: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a BentoML process: its own store, no usage tracking, nothing of ours on its path."""
    kept = {k: v for k, v in environ.items() if not k.startswith(("PYTHONPATH", "BENTOML_", "NB2PROD_"))}
    return kept | {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "PYTHONSAFEPATH": "1"}


def _service(parts: Parts) -> str:
    hashes = {path: hashlib.sha256(parts.files[path]).hexdigest() for path in parts.guarded}
    return Template(_file("service.txt")).substitute(
        title=parts.name.service,
        about=parts.about.translate(PROSE),
        code=parts.name.module,
        digest=parts.digest,
        files=f", files={hashes!r}" if hashes else "",
        name=parts.name.tag,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        service=parts.name.service,
        arguments="".join(f", {name}: {kind}" for name, kind in parts.arguments.items()),
        given=", ".join(f"{name}={name}" for name in parts.arguments),
        verb="predict" if parts.request else "tables",
    )


def _runtime() -> list[str]:
    """Return the modules of a service's runtime: whatever stands beside its core, as paths."""
    folder = files("nb2prod.serving")
    inner = [f for f in folder.iterdir() if f.is_dir() and f.joinpath("__init__.py").is_file()]
    found = [(f.name, f) for f in folder.iterdir()] + [(f"{d.name}/{f.name}", f) for d in inner for f in d.iterdir()]
    return sorted(path for path, f in found if f.name.endswith(".py"))


def _file(path: str) -> str:
    return files("nb2prod.serving").joinpath(path).read_text(encoding="utf-8")


def _readme(parts: Parts) -> str:
    asked = f"POST /predict\n{json.dumps(parts.request, ensure_ascii=False)}" if parts.request else "GET /tables"
    return f"# {parts.name.tag}\n\n{parts.about} Packaged by nb2prod.\n\n```\n{asked}\n```\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str, allow_nan=False) + "\n"
