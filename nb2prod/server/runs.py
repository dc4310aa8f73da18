"""Runs: they are started, followed and cancelled here, and live in processes of their own."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.websocket import WebSocketMixin
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from nb2prod.errors.base import Nb2ProdError
from nb2prod.server.base import Confined, Handler, Page, may

if TYPE_CHECKING:
    from pathlib import Path

# Seconds between two looks at a journal that is being followed.
BEAT = 0.2


class RunsHandler(Handler):
    """The runs of a notebook."""

    @may("read")
    async def get(self) -> None:
        """Answer with the runs of the notebook in the query, newest first."""
        from nb2prod import jobs

        path = await self.notebook(self.get_query_argument("path"))
        runs = await asyncio.to_thread(jobs.history, await self.home(), path)
        self.finish(json.dumps(runs))

    @may("execute")
    async def post(self) -> None:
        """Start a run or a Ship; it outlives this server."""
        from nb2prod import jobs

        body = self.body()
        path = await self.notebook(body.get("path"))
        order = {**_order(body), "parameters": self.parameters()}
        if not await asyncio.to_thread(path.is_file):
            raise HTTPError(404, f"There is no notebook {body['path']}.")
        run = await asyncio.to_thread(lambda: jobs.start(path, **order))
        self.set_status(201)
        self.finish(json.dumps({"run": run}))


def _order(body: dict[str, Any]) -> dict[str, Any]:
    """Read what is to be done, and with which options of the command."""
    verb, force = body.get("verb"), body.get("force", [])
    ends = {option: body.get(name) for option, name in (("from", "since"), ("until", "until")) if body.get(name)}
    named = isinstance(force, list) and all(isinstance(name, str) for name in (*force, *ends.values()))
    if verb not in {"run", "ship"} or not named:
        raise HTTPError(400, "'verb' must be run or ship, 'force' a list of stages, 'since' and 'until' a stage each.")
    flags = [*(f"--force={stage}" for stage in force), *(f"--{option}={stage}" for option, stage in ends.items())]
    return {"verb": verb, "flags": flags}


class RunHandler(Handler):
    """One run."""

    @may("read")
    async def get(self, run: str) -> None:
        """Answer with its state and the events after `after`."""
        self.finish(json.dumps(await asyncio.to_thread(_page, await self.home(), run, self.after())))

    @may("execute")
    async def delete(self, run: str) -> None:
        """Cancel it."""
        from nb2prod import jobs

        await asyncio.to_thread(jobs.cancel, await self.home(), run)
        self.set_status(204)
        self.finish()


class CompareHandler(Handler):
    """Two runs beside each other."""

    @may("read")
    async def get(self, run: str) -> None:
        """Answer with what differs between this run and the run `other`."""
        from nb2prod import api

        home, other = await self.home(), self.get_query_argument("other")
        self.finish(json.dumps(await asyncio.to_thread(api.compare, home, run, other)))


class _RecordHandler(Page):
    """Something that a run left in its folder, to be looked at in a tab of its own."""

    kind = "text/plain; charset=UTF-8"

    async def text(self, run: str, name: str) -> str:
        """Return a file of the run's folder."""
        from nb2prod import journal

        file = journal.folder_of(await self.home(), run) / name
        if not await asyncio.to_thread(file.is_file):
            raise HTTPError(404, f"Run {run} has left no {name}.")
        return await asyncio.to_thread(lambda: file.read_text(encoding="utf-8", errors="replace"))


class ReportHandler(_RecordHandler):
    """The report of a run: its executed notebook as a page."""

    @may("read")
    async def get(self, run: str) -> None:
        """Answer with the page, drawn when it is asked for."""
        from nb2prod import api, page

        home = await self.home()
        file = await asyncio.to_thread(lambda: page.write(home, api.show(home, run)))
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish_with(await self.text(run, file.name))


class LogHandler(_RecordHandler):
    """What the process of a run said."""

    @may("read")
    async def get(self, run: str) -> None:
        """Answer with the text."""
        self.set_header("Content-Type", self.kind)
        self.finish_with(await self.text(run, "log.txt"))


class ExecutedHandler(_RecordHandler):
    """The notebook of a run, with its outputs."""

    @may("read")
    async def get(self, run: str) -> None:
        """Answer with the notebook."""
        self.set_header("Content-Type", "application/json")
        self.finish_with(await self.text(run, "executed.ipynb"))


class RunSocket(WebSocketMixin, WebSocketHandler, Confined):  # type: ignore[misc]
    """The events of a run as they come; it closes with 1000 when there will be no more."""

    _tail: asyncio.Task[None] | None = None

    @ws_authenticated  # type: ignore[untyped-decorator]
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the socket for those who may read."""
        allowed = self.authorizer.is_authorized(self, self.current_user, "read", self.auth_resource)
        if not await ensure_async(allowed):
            raise HTTPError(403)
        self._home, self._after = await self.home(), self.after()
        await super().get(*args, **kwargs)

    def open(self, run: str) -> None:
        """Send what there is and what comes."""
        self._tail = asyncio.create_task(self._follow(run))

    def on_message(self, message: str | bytes) -> None:
        """Hear nothing: this socket only speaks."""

    def on_close(self) -> None:
        """Stop looking at the journal."""
        if self._tail is not None:
            self._tail.cancel()

    async def _follow(self, run: str) -> None:
        seen = self._after
        try:
            while True:
                page = await asyncio.to_thread(_page, self._home, run, seen)
                for event in page["events"]:
                    await self.write_message(json.dumps(event))
                    seen = event["seq"]
                if page["state"] != "running":
                    break
                await asyncio.sleep(BEAT)
        except WebSocketClosedError:
            return
        except Nb2ProdError as error:
            self.close(4004, error.code)
            return
        self.close(1000)


def _page(home: Path, run: str, after: int) -> dict[str, Any]:
    """Read a journal. The state comes first: a run that ends in between is then read once more, not cut short."""
    from nb2prod import jobs

    state = jobs.state(home, run)
    return {"state": state, "events": jobs.events(home, run, after)}
