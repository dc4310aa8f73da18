"""Notebooks: what is to be said of a notebook without running it."""

from __future__ import annotations

import asyncio
import json

from tornado.web import HTTPError

from nb2prod.server.base import Handler, may


class GraphHandler(Handler):
    """The pipeline of a notebook as it is in the browser, saved or not."""

    @may("read")
    async def post(self) -> None:
        """Answer with the graph of `content`."""
        from nb2prod import api, notebook

        path, content = await self.unsaved()
        top = self.top
        graph = await asyncio.to_thread(lambda: api.graph(notebook.parse(content, path.name), path, top=top))
        self.finish(json.dumps(graph))


class RequirementsHandler(Handler):
    """What the notebook's project says that it needs."""

    @may("write")
    async def post(self) -> None:
        """Add a requirement to one of the project's files; answer with the file's path below the server's root."""
        from nb2prod.packages import requirements

        body, top = self.body(), self.top
        path, file, line = await self.notebook(body.get("path")), body.get("file"), body.get("requirement")
        if not isinstance(file, str) or not isinstance(line, str):
            raise HTTPError(400, "'file' and 'requirement' must be texts.")
        found = await asyncio.to_thread(requirements.add, path, file, line, top)
        self.finish(json.dumps({"file": found.resolve().relative_to(top).as_posix()}))


class SuggestHandler(Handler):
    """Stages for a notebook as it is in the browser, saved or not."""

    @may("read")
    async def post(self) -> None:
        """Answer with the stages that `content` seems to have, and the edits that accept them."""
        from nb2prod import api, notebook

        path, content = await self.unsaved()
        self.finish(json.dumps(await asyncio.to_thread(lambda: api.suggest(notebook.parse(content, path.name)))))


class PlanHandler(Handler):
    """What a run would do."""

    @may("read")
    async def post(self) -> None:
        """Answer with the plan of `content`, or without one of the saved notebook."""
        from nb2prod import api, schema

        body = self.body()
        path, content = await self.notebook(body.get("path")), body.get("content")
        if not (content is None or isinstance(content, dict)):
            raise HTTPError(400, "'content' must be a notebook.")
        options = api.Options(parameters=self.parameters())
        steps = await asyncio.to_thread(lambda: api.plan(path, options, raw=content))
        self.finish(json.dumps(schema.plan(path.name, steps)))


class ReviewHandler(Handler):
    """What a ship would do."""

    @may("read")
    async def post(self) -> None:
        """Answer with the review of `content`."""
        from nb2prod import api

        path, content = await self.unsaved()
        options = api.Options(parameters=self.parameters())
        self.finish(json.dumps(await asyncio.to_thread(api.review, path, options, content)))


class OptionsHandler(Handler):
    """How a stage may be told to run."""

    @may("read")
    async def get(self) -> None:
        """Answer with the options as a JSON Schema."""
        from nb2prod import stage

        self.finish(json.dumps(stage.form()))
