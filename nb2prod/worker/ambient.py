"""Ambient: the state of a process that code changes without naming it: generators, options, directories, filters.

What one stage changes must reach the next ones, so it travels as an artifact like any other. A library's state is
looked at only when the stage has imported the library.
"""

from __future__ import annotations

import decimal
import gc
import importlib
import importlib.util
import locale
import logging
import os
import random
import socket
import sys
import time
import warnings
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping
    from importlib.machinery import ModuleSpec
    from types import ModuleType

State = dict[str, Any]  # part → its value

# Set by Jupyter for each process anew.
_OWN_VARIABLES = frozenset({"JPY_PARENT_PID", "JPY_SESSION_NAME", "PYDEVD_USE_FRAME_EVAL", "LINES", "COLUMNS"})


def capture() -> State:
    """Return the state of this process: of a library only when it is imported."""
    return {name: get() for name, (get, _) in _PARTS.items() if _library(name) is None or _library(name) in sys.modules}


def watch() -> State:
    """Return the state now; what a library starts with is added when it is imported later."""
    start = capture()
    sys.meta_path.insert(0, _Watch(start))
    return start


def changed(before: State, after: State) -> State:
    """Return what differs; of parts that are dictionaries only the entries that do (`Difference`)."""
    found = {}
    for name, value in after.items():
        if name not in before or not _same(before[name], value):
            old = before.get(name, {})
            found[name] = _difference(old, value) if isinstance(value, dict) else value
    return found


def restore(state: Mapping[str, Any], *, parts: Container[str] | None = None) -> None:
    """Put state back that `changed` gave in another process: all of it, or some of its parts."""
    for name, value in state.items():
        if parts is None or name in parts:
            get, put = _PARTS[name]
            put(value.apply(get()) if isinstance(value, Difference) else value)


FOR_IMPORTS = frozenset({"environment", "path"})  # what imports depend on


