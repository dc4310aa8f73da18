"""Bundle: a model, its code and its fields as the files of a Bento, and the Bento made of them."""

from __future__ import annotations

import hashlib
import json
import keyword
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from attrs import asdict, frozen

from nb2prod.candidate import Candidate
from nb2prod.evaluate import Rival
from nb2prod.fields import Field, Table
from nb2prod.lift import PROSE, Lifted
from nb2prod.pins import Pins
from nb2prod.refusals import BentoNotBuilt

FEW = 20  # classes that are worth listing in the service's schema


@frozen(kw_only=True)
class Name:
    """What the service of a notebook is called, in every place that has rules of its own."""

    tag: str  # of the Bento: lower case, digits, hyphens
    module: str  # of the notebook's own code
    service: str  # class

    @classmethod
    def of(cls, stem: str) -> Name:
        """Make names from a notebook's file name."""
        words = re.findall(r"[a-z0-9]+", stem.lower()) or ["notebook"]
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
    candidate: Candidate
    table: Table
    lifted: Lifted
    pins: Pins
    metrics: Mapping[str, float]
    baseline: Rival
    rows: int  # held out
    helpers: Mapping[str, bytes]  # the notebook's own modules: path → source


def contents(parts: Parts) -> dict[str, bytes]:
    """Write the files of a service: path within its folder → bytes."""
    schema = {"container": parts.table.container, "fields": [asdict(f) | {"key": f.key} for f in parts.table.fields]}
    texts = {
        "service.py": _service(parts),
        "schema.json": _json(schema),
        "example.json": _json(parts.table.example()),
        "requirements.txt": parts.pins.text(),
        "page.html": _page(parts, schema["fields"]),
        "README.md": _readme(parts),
    }
    made = {path: text.encode() for path, text in texts.items()} | {"model.pkl": parts.lifted.model, **parts.helpers}
    if parts.lifted.source:
        made[f"{parts.name.module}.py"] = parts.lifted.source.encode()
    if parts.lifted.values:
        made["values.pkl"] = parts.lifted.values
    return made


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
import sys, bentoml
folder, version, archive = sys.argv[1:]
sys.dont_write_bytecode = True  # the folder is kept, to be read
text = open("README.md", encoding="utf-8").read()
bento = bentoml.bentos.build("service", build_ctx=folder, version=version, description=text)
bentoml.bentos.export_bento(str(bento.tag), archive)
print(bento.tag)
"""


def build(folder: Path, *, version: str, home: Path, archive: Path) -> str:
    """Build the Bento of a service's folder into the store `home`, and export it.

    Returns:
        The tag, `name:version`.

    Raises:
        BentoNotBuilt: BentoML refused it; the error holds its log.
    """
    return _bentoml(BUILD, str(folder), version, str(archive), home=home, folder=folder)


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


def delete_bento(tag: str, *, home: Path) -> None:
    """Take a Bento out of a store."""
    _bentoml(DELETE, tag, home=home)


def user_home() -> Path:
    """Return the user's BentoML store."""
    return Path(os.environ.get("BENTOML_HOME") or Path.home() / "bentoml")


