"""Forward: one request sent on to a backend, and its answer sent back, as a reverse proxy does it (RFC 9110, 7.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import ip_address

from aiohttp import ClientError, ClientResponse, web
from attrs import define, frozen
from multidict import CIMultiDict, CIMultiDictProxy

from nb2prod.gateway.upstream import Upstream

SMALL = 2**20  # bytes: what is larger is passed on piece by piece, and neither sent again nor copied
BODY = 16 * 2**20  # bytes that a service takes unless SERVICE_MAX_BODY says otherwise
RELEASE = "X-Release"  # header that says which release answered
ASKING = frozenset({"/predict", "/explain"})  # change nothing, though they are posted
TABLES = frozenset({"tables", "figures"})
HOP = frozenset(
    {
        "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip


class TooLarge(Exception):
    """A body of unknown length that turned out to be larger than a service takes."""


@frozen
class Asked:
    """A request as it came in; its body is None when it is passed on piece by piece."""

    request: web.Request
    body: bytes | None

    @classmethod
    async def of(cls, request: web.Request) -> Asked:
        """Read a request, and its body if it is small."""
        length = request.content_length
        small = not request.body_exists or (length is not None and length <= SMALL)
        return cls(request, await request.read() if small else None)

    @property
    def path(self) -> str:
        """Return its path and query, as they came."""
        return self.request.rel_url.raw_path_qs

    @property
    def repeatable(self) -> bool:
        """Say whether it may be sent twice: it asks, and changes nothing."""
        asks = self.request.method in {"GET", "HEAD"} or self.request.path in ASKING
        return asks and self.body is not None

    @property
    def telling(self) -> bool:
        """Say whether its answer tells releases from each other: one of a model, or of a product's tables."""
        root = self.request.path.split("/")[1]
        return self.repeatable and (self.request.path in ASKING or (root in TABLES and self.request.method == "GET"))

    def headers(self) -> CIMultiDict[str]:
        """Return its headers as a backend shall see them: those of the connection left out, the client's address added.

        Uvicorn takes the last address that is no proxy it trusts for the client's; so who may ask is judged as if
        there were no gateway.
        """
        given = self.request.headers
        kept = _end_to_end(given)
        peer = self.request.remote or ""
        hops = [*given.getall("X-Forwarded-For", []), peer]
        kept["X-Forwarded-For"] = ", ".join(hop for hop in hops if hop)
        if not _near(peer) or "X-Forwarded-Proto" not in given:
            kept["X-Forwarded-Proto"] = self.request.scheme
        if self.body is not None:
            kept.popall("Content-Length", None)
        return kept


@frozen
class Answered:
    """What became of a request."""

    response: web.StreamResponse
    status: int
    body: bytes | None = None  # when it was small


async def forward(asked: Asked, upstream: Upstream, *, most: int = BODY) -> Answered:
    """Send a request to a backend, and its answer to the client.

    Raises:
        aiohttp.ClientError, OSError: The backend did not answer; the client has heard nothing yet.
        TooLarge: The body is larger than `most`.
    """
    pieces = _Pieces(asked.request, most)
    data = (asked.body or None) if asked.body is not None else pieces.read()
    try:
        return await _exchanged(asked, upstream, data)
    except ClientError as wrong:
        if pieces.over:  # that ended the connection
            raise TooLarge from wrong
        raise


async def _exchanged(asked: Asked, upstream: Upstream, data: bytes | AsyncIterator[bytes] | None) -> Answered:
    async with upstream.session.request(
        asked.request.method,
        upstream.url(asked.path),
        headers=asked.headers(),
        data=data,
        allow_redirects=False,
        expect100=asked.body is None,  # a service refuses a large body by its headers: then it need not be sent
    ) as reply:
        headers = _end_to_end(reply.headers)
        headers[RELEASE] = upstream.release
        headers.setdefault("Server", "nb2prod")
        if asked.request.method == "HEAD" or reply.content_length is None or reply.content_length > SMALL:
            return await _streamed(asked.request, reply, headers)
        headers.popall("Content-Length", None)
        body = await reply.read()
        made = web.Response(status=reply.status, reason=reply.reason, headers=headers, body=body)
        return Answered(made, reply.status, body)


async def _streamed(request: web.Request, reply: ClientResponse, headers: CIMultiDict[str]) -> Answered:
    """Pass an answer on as it comes. Half of one cannot be taken back: the client sees the connection end then."""
    response = web.StreamResponse(status=reply.status, reason=reply.reason, headers=headers)
    try:
        await response.prepare(request)
        while piece := await _next(reply):
            await response.write(piece)
        await response.write_eof()
    except _Broken:
        if request.transport is not None:
            request.transport.abort()
        return Answered(response, 502)
    except OSError:  # the client has gone, which is nobody's fault here
        return Answered(response, reply.status)
    return Answered(response, reply.status)


class _Broken(Exception):
    """A backend ended in the middle of an answer."""


async def _next(reply: ClientResponse) -> bytes:
    try:
        return await reply.content.readany()
    except (ClientError, OSError) as wrong:
        raise _Broken from wrong


@define
class _Pieces:
    """A body that is passed on as it comes."""

    request: web.Request
    most: int
    over: bool = False

    async def read(self) -> AsyncIterator[bytes]:
        """Yield its pieces, and no more than is allowed."""
        size = 0
        async for piece in self.request.content.iter_any():
            size += len(piece)
            if size > self.most:
                self.over = True
                raise TooLarge
            yield piece


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    named = {name.strip().lower() for line in headers.getall("Connection", []) for name in line.split(",")}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in HOP | named)


def _near(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
