"""Services for tests, in this process: a model, the files that are packaged of it, and the door to it."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nb2prod.bundle import bento
from nb2prod.bundle.lift import Lifted
from nb2prod.candidates.candidate import Candidate, Rows
from nb2prod.packers import explanations, fields, probe
from nb2prod.packers.model import described, parted
from nb2prod.policy import Rules
from nb2prod.serving.core import Core
from nb2prod.serving.middleware import Middleware


def frame(rows: int = 200) -> pd.DataFrame:
    chance = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "hours": chance.normal(8, 2, rows),
            "visits": chance.integers(0, 20, rows),
            "plan": chance.choice(["basic", "gold"], rows),
            "city": chance.choice(["Köln", "Paris", "Oslo"], rows),
            "note": [f"note {n}" for n in range(rows)],
            "wage": np.where(chance.random(rows) < 0.2, np.nan, chance.normal(50, 9, rows)),
        }
    )


def model(x: pd.DataFrame) -> Any:
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["plan"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city"]),
        (StandardScaler(), ["hours", "visits", "wage"]),
    )
    labels = np.where(x["hours"] + x["visits"] + (x["plan"] == "gold") * 4 > 19, "yes", "no")
    return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=20)).fit(x, labels)


def candidate(x: Any, fitted: Any, kind: Any = "classification") -> Candidate:
    labels = fitted.predict(x)
    rows = Rows(x=x, y=labels)
    return Candidate(name="m", cell=0, kind=kind, model=fitted, train=rows, held=rows)


def opened(
    folder: Path, found: Candidate, rules: Rules | None = None, environ: Mapping[str, str] | None = None
) -> Middleware:
    """Package a model into a folder, load it from there, and open its door."""
    table = fields.learn(found)
    schema = described(found, table, rules or Rules())
    real = fields.records(found.held.x, table, found.model)
    schema |= {"fast": probe.verdict(found.model, schema, real).how, **explanations.reasons(found.model, schema, real)}
    data = pickle.dumps(found.model)
    rival = {"name": "most frequent class", "metrics": {"accuracy": 0.5}}
    card = {"metrics": {"accuracy": 1.0}, "baseline": rival, "rows": len(found.held)}
    parts = parted("shop.ipynb", found, schema, Lifted(model=data), card)
    bento.write(bento.contents(parts), folder)
    core = Core(folder, digest=sha256(data).hexdigest())
    core.load()
    return Middleware(elsewhere, core=core, environ=environ or {})


def example(door: Middleware) -> dict[str, Any]:
    """A row of the usual values."""
    return {f["key"]: f["example"] for f in door.core.schema["fields"]}


async def elsewhere(scope: Any, receive: Any, send: Any) -> None:
    """Stand where BentoML's app is."""
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b'"elsewhere"'})


def call(
    door: Middleware,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    method: str | None = None,
    client: str = "127.0.0.1",
    query: str = "",
) -> tuple[int, Any, dict[str, str]]:
    """Send a request through a door: status, JSON or bytes, and headers of the answer."""
    given = {"host": "localhost:3000", **({"content-type": "application/json"} if body is not None else {})}
    given |= {"content-length": str(len(body or b""))} | {k.lower(): v for k, v in (headers or {}).items()}
    scope = {
        "type": "http",
        "method": method or ("GET" if body is None else "POST"),
        "path": path,
        "query_string": query.encode(),
        "client": (client, 5),
        "headers": [(k.encode(), v.encode()) for k, v in given.items()],
    }
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(door(scope, receive, send))
    start, *chunks = said
    data = b"".join(m.get("body", b"") for m in chunks)
    found = {k.decode(): v.decode() for k, v in start["headers"]}
    is_json = found.get("content-type", "application/json").startswith("application/json")
    return start["status"], json.loads(data) if is_json and data else data, found


def ask(door: Middleware, *rows: Any) -> tuple[int, Any]:
    """Ask for rows."""
    status, said, _ = call(door, "/predict", json.dumps({"rows": rows}).encode())
    return status, said
