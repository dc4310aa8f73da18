"""Stores: where artifacts and stage records are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nb2prod.stores.local import LocalStore

if TYPE_CHECKING:
    from nb2prod.stores.base import Store


def open_store(url: str) -> Store:
    """Open the store that a URL names: a folder, a plug-in among `nb2prod.stores`, or what fsspec reaches.

    Raises:
        PluginMissing: Nothing knows the scheme of the URL.
        CredentialsInUrl: They belong elsewhere.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme == "file":
        return LocalStore(url.removeprefix("file://"))
    from nb2prod import plugins
    from nb2prod.errors.base import PluginMissing
    from nb2prod.stores.remote import RemoteStore

    try:
        store: Store = plugins.find("nb2prod.stores", scheme)(url)
    except PluginMissing as wrong:
        import fsspec

        known = fsspec.available_protocols()
        if scheme not in known:
            raise PluginMissing(wrong.group, scheme, tuple(sorted({*wrong.known, *known}))) from None
        return RemoteStore(url)
    return store
