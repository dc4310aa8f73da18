"""Fitness: whether a started release answers what it says it answers."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from nb2prod.errors.deployments import ReleaseUnfit
from nb2prod.hosting import process
from nb2prod.hosting.process import Running
from nb2prod.releases import release
from nb2prod.releases.release import Release

KEY = "probe.key"
_NAME = "NB2PROD_PROBE"  # a variable that no service sees: bundle.environment drops those of ours


def environ(folder: Path) -> dict[str, str]:
    """Return this process's environment for backends; where services ask for keys, ours is one of them.

    It lies in the deployment's folder, and nobody but its user can read it.
    """
    found = dict(os.environ)
    if not (found.get("SERVICE_API_KEYS") or found.get("SERVICE_API_KEYS_FILE")):
        return found
    key = _key(folder / KEY)
    digest = hashlib.sha256(key.encode()).hexdigest()
    keys = ",".join(filter(None, (found.get("SERVICE_API_KEYS"), f"sha256:{digest}")))
    return found | {"SERVICE_API_KEYS": keys, _NAME: key}


def examine(home: Path, made: Release, running: Running, environ: Mapping[str, str], log: Path) -> None:
    """Ask a release what it says that it answers: its own example, or its tables where it has no model.

    Raises:
        ReleaseUnfit: It does not answer.
    """
    verb, path, body = _example(home, made)
    headers = {"content-type": "application/json"} if body else {}
    if key := environ.get(_NAME):
        headers["authorization"] = f"Bearer {key}"
    try:
        with closing(http.client.HTTPConnection(process.HOST, running.port, timeout=60)) as connection:
            connection.request(verb, path, body, headers)
            reply = connection.getresponse()
            said = reply.read()
    except (OSError, http.client.HTTPException) as wrong:
        raise ReleaseUnfit(made.id, f"it did not answer its own example ({wrong})", _tail(log)) from wrong
    if reply.status != http.HTTPStatus.OK:
        short = said[:500].decode("utf-8", "replace")
        raise ReleaseUnfit(made.id, f"it answered its own example with {reply.status}: {short}", _tail(log))


def _example(home: Path, made: Release) -> tuple[str, str, str | None]:
    """Return a request; one for health where the folder was thinned out."""
    service = release.folder_of(home, made.id) / release.SERVICE
    for name, rows in (("request.json", False), ("example.json", True)):
        if (service / name).is_file():
            found = json.loads((service / name).read_text(encoding="utf-8"))
            asked = {"rows": [found]} if rows else found
            return ("POST", "/predict", json.dumps(asked)) if asked else ("GET", "/tables", None)
    return "GET", "/readyz", None


def _key(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32))
        return path.read_text(encoding="utf-8")


def _tail(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-4000:]
    except OSError:
        return ""
