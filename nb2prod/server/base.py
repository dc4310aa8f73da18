"""Base: what every handler shares: who may ask, which notebooks can be reached, how an error is told."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import to_os_path
from tornado.web import HTTPError, authenticated

from nb2prod.errors.stores import mendable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    Method = TypeVar("Method", bound=Callable[..., Awaitable[None]])

RESOURCE = "nb2prod"


def may(action: str) -> Callable[[Method], Method]:
    """Let pass who is logged in and has the right to `action` on nb2prod."""

    def guard(method: Method) -> Method:
        return authenticated(authorized(action)(method))  # type: ignore[no-any-return]

    return guard


class Confined(JupyterHandler):  # type: ignore[misc]
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

    @property
    def top(self) -> Path:
        """The folder above which nothing is looked for, nor written."""
        return Path(self.contents_manager.root_dir).resolve()

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


class Handler(Confined, APIHandler):  # type: ignore[misc]
    """A JSON handler; it turns every error of ours into the same kind of answer, here and nowhere else."""

    def body(self) -> dict[str, Any]:
        """Return the request's JSON object."""
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise HTTPError(400, "The request must carry a JSON object.")
        return body

    async def unsaved(self) -> tuple[Path, dict[str, Any]]:
        """Return the notebook that a request names, and what the editor has of it, saved or not."""
        body = self.body()
        path, content = await self.notebook(body.get("path")), body.get("content")
        if not isinstance(content, dict):
            raise HTTPError(400, "'content' must be a notebook.")
        return path, content

    def parameters(self) -> dict[str, Any]:
        """Return the request's new values: `parameters` as JSON, and `typed` as somebody typed them."""
        from nb2prod.parameters import literal

        values, typed = self.body().get("parameters", {}), self.body().get("typed", {})
        if not (
            isinstance(values, dict) and isinstance(typed, dict) and all(isinstance(t, str) for t in typed.values())
        ):
            raise HTTPError(400, "'parameters' must be an object, and 'typed' one of texts.")
        return {**values, **{name: literal(text) for name, text in typed.items()}}

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what happened and what to do; anything else than our errors is the base class's."""
        error = mendable(kwargs.get("exc_info", (None, None))[1])
        if error is None:
            super().write_error(status_code, **kwargs)
            return
        from nb2prod import schema

        self.set_status(422)
        self.finish(json.dumps(schema.error(error)))

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Log an error of ours as one line: it is the user's to mend, not ours."""
        if (error := mendable(value)) is not None:
            self.log.warning("nb2prod: %s", error)
        else:
            super().log_exception(typ, value, tb)


class Page(Handler):
    """A handler that answers with something to be looked at in a tab of its own."""

    def set_default_headers(self) -> None:
        """Let what a notebook wrote do nothing in the name of this server."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", "sandbox allow-scripts")
        self.set_header("X-Content-Type-Options", "nosniff")

    def finish_with(self, text: str) -> None:
        """Answer with a text; the base class would call it JSON."""
        JupyterHandler.finish(self, text)
