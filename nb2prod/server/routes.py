"""Routes: which handler answers which address below `nb2prod/api`."""

from __future__ import annotations

from typing import Any

from jupyter_server.utils import url_path_join

from nb2prod.server import deployments, manual, notebooks, proxy, releases, runs

_RUN = r"(?P<run>[0-9]{8}-[0-9]{6}-[0-9a-f]{6})"
_RELEASE = r"(?P<release>\w[\w.-]*)"

ROUTES = (
    (r"/graph", notebooks.GraphHandler),
    (r"/options", notebooks.OptionsHandler),
    (r"/requirements", notebooks.RequirementsHandler),
    (r"/suggest", notebooks.SuggestHandler),
    (r"/plan", notebooks.PlanHandler),
    (r"/runs", runs.RunsHandler),
    (rf"/runs/{_RUN}", runs.RunHandler),
    (rf"/runs/{_RUN}/ws", runs.RunSocket),
    (rf"/runs/{_RUN}/compare", runs.CompareHandler),
    (rf"/runs/{_RUN}/report", runs.ReportHandler),
    (rf"/runs/{_RUN}/log", runs.LogHandler),
    (rf"/runs/{_RUN}/notebook", runs.ExecutedHandler),
    (r"/review", notebooks.ReviewHandler),
    (r"/releases", releases.ReleasesHandler),
    (r"/docs/(?P<page>[a-z]+)\.md", manual.ManualHandler),
    (r"/docs/images/(?P<picture>[a-z-]+\.png)", manual.PictureHandler),
    (rf"/releases/{_RELEASE}/promote", deployments.PromoteHandler),
    (rf"/releases/{_RELEASE}/reproduction", releases.ReproductionHandler),
    (rf"/releases/{_RELEASE}/monitor", releases.MonitorHandler),
    (rf"/releases/{_RELEASE}/risk", releases.RiskHandler),
    (r"/deployment", deployments.DeploymentHandler),
    (r"/deployment/rollback", deployments.RollbackHandler),
    (rf"/services/{_RELEASE}", releases.ServiceHandler),
    (rf"/proxy/(?P<book>[\w-]+)/{_RELEASE}/(?P<rest>.*)", proxy.ProxyHandler),
)


def _load_jupyter_server_extension(server: Any) -> None:
    """Add the handlers to a Jupyter server; called when it starts."""
    root = url_path_join(server.web_app.settings["base_url"], "nb2prod", "api")
    server.web_app.add_handlers(".*$", [(root + route, handler) for route, handler in ROUTES])
