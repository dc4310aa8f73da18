"""Server: nb2prod's verbs over HTTP, for JupyterLab and Notebook 7.

It decides nothing: a handler finds the notebook below the server's root, calls `api` or `jobs`, and writes what they
return. Runs are processes of their own; this server only reads their journals, so it may stop and start as it likes.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import asdict
from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.utils import to_os_path, url_path_join
from tornado.web import HTTPError, authenticated
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from nb2prod.errors import Nb2ProdError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    Method = TypeVar("Method", bound=Callable[..., Awaitable[None]])

RESOURCE = "nb2prod"

# Seconds between two looks at a journal that is being followed.
BEAT = 0.2


def _load_jupyter_server_extension(server: Any) -> None:
    """Add the handlers to a Jupyter server; called when it starts."""
    root = url_path_join(server.web_app.settings["base_url"], "nb2prod", "api")
    run = r"(?P<run>[0-9]{8}-[0-9]{6}-[0-9a-f]{6})"
    routes = [
        (r"/graph", GraphHandler),
        (r"/plan", PlanHandler),
        (r"/runs", RunsHandler),
        (rf"/runs/{run}", RunHandler),
        (rf"/runs/{run}/ws", RunSocket),
        (r"/releases", ReleasesHandler),
        (r"/services/(?P<release>\w[\w.-]*)", ServiceHandler),
    ]
    server.web_app.add_handlers(".*$", [(root + route, handler) for route, handler in routes])


def _may(action: str) -> Callable[[Method], Method]:
    """Let pass who is logged in and has the right to `action` on nb2prod."""

    def guard(method: Method) -> Method:
        return authenticated(authorized(action)(method))  # type: ignore[no-any-return]

    return guard


class _Confined(JupyterHandler):  # type: ignore[misc]
    """A handler that reaches notebooks below the server's root, and nothing else."""

    auth_resource = RESOURCE

    async def notebook(self, path: Any) -> Path:
        """Return where a notebook is on disk; the contents manager decides which paths there are."""
        if not isinstance(path, str) or PurePosixPath(path).suffix != ".ipynb":
            raise HTTPError(400, "The request names no notebook: 'path' must end in .ipynb.")
        manager = self.contents_manager
        hidden = await ensure_async(manager.is_hidden(path))
        if hidden and not manager.allow_hidden:
            raise HTTPError(404, f"There is no notebook {path}.")
        return Path(to_os_path(path.strip("/"), manager.root_dir))

    async def home(self) -> Path:
        """Return the folder of the records of the notebook in the query."""
        from nb2prod import settings

        return settings.home_of(await self.notebook(self.get_query_argument("path")))

    def after(self) -> int:
        """Return the number of the last event that the caller has seen."""
        text = self.get_query_argument("after", "0")
        if not text.isdecimal():
            raise HTTPError(400, "'after' must be the number of an event.")
        return int(text)


class _Handler(_Confined, APIHandler):  # type: ignore[misc]
    """A JSON handler; it turns every error of ours into the same kind of answer, here and nowhere else."""

    def body(self) -> dict[str, Any]:
        """Return the request's JSON object."""
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise HTTPError(400, "The request must carry a JSON object.")
        return body

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what happened and what to do; anything else than our errors is the base class's."""
        error = kwargs.get("exc_info", (None, None))[1]
        if not isinstance(error, Nb2ProdError):
            super().write_error(status_code, **kwargs)
            return
        from nb2prod import schema

        self.set_status(422)
        self.finish(json.dumps(schema.error(error)))

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Log an error of ours as one line: it is the user's to mend, not ours."""
        if isinstance(value, Nb2ProdError):
            self.log.warning("nb2prod: %s", value)
        else:
            super().log_exception(typ, value, tb)


class GraphHandler(_Handler):
    """The pipeline of a notebook as it is in the browser, saved or not."""

    @_may("read")
    async def post(self) -> None:
        """Answer with the graph of `content`."""
        from nb2prod import api, notebook

        body = self.body()
        path = await self.notebook(body.get("path"))
        content = body.get("content")
        if not isinstance(content, dict):
            raise HTTPError(400, "'content' must be a notebook.")
        graph = await asyncio.to_thread(lambda: api.graph(notebook.parse(content, path.name)))
        self.finish(json.dumps(graph))


class PlanHandler(_Handler):
    """What a run of the saved notebook would do."""

    @_may("read")
    async def post(self) -> None:
        """Answer with the plan."""
        from nb2prod import api, schema

        path = await self.notebook(self.body().get("path"))
        steps = await asyncio.to_thread(api.plan, path)
        self.finish(json.dumps(schema.plan(path.name, steps)))


class RunsHandler(_Handler):
    """The runs of a notebook."""

    @_may("read")
    async def get(self) -> None:
        """Answer with the runs of the notebook in the query, newest first."""
        from nb2prod import jobs

        path = await self.notebook(self.get_query_argument("path"))
        runs = await asyncio.to_thread(jobs.history, await self.home(), path.name)
        self.finish(json.dumps(runs))

    @_may("execute")
    async def post(self) -> None:
        """Start a run or a Ship; it outlives this server."""
        from nb2prod import jobs

        body = self.body()
        path = await self.notebook(body.get("path"))
        verb, parameters = body.get("verb"), body.get("parameters", {})
        if verb not in {"run", "ship"} or not isinstance(parameters, dict):
            raise HTTPError(400, "'verb' must be run or ship, 'parameters' an object.")
        if not await asyncio.to_thread(path.is_file):
            raise HTTPError(404, f"There is no notebook {body['path']}.")
        run = await asyncio.to_thread(lambda: jobs.start(path, verb, parameters=parameters))
        self.set_status(201)
        self.finish(json.dumps({"run": run}))


class RunHandler(_Handler):
    """One run."""

    @_may("read")
    async def get(self, run: str) -> None:
        """Answer with its state and the events after `after`."""
        self.finish(json.dumps(await asyncio.to_thread(_page, await self.home(), run, self.after())))

    @_may("execute")
    async def delete(self, run: str) -> None:
        """Cancel it."""
        from nb2prod import jobs

        await asyncio.to_thread(jobs.cancel, await self.home(), run)
        self.set_status(204)
        self.finish()


class RunSocket(WebSocketMixin, WebSocketHandler, _Confined):  # type: ignore[misc]
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


class ReleasesHandler(_Handler):
    """What was shipped from a notebook's folder."""

    @_may("read")
    async def get(self) -> None:
        """Answer with the releases, newest first, each with its service."""
        self.finish(json.dumps(await asyncio.to_thread(_releases, await self.home())))


class ServiceHandler(_Handler):
    """The local service of a release."""

    @_may("execute")
    async def post(self, release: str) -> None:
        """Start it, and answer when it is ready."""
        from nb2prod import api

        service = await asyncio.to_thread(api.serve, await self.home(), release)
        self.finish(json.dumps(asdict(service)))

    @_may("execute")
    async def delete(self, release: str) -> None:
        """Stop it."""
        from nb2prod import api

        service = await asyncio.to_thread(api.stop, await self.home(), release)
        self.finish(json.dumps(asdict(service)))


def _page(home: Path, run: str, after: int) -> dict[str, Any]:
    """Read a journal. The state comes first: a run that ends in between is then read once more, not cut short."""
    from nb2prod import jobs

    state = jobs.state(home, run)
    return {"state": state, "events": jobs.events(home, run, after)}


def _releases(home: Path) -> list[dict[str, Any]]:
    from nb2prod import api

    return [api.show_release(home, made.id) for made in api.releases(home)]
