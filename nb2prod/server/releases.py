"""Releases: what was shipped, and the local services that answer for it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from attrs import asdict
from tornado.web import HTTPError

from nb2prod.server.base import Handler, Page, may


class ReleasesHandler(Handler):
    """What was shipped from a notebook's folder."""

    @may("read")
    async def get(self) -> None:
        """Answer with the releases, newest first, each with its service."""
        self.finish(json.dumps(await asyncio.to_thread(_releases, await self.home())))


class RiskHandler(Page):
    """The risk sheet of a release."""

    @may("read")
    async def get(self, release: str) -> None:
        """Answer with the page."""
        from nb2prod import api

        where = (await asyncio.to_thread(api.show_release, await self.home(), release)).get("risk")
        if where is None:
            raise HTTPError(404, f"Release {release} was made before there were risk sheets.")
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish_with(await asyncio.to_thread(lambda: Path(where).read_text(encoding="utf-8")))


class MonitorHandler(Page):
    """How a release fares where it is served."""

    @may("read")
    async def get(self, release: str) -> None:
        """Answer with the page, drawn from what its services remember now."""
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish_with(await asyncio.to_thread(_monitored, await self.home(), release))


class ReproductionHandler(Handler):
    """A release made again from its record, in a process that outlives this server."""

    @may("read")
    async def get(self, release: str) -> None:
        """Answer with how that stands, or with null."""
        from nb2prod import jobs

        self.finish(json.dumps(await asyncio.to_thread(jobs.reproduction, await self.home(), release)))

    @may("execute")
    async def post(self, release: str) -> None:
        """Begin, if nobody is at it."""
        from nb2prod import jobs

        home = await self.home()
        await asyncio.to_thread(jobs.reproduce, home, release)
        self.set_status(202)
        self.finish(json.dumps(await asyncio.to_thread(jobs.reproduction, home, release)))


class ServiceHandler(Handler):
    """The local service of a release."""

    @may("execute")
    async def post(self, release: str) -> None:
        """Start it, and answer when it is ready."""
        from nb2prod import api

        service = await asyncio.to_thread(api.serve, await self.home(), release)
        self.finish(json.dumps(asdict(service)))

    @may("execute")
    async def delete(self, release: str) -> None:
        """Stop it."""
        from nb2prod import api

        service = await asyncio.to_thread(api.stop, await self.home(), release)
        self.finish(json.dumps(asdict(service)))


def _monitored(home: Path, release: str) -> str:
    from nb2prod import api
    from nb2prod.text import monitor

    return monitor.html(api.monitor(home, release))


def _releases(home: Path) -> list[dict[str, Any]]:
    from nb2prod import api, jobs

    return [
        {**api.show_release(home, made.id), "reproduction": jobs.reproduction(home, made.id)}
        for made in api.releases(home)
    ]
