"""Widgets: ipywidgets with their state and handlers, shown again under the id that the page knows them by."""

from __future__ import annotations

import sys
import warnings
from typing import Any


def reduce_widget(value: Any) -> Any:
    """Return how to make a widget again; its line to the page is opened anew."""
    state = value.__getstate__()
    state["_trait_values"].pop("comm", None)
    identity = value.comm.comm_id if value.comm is not None else None
    return _blank, (type(value),), (state, _handlers(value), identity), None, None, _revive


def _handlers(value: Any) -> list[tuple[Any, str, str]]:
    """Return what `observe` has registered; handlers that the class declares come with it."""
    from traitlets import EventHandler

    return [
        (handler, name, kind)
        for name, kinds in value._trait_notifiers.items()
        for kind, handlers in kinds.items()
        for handler in handlers
        if not isinstance(handler, EventHandler)
    ]


def _blank(cls: type) -> Any:
    made: Any = cls.__new__(cls)  # type: ignore[call-overload]
    return made


def _revive(widget: Any, state: tuple[dict[str, Any], list[tuple[Any, str, str]], str | None]) -> None:
    attributes, handlers, identity = state
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks at every attribute of the class, deprecated ones too
        widget.__setstate__(attributes)
    for handler, name, kind in handlers:
        widget._add_notifiers(handler, name, kind)
    if identity is not None:
        older = sys.modules["ipywidgets.widgets.widget"]._instances.get(identity)
        if older is not None:
            older.comm = None  # an earlier value of the same widget, whose end would close the line of this one
        widget._model_id = identity
        widget.open()