def _bentoml(code: str, *arguments: str, home: Path, folder: Path | None = None) -> str:
    """Run code in a fresh process with a BentoML store, and return the last word it prints."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(home), capture_output=True, text=True, check=False)
    if done.returncode:
        log = (done.stdout + done.stderr).strip()
        raise BentoNotBuilt(log.splitlines()[-1] if log else f"exit code {done.returncode}", log)
    return done.stdout.split()[-1] if done.stdout.split() else ""


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a BentoML process: its own store, no usage tracking, nothing of ours on its path."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "BENTOML_", "NB2PROD_"))}
    return kept | {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "PYTHONSAFEPATH": "1"}


def _service(parts: Parts) -> str:
    text = files("nb2prod.serving").joinpath("service.txt").read_text(encoding="utf-8")
    fields = parts.table.fields
    used = dict.fromkeys(alias for f in fields if (alias := _alias(f)))
    container = {"frame": "frame", "array": "frame.to_numpy()", "series": "frame.iloc[:, 0]"}
    return Template(text).substitute(
        title=parts.name.service,
        notebook=parts.notebook.translate(PROSE),
        code=parts.name.module,
        digest=parts.lifted.digest,
        aliases="\n".join([*(f"{alias} = {LIMITS[alias]}" for alias in used), ""] if used else []),
        fields="\n".join(_line(f) for f in fields),
        name=parts.name.tag,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        service=parts.name.service,
        container=container[parts.table.container],
        **_answer(parts.candidate),
    )


# Python's numbers have no end, a column's have: what does not fit is refused, and not wrapped around.
LIMITS = {
    **{f"Int{n}": f"Annotated[int, Field(ge=-(2**{n - 1}), lt=2**{n - 1})]" for n in (8, 16, 32, 64)},
    **{f"UInt{n}": f"Annotated[int, Field(ge=0, lt=2**{n})]" for n in (8, 16, 32, 64)},
    "Float16": "Annotated[float, Field(ge=-65504, le=65504)]",
    "Float32": "Annotated[float, Field(ge=-3.4028234e38, le=3.4028234e38)]",
}


def _alias(field: Field) -> str | None:
    if field.kind not in {"integer", "number"} or field.closed:
        return None
    dtype = field.dtype.lower()  # pandas' nullable types are written with a capital
    name = dtype.replace("uint", "UInt") if dtype.startswith("uint") else dtype.capitalize()
    return name if name in LIMITS else "Int64" if field.kind == "integer" else None


def _line(field: Field) -> str:
    """Write one field of the class `Row`."""
    if field.closed:
        kind = f"Literal[{', '.join(map(_written, field.categories))}]"
    elif field.kind == "time":
        kind = "AwareDatetime" if "," in field.dtype else "NaiveDatetime"
    else:
        kind = _alias(field) or {"number": "float", "boolean": "bool", "text": "str"}[field.kind]
    nullable = " | None" if field.nullable else ""
    alias = f" = Field(alias={json.dumps(field.key)})" if field.name != field.key else ""
    return f"    {field.name}: {kind}{nullable}{alias}"


def _answer(candidate: Candidate) -> dict[str, str]:
    """Write what the service answers with: classes with their probabilities, or numbers."""
    import numpy as np

    said = candidate.predict(candidate.held.x[:1])
    kinds = {"U": "str", "O": "str", "S": "str", "T": "str", "i": "int", "u": "int", "b": "bool", "f": "float"}
    kind = kinds.get(said.dtype.kind, "Any")
    kind = f"list[{kind}]" if said.ndim > 1 else kind
    plain = {"chances": "", "answers": "        return [Prediction(prediction=value) for value in predicted]"}
    classes = (
        np.asarray(getattr(candidate.model, "classes_", ())).tolist() if candidate.kind == "classification" else []
    )
    if said.ndim == 1 and 0 < len(classes) <= FEW and kind in {"str", "int", "bool"}:
        kind = f"Literal[{', '.join(map(_written, classes))}]"
    if said.ndim > 1 or candidate.probabilities(candidate.held.x[:1]) is None:
        return {"answer": kind, **plain}
    answers = (
        "        chances = self.numpy.asarray(self.model.predict_proba(frame)).tolist()\n"
        f"        classes = [{', '.join(_written(str(c)) for c in classes)}]\n"
        "        said = [dict(zip(classes, row, strict=True)) for row in chances]\n"
        "        return [Prediction(prediction=v, probabilities=p) for v, p in zip(predicted, said, strict=True)]"
    )
    return {"answer": kind, "chances": "    probabilities: dict[str, float]\n", "answers": answers}


def _written(value: Any) -> str:
    """Write a text, number or boolean as Python does, texts in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _readme(parts: Parts) -> str:
    example = json.dumps({"rows": [parts.table.example()]}, ensure_ascii=False)
    return (
        f"# {parts.name.tag}\n\nAnswers with the model '{parts.candidate.name}' of {parts.notebook}, "
        f"which nb2prod packaged.\n\n```\nPOST /predict\n{example}\n```\n"
    )


def _page(parts: Parts, fields: Any) -> str:
    card = {
        "title": parts.name.tag.replace("-", " ").capitalize(),
        "notebook": parts.notebook,
        "model": parts.candidate.name,
        "rows": parts.rows,
        "metrics": parts.metrics,
        "baseline": {"name": parts.baseline.name, "metrics": parts.baseline.metrics},
        "fields": fields,
    }
    text = files("nb2prod.serving").joinpath("page.html").read_text(encoding="utf-8")
    # `</script>` in a name would end the element that holds the card.
    return text.replace("__TITLE__", parts.name.tag).replace("__CARD__", _json(card).replace("<", "\\u003c"))


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str, allow_nan=False) + "\n"
