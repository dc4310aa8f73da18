"""Proxy: a local service seen through this server, for browsers that cannot reach its machine's own ports."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.web import HTTPError

from nb2prod.errors.base import Nb2ProdError
from nb2prod.server.base import Confined, may
from nb2prod.server.deployments import deployment_of

if TYPE_CHECKING:
    from pathlib import Path

LIVE = "live"  # instead of a release: whichever answers for the notebook
TIMEOUT = 120.0  # seconds that a prediction may take
_PASSED = ("Content-Type", "Accept")
_GIVEN = ("Content-Type", "Cache-Control", "Content-Disposition")


class ProxyHandler(Confined):
    """Passes a request on to the service of a release; `book` is the notebook's path in URL-safe base 64."""

    def check_xsrf_cookie(self) -> None:
        """Take requests of the service's own page, which knows no token of this server; others must carry one."""
        if self.request.headers.get("Sec-Fetch-Site") != "same-origin":
            super().check_xsrf_cookie()

    @may("read")
    async def get(self, book: str, release: str, rest: str) -> None:
        """Pass a GET on."""
        await self._pass_on(book, release, rest)

    @may("execute")
    async def post(self, book: str, release: str, rest: str) -> None:
        """Pass a POST on."""
        await self._pass_on(book, release, rest, body=self.request.body)

    async def _pass_on(self, book: str, release: str, rest: str, **sent: Any) -> None:
        url = f"{await self._service(book, release)}/{rest}"
        query = f"?{self.request.query}" if self.request.query else ""
        headers = {name: self.request.headers[name] for name in _PASSED if name in self.request.headers}
        request = HTTPRequest(
            url + query, method=self.request.method or "GET", headers=headers, request_timeout=TIMEOUT, **sent
        )
        try:
            answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        except OSError as wrong:
            raise HTTPError(502, f"The service of {release} does not answer: {wrong}.") from wrong
        self.set_status(answer.code if answer.code != 599 else 502, answer.reason)
        for name in _GIVEN:
            if name in answer.headers:
                self.set_header(name, answer.headers[name])
        self.finish(answer.body or b"")

    async def _service(self, book: str, release: str) -> str:
        try:
            path = base64.urlsafe_b64decode(book + "=" * (-len(book) % 4)).decode()
        except (binascii.Error, ValueError):
            raise HTTPError(400, "The address names no notebook.") from None
        file = await self.notebook(path)
        try:
            url = await asyncio.to_thread(_url, file, release)
        except Nb2ProdError as wrong:
            raise HTTPError(404, str(wrong)) from wrong
        if url is None or urlsplit(url).scheme not in {"http", "https"}:
            raise HTTPError(404, f"The service of {release} is not running.")
        return url.rstrip("/")


def _url(book: Path, release: str) -> str | None:
    from nb2prod import api, settings

    if release == LIVE:
        found = deployment_of(book)
        return found["url"] if found else None
    return api.status(settings.home_of(book), release).url
