"""Bare: a Starlette app with the fast path and nothing around it: no keys, no limits, no metrics."""

import hashlib
from pathlib import Path

from serving_runtime.core import Core
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

HERE = Path(__file__).parent
core = Core(HERE, digest=hashlib.sha256((HERE / "model.pkl").read_bytes()).hexdigest())
core.load()


async def predict(request: Request) -> Response:
    """Answer rows."""
    return Response(core.reply(await request.body()), media_type="application/json")


app = Starlette(routes=[Route("/predict", predict, methods=["POST"])])