@frozen
class Difference:
    """Entries of a dictionary that were set or deleted. The rest, such as the variables of this machine, stays here."""

    put: Mapping[str, Any]
    gone: tuple[str, ...]

    def apply(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return `value` with the difference made to it."""
        return {**{k: v for k, v in value.items() if k not in self.gone}, **self.put}


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    put = {k: v for k, v in sorted(new.items()) if k not in old or not _same(old[k], v)}
    return Difference(put, tuple(sorted(set(old) - set(new))))


class _Watch(MetaPathFinder):
    """Notes the state of a library right after its import, since it may seed itself at random."""

    def __init__(self, start: State) -> None:
        self.start = start
        self.awaited = {library for library in map(_library, _PARTS) if library and library not in sys.modules}

    def find_spec(self, fullname: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        if fullname not in self.awaited:
            return None
        self.awaited.discard(fullname)  # also keeps the next line from coming back here
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def noted(module: ModuleType) -> None:
                execute(module)
                for name, (get, _) in _PARTS.items():
                    if _library(name) == fullname:
                        self.start[name] = get()

            spec.loader.exec_module = noted  # type: ignore[method-assign]
        return spec


def _library(name: str) -> str | None:
    library, _, part = name.partition(":")
    return library if part else None


def _same(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except ValueError:  # NumPy arrays inside
        return repr(a) == repr(b)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _OWN_VARIABLES}


def _set_environment(value: dict[str, str]) -> None:
    for name in set(os.environ) - set(value) - _OWN_VARIABLES:
        del os.environ[name]
    os.environ.update(value)
    time.tzset()  # TZ counts only from then on


def _filters() -> list[Any]:
    return list(warnings.filters)


def _set_filters(value: list[Any]) -> None:
    warnings.resetwarnings()  # also tells the C part that its copy is old
    warnings.filters[:] = value  # type: ignore[index]


def _decimal() -> tuple[Any, ...]:
    context = decimal.getcontext()
    settings = (context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp)
    return (*settings, [s for s, on in context.flags.items() if on], [s for s, on in context.traps.items() if on])


def _set_decimal(value: tuple[Any, ...]) -> None:
    decimal.setcontext(decimal.Context(*value))


def _umask() -> int:
    mask = os.umask(0)  # there is no other way to read it
    os.umask(mask)
    return mask


def _set_umask(mask: int) -> None:
    os.umask(mask)


def _set_thresholds(value: tuple[int, int, int]) -> None:
    gc.set_threshold(*value)


def _levels() -> Any:
    names: Any = logging
    return dict(names._levelToName), logging.root.manager.disable


def _set_levels(value: Any) -> None:
    names, disabled = value
    for level, name in names.items():
        logging.addLevelName(level, name)
    logging.disable(disabled)


_INLINE = "matplotlib_inline.backend_inline"  # shows figures as pictures, once it is imported
_shown: list[bool] = []  # whether that was so in a stage above


def show_figures() -> None:
    """Show figures that came from above as pictures, as they were there."""
    if _shown and "matplotlib.figure" in sys.modules:
        importlib.import_module(_INLINE)


def _set_shown(value: bool) -> None:  # noqa: FBT001 - whether figures are shown
    _shown[:] = [True] if value else []


def _set_gc(value: bool) -> None:  # noqa: FBT001 - what `gc.isenabled` gave
    (gc.enable if value else gc.disable)()


def _set_locale(value: str) -> None:
    locale.setlocale(locale.LC_ALL, value)


def _path() -> list[str]:
    return list(sys.path)


def _set_path(value: list[str]) -> None:
    sys.path[:] = value


def _numpy_random() -> Any:
    import numpy as np

    state: Any = np.random.get_state()
    kind, keys, *rest = state
    return (kind, keys.tolist(), *rest)


def _set_numpy_random(value: Any) -> None:
    import numpy as np

    np.random.set_state(value)


def _numpy_options() -> Any:
    import numpy as np

    options = {k: v for k, v in np.get_printoptions().items() if k != "override_repr"}
    return (options, np.geterr())


def _set_numpy_options(value: Any) -> None:
    import numpy as np

    options, errors = value
    np.set_printoptions(**options)
    np.seterr(**errors)


def _pandas_options() -> Any:
    import pandas as pd

    config: Any = importlib.import_module("pandas._config.config")
    return {name: pd.get_option(name) for name in config._registered_options if name not in config._deprecated_options}


def _set_pandas_options(value: Any) -> None:
    import pandas as pd

    for name, option in value.items():
        if pd.get_option(name) != option:
            pd.set_option(name, option)


def _matplotlib_options() -> Any:
    import matplotlib as mpl

    # The backend belongs to the process: reading it would even choose one.
    return {name: dict.__getitem__(mpl.rcParams, name) for name in mpl.rcParams if not name.startswith("backend")}


def _set_matplotlib_options(value: Any) -> None:
    import matplotlib as mpl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated options keep the values they have
        mpl.rcParams.update(value)


def _matplotlib_backend() -> Any:
    import matplotlib as mpl

    return dict.__getitem__(mpl.rcParams, "backend")


def _set_matplotlib_backend(value: Any) -> None:
    import matplotlib as mpl

    if isinstance(value, str) and value != _matplotlib_backend():
        mpl.use(value)


def _matplotlib_colors() -> Any:
    colors: Any = importlib.import_module("matplotlib.colors")
    return dict(colors._colors_full_map)


def _set_matplotlib_colors(value: Any) -> None:
    colors: Any = importlib.import_module("matplotlib.colors")
    for name, color in value.items():
        colors._colors_full_map[name] = color  # which also forgets what was looked up before


def _matplotlib_maps() -> Any:
    import matplotlib as mpl

    known: Any = mpl.colormaps
    return {name: known[name] for name in known if name not in known._builtin_cmaps}


def _set_matplotlib_maps(value: Any) -> None:
    import matplotlib as mpl

    for name, found in value.items():
        if name not in mpl.colormaps:
            mpl.colormaps.register(found, name=name)


def _inline_options() -> Any:
    config = _inline()
    return {name: getattr(config, name) for name in ("close_figures", "figure_formats", "print_figure_kwargs")}


def _set_inline_options(value: Any) -> None:
    config = _inline()
    for name, option in value.items():
        setattr(config, name, option)


def _inline() -> Any:
    from IPython import get_ipython

    shell: Any = get_ipython()
    return importlib.import_module("matplotlib_inline.config").InlineBackend.instance(parent=shell)


def _color_display() -> Any:
    """True once seaborn has made matplotlib show its colour maps in another way, which it does when it makes one."""
    colors: Any = importlib.import_module("matplotlib.colors")
    return str(colors.Colormap._repr_png_.__module__).startswith("seaborn")


def _set_color_display(value: Any) -> None:
    if value:
        importlib.import_module("seaborn.palettes")._patch_colormap_display()


def _sklearn_options() -> Any:
    import sklearn

    return sklearn.get_config()


def _set_sklearn_options(value: Any) -> None:
    import sklearn

    sklearn.set_config(**value)


def _set_sympy_dummies(value: Any) -> None:
    dummy: Any = importlib.import_module("sympy.core.symbol").Dummy
    dummy._count = max(dummy._count, value)


def _torch_random() -> Any:
    torch: Any = sys.modules["torch"]
    return torch.get_rng_state().tolist()


def _set_torch_random(value: Any) -> None:
    torch: Any = importlib.import_module("torch")
    torch.set_rng_state(torch.tensor(value, dtype=torch.uint8))


# part → how to read it, how to set it; `library:part` is looked at only once the library is imported.
_PARTS: Mapping[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "directory": (lambda: str(Path.cwd()), os.chdir),
    "environment": (_environment, _set_environment),
    "path": (_path, _set_path),
    "umask": (_umask, _set_umask),
    "garbage": (gc.isenabled, _set_gc),
    "thresholds": (gc.get_threshold, _set_thresholds),
    "digits": (sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    "switching": (sys.getswitchinterval, sys.setswitchinterval),
    "levels": (_levels, _set_levels),
    "figures": (lambda: _INLINE in sys.modules or bool(_shown), _set_shown),
    "sockets": (socket.getdefaulttimeout, socket.setdefaulttimeout),
    "random": (random.getstate, random.setstate),
    "warnings": (_filters, _set_filters),
    "decimal": (_decimal, _set_decimal),
    "recursion": (sys.getrecursionlimit, sys.setrecursionlimit),
    "locale": (lambda: locale.setlocale(locale.LC_ALL), _set_locale),
    "numpy:random": (_numpy_random, _set_numpy_random),
    "numpy:options": (_numpy_options, _set_numpy_options),
    "pandas:options": (_pandas_options, _set_pandas_options),
    "matplotlib:options": (_matplotlib_options, _set_matplotlib_options),
    "matplotlib:backend": (_matplotlib_backend, _set_matplotlib_backend),
    "matplotlib:colors": (_matplotlib_colors, _set_matplotlib_colors),
    "matplotlib:maps": (_matplotlib_maps, _set_matplotlib_maps),
    "seaborn.palettes:display": (_color_display, _set_color_display),
    "matplotlib_inline.config:options": (_inline_options, _set_inline_options),
    "sklearn:options": (_sklearn_options, _set_sklearn_options),
    "xgboost:options": (
        lambda: sys.modules["xgboost"].get_config(),
        lambda value: importlib.import_module("xgboost").set_config(**value),
    ),
    "sympy.core.symbol:dummies": (lambda: sys.modules["sympy.core.symbol"].Dummy._count, _set_sympy_dummies),
    "torch:random": (_torch_random, _set_torch_random),
}
