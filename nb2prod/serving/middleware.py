"""Middleware: what every request passes first: who asks, how much, in which form; and the service's own paths."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from prometheus_client import Counter
from pydantic_core import to_json

from . import feedback
from .access import Access
from .content_types import ARROW, JSON, PARQUET
from .core import Core
from .faults import Refused, short
from .page import policy
from .recorder import Ticket
from .rehearsal import OVER, Rehearsal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", 0)  # of a request that came over no network
# Health is asked by what runs the service, which knows no keys; the page holds nothing but itself.
HEALTH = frozenset({"/livez", "/readyz", "/healthz"})
OPEN = HEALTH | {"/"}
KINDS = frozenset({JSON, ARROW, PARQUET})
UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})
PLOTS = {".png": b"image/png", ".svg": b"image/svg+xml"}
# A picture runs nothing, even when it is opened by itself.
SEALED = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox")
SAFE = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]

log = logging.getLogger("bentoml.service")
# BentoML writes it at /metrics, beside its own.
REFUSED = Counter("service_refused", "Requests that were refused, by status", ["status"])


class Middleware:
    """ASGI middleware around BentoML's app, which keeps health and whatever is not the service's own."""

    def __init__(self, app: App, *, core: Core, environ: Mapping[str, str] = os.environ) -> None:
        self.app = app
        self.core = core
        self.environ = environ
        self.rehearsal = Rehearsal.of(environ)
        # What is set for those who will ask is not for a rehearsal.
        self.access = Access.of({} if self.rehearsal else environ)
        self.open = HEALTH if self.rehearsal else OPEN
        self.behind = False
        self.limiter: CapacityLimiter | None = None
        page = (core.folder / "page.html").read_bytes()
        self.files = {
            "/": (b"text/html; charset=utf-8", page, [(b"content-security-policy", policy(page))]),
            "/docs.json": (JSON, (core.folder / "openapi.json").read_bytes(), []),
            "/card.json": (JSON, (core.folder / "card.json").read_bytes(), []),
            **{f"/{p.parent.name}/{p.name}": (PLOTS[p.suffix], p.read_bytes(), [SEALED]) for p in plots(core.folder)},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            self.step_forward(scope)
            (self.rehearsal or self.core.recorder).start()
            receive = partial(self.until_the_end, receive)
        if scope["type"] != "http" or self.behind:
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        headers = dict(scope["headers"])
        try:
            if path not in self.open:
                self.admit(scope, headers)
            await self.route(scope, headers, receive, send)
        except Refused as refused:
            if self.rehearsal is None:
                REFUSED.labels(str(refused.status)).inc()
                self.core.recorder.refused(reason_of(refused))
            more = [(name.encode(), value.encode()) for name, value in refused.headers.items()]
            await respond(send, refused.status, json.dumps(refused.json()).encode(), JSON, more)

    async def route(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> None:
        """Answer a request that was let in, by its path."""
        path = scope["path"]
        if path == "/predict":
            await self.predict(scope, headers, receive, send)
        elif path == "/feedback":
            await self.feedback(scope, headers, receive, send)
        elif path == "/drift.json":
            _only(scope, "GET")
            await respond(send, 200, to_json(await to_thread.run_sync(self.core.recorder.told)), JSON)
        elif path == "/explain":
            await self.explain(scope, headers, receive, send)
        elif self.core.owns(path):
            await self.give(scope, headers, send)
        elif path == OVER and self.rehearsal is not None:
            await self.let_in(scope, send)
        elif path in self.files:
            _only(scope, "GET")
            kind, body, more = self.files[path]
            await respond(send, 200, body, kind, more)
        else:
            if path == "/metrics":
                await to_thread.run_sync(self.core.recorder.settle)
            await self.app(scope, receive, send)

    async def until_the_end(self, receive: Receive) -> Message:
        """Let the recorder write what it has counted before the process ends, which may be by a signal."""
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            await to_thread.run_sync(self.core.recorder.stop)
        return message

    def step_forward(self, scope: Scope) -> None:
        """Stand before BentoML's own middleware, whose task and timer for each request cost as much as checking it."""
        whole = scope.get("app")
        if whole is not None and whole.middleware_stack is not None and not self.behind:
            front = copy.copy(self)
            front.app, whole.middleware_stack, self.behind = whole.middleware_stack, front, True

    def admit(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Let in who may ask.

        Raises:
            Refused: Others.
        """
        if self.rehearsal is None:
            self.access.admit((scope.get("client") or LOOPBACK)[0], headers)
        elif not self.rehearsal.admits(headers):
            raise Refused(503, "This service is being rehearsed, and nobody is answered yet.")

    async def let_in(self, scope: Scope, send: Send) -> None:
        """Answer `POST /rehearsed`: from now on the service is what it was made for."""
        _only(scope, "POST")
        assert self.rehearsal is not None
        self.rehearsal.end()
        self.rehearsal, self.access, self.open = None, Access.of(self.environ), OPEN
        self.core.recorder.forget()
        self.core.recorder.start()
        await respond(send, 200, b'{"rehearsed": true}', JSON)

    async def predict(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> None:
        """Answer `POST /predict`; the answer's header `x-request-id` names the request, also where it is refused."""
        _only(scope, "POST")
        kind, ticket = kind_of(headers), self.core.recorder.ticket()
        body = b""
        try:
            async with asyncio.timeout(self.access.patience):
                body = await self.body(headers, receive)
                ticket.size = len(body)
                if kind == JSON and self.core.quick(len(body)):
                    said = self.core.reply(body, kind, ticket)
                else:
                    said = await self.beside(body, kind, ticket)
        except TimeoutError:
            refused = Refused(504, f"There was no answer within {self.access.patience:g} seconds.")
        except Refused as found:
            refused = found
        except Exception:  # the model is the user's: it may raise anything
            log.exception("Request %s was not answered", ticket.id)
            refused = Refused(500, f"The model failed. Its operator finds request {ticket.id} in the service's log.")
        else:
            self.answered(ticket.begun)
            await respond(send, 200, said, kind, [(b"x-request-id", ticket.id.encode())])
            return
        if self.core.recorder.keeps(refused.status):
            await to_thread.run_sync(self.core.recorder.keep, ticket, refused, kind, body)
        refused.headers["x-request-id"] = ticket.id
        raise refused

    async def beside(self, body: bytes, kind: bytes, ticket: Ticket) -> bytes:
        """Answer a request in a thread, so that others are answered meanwhile."""
        self.limiter = self.limiter or CapacityLimiter(1)
        work = partial(self.core.reply, form=kind, ticket=ticket)
        return await to_thread.run_sync(work, body, limiter=self.limiter, abandon_on_cancel=True)

    async def explain(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> None:
        """Answer `POST /explain`."""
        _only(scope, "POST")
        kind, begun = kind_of(headers), time.perf_counter()
        body = await self.body(headers, receive)
        said = await self.apart(partial(self.core.explain, body, kind))
        self.answered(begun)
        await respond(send, 200, said, kind)

    async def give(self, scope: Scope, headers: Mapping[bytes, bytes], send: Send) -> None:
        """Answer a request to get something that is the kind's own."""
        _only(scope, "GET")
        query, accept = (text.decode("latin-1") for text in (scope["query_string"], headers.get(b"accept", b"")))
        ticket = self.core.recorder.ticket()
        said = await self.apart(partial(self.core.get, scope["path"], query, accept))
        self.answered(ticket.begun)
        self.core.recorder.record(ticket, None, None)
        await respond(send, 200, said.body, said.form, [*said.headers, (b"x-request-id", ticket.id.encode())])

    async def apart(self, work: Callable[[], Any]) -> Any:
        """Work in a thread, one at a time, so that nobody waits who asks for what is quick.

        Raises:
            Refused: It takes too long, or fails.
        """
        self.limiter = self.limiter or CapacityLimiter(1)
        try:
            async with asyncio.timeout(self.access.patience):
                return await to_thread.run_sync(work, limiter=self.limiter, abandon_on_cancel=True)
        except TimeoutError:
            raise Refused(504, f"There was no answer within {self.access.patience:g} seconds.") from None
        except Refused:
            raise
        except Exception as wrong:
            log.exception("A request was not answered")
            raise Refused(500, "The service failed. Its operator finds why in its log.") from wrong

    async def feedback(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> None:
        """Keep what somebody says of an answer, `POST /feedback`."""
        _only(scope, "POST")
        if kind_of(headers) != JSON:
            raise Refused(415, "Feedback is JSON.")
        said = feedback.read(await self.body(headers, receive))
        self.limiter = self.limiter or CapacityLimiter(1)
        recorder = self.core.recorder
        await to_thread.run_sync(feedback.keep, recorder.home, recorder.release, said)
        await respond(send, 201, b'{"kept": true}', JSON)

    async def body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """Read a request's body, and no more of it than is allowed.

        Raises:
            Refused: It is larger.
        """
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.access.most:
            raise self.large()
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "The request ended before its body did.")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.access.most:
                raise self.large()
            chunks.append(chunk)
            if not message.get("more_body"):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def answered(self, begun: float) -> None:
        """Take note of how long an answer took; it is counted with others, which costs a tenth."""
        self.core.recorder.took.append(time.perf_counter() - begun)

    def large(self) -> Refused:
        """Say that a body is too large; its rest is not read."""
        said = f"The request has more than {self.access.most:,} bytes: send fewer rows at a time."
        return Refused(413, said, headers={"connection": "close"})


def plots(folder: Path) -> Iterator[Path]:
    """Yield the files of the plots that are kept with a service."""
    yield from (path for path in sorted((folder / "plots").glob("*.*")) if path.suffix in PLOTS)


def kind_of(headers: Mapping[bytes, bytes]) -> bytes:
    """Return the type of a body: JSON, Arrow or Parquet; a page of another site may post others without asking first.

    Raises:
        Refused: It is none of these, or packed.
    """
    return _kind(headers.get(b"content-type", b""), headers.get(b"content-encoding", b"identity"))


@lru_cache(maxsize=100)
def _kind(said: bytes, packing: bytes) -> bytes:
    kind, *more = (part.strip().lower() for part in said.split(b";"))
    if kind not in KINDS:
        raise Refused(415, f"content-type must be application/json, not '{short(said.decode('latin-1'))}'")
    charsets = [part[8:].strip(b'"').decode("latin-1") for part in more if part.startswith(b"charset=")]
    if not set(charsets) <= UTF_8:
        raise Refused(415, f"JSON is UTF-8: send it as such, and not as charset '{short(charsets[0])}'")
    packed = packing.decode("latin-1")
    if packed.strip().lower() not in {"", "identity"}:
        raise Refused(415, f"content-encoding must not be given, and is '{short(packed)}'")
    return kind


def reason_of(refused: Refused) -> str:
    """Say in a word or two why a request was refused."""
    return f"{refused.status} {refused.faults[0].code}" if refused.faults else str(refused.status)


def _only(scope: Scope, method: str) -> None:
    allowed = {"GET": ("GET", "HEAD"), "POST": ("POST",)}[method]
    if scope["method"] not in allowed:
        raise Refused(405, f"{scope['method']} is not known here.", headers={"allow": ", ".join(allowed)})


async def respond(
    send: Send, status: int, body: bytes, kind: bytes, more: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Send an answer."""
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *SAFE, *(more or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
