"""Stores: where artifacts and stage records are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nb2prod.stores.local import LocalStore

if TYPE_CHECKING:
    from nb2prod.stores.base import Store


def open_store(url: str) -> Store:
    """Open the store that a URL names: a folder, or the scheme of a plug-in among `nb2prod.stores`."""
    scheme, separator, _ = url.partition("://")
    if not separator or scheme == "file":
        return LocalStore(url.removeprefix("file://"))
    from nb2prod import plugins

    store: Store = plugins.find("nb2prod.stores", scheme)(url)
    return store
