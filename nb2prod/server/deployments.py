"""Deployments: which release of a notebook answers at its address, changed and watched."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tornado.web import HTTPError

from nb2prod.server.base import Handler, may


class DeploymentHandler(Handler):
    """What answers for a notebook."""

    @may("read")
    async def get(self) -> None:
        """Answer with the deployment of the notebook in the query, or with null where nothing was ever promoted."""
        path = await self.notebook(self.get_query_argument("path"))
        self.finish(json.dumps(await asyncio.to_thread(deployment_of, path)))

    @may("execute")
    async def delete(self) -> None:
        """Stop all that answers for it."""
        from nb2prod import api

        home, place = _places(await self.notebook(self.get_query_argument("path")))
        self.finish(json.dumps(await asyncio.to_thread(api.retire, home, place)))


class PromoteHandler(Handler):
    """A release that shall answer, or be tried beside the one that does."""

    @may("execute")
    async def post(self, release: str) -> None:
        """Promote it; answer with the deployment once it has shown that it answers."""
        from nb2prod import api

        body, home = self.body(), await self.home()
        canary, shadow, note = body.get("canary"), body.get("shadow", False), body.get("note", "")
        share = canary is None or (isinstance(canary, int | float) and not isinstance(canary, bool))
        if not share or not isinstance(shadow, bool) or not isinstance(note, str):
            raise HTTPError(400, "'canary' must be a number, 'shadow' true or false, and 'note' a text.")
        found = await asyncio.to_thread(api.promote, home, release, canary=canary, shadow=shadow, note=note)
        self.finish(json.dumps(found))


class RollbackHandler(Handler):
    """One step back."""

    @may("execute")
    async def post(self) -> None:
        """Withdraw the canary, or go back to what was live before, or end the comparison with a shadow."""
        from nb2prod import api

        body = self.body()
        shadow, note = body.get("shadow", False), body.get("note", "")
        if not isinstance(shadow, bool) or not isinstance(note, str):
            raise HTTPError(400, "'shadow' must be true or false, and 'note' a text.")
        home, place = _places(await self.notebook(self.get_query_argument("path")))
        found = await asyncio.to_thread(lambda: api.rollback(home, place, shadow=shadow, note=note))
        self.finish(json.dumps(found))


def deployment_of(path: Path) -> dict[str, Any] | None:
    """Return the deployment of a notebook as JSON, or None."""
    from nb2prod import api

    home, place = _places(path)
    return next((found for found in api.deployments(home) if found["notebook"] == place), None)


def _places(path: Path) -> tuple[Path, str]:
    """Return the folder of a notebook's records, and its name there."""
    from nb2prod import journal, settings

    home = settings.home_of(path)
    return home, journal.below(home, path)
