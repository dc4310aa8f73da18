"""Registries: where libraries and modules beside the notebook keep objects that the notebook gave them.

Log handlers, display formatters, callbacks of IPython's events, and the globals of the notebook's own modules. They are
changed by calls and are never named, but the objects in them may also be held by the notebook's names; so they travel
as names of their own, written `module:attribute`, together with whatever shares objects with them.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import logging
import sys
import types
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from importlib.machinery import ModuleSpec

_FORMATTERS, _EVENTS, _FIGURES = "IPython:formatters", "IPython:events", "matplotlib:figures"
_LOGGER = "logging:"  # followed by the logger's name
_NO_DATA = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)


@define(kw_only=True)
class Registries(MetaPathFinder):
    """What the registries of this process held when its code began, or its module was imported."""

    digest: Callable[[Any], str]  # of a value as it is now
    installed: Callable[[str], bool]  # whether a file is part of the installation
    before: dict[str, str] = field(factory=dict)
    awaited: ClassVar[frozenset[str]] = frozenset()  # of modules that were imported ahead: none

    def watch(self) -> None:
        """Note what each module holds that is imported from now on."""
        sys.meta_path.insert(0, self)

    def renew(self) -> None:
        """Take what is there now for what was there before."""
        self.before.update({name: self.digest(value(name)) for name in self._names()})

    def changed(self) -> list[str]:
        """Return the names of what is another by now."""
        return [name for name in self._names() if self.before.get(name) != self.digest(value(name))]

    def _names(self) -> list[str]:
        modules = sorted({name.partition(":")[0] for name in self.before} - {"logging", "IPython", "matplotlib"})
        beside = [name for module in modules if module in sys.modules for name in _data(sys.modules[module])]
        loggers = [_LOGGER + name for name in _loggers()]
        return sorted({_FORMATTERS, _EVENTS, _FIGURES, *loggers, *beside, *(n for n in self.before if n[-1:] != ":")})

    def find_spec(self, fullname: str, path: Any = None, _target: Any = None) -> ModuleSpec | None:
        """Find modules beside the notebook; what they hold is noted right after their import."""
        if not self._beside(fullname, path):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.loader is None or not spec.origin or self.installed(spec.origin):
            return None
        execute = spec.loader.exec_module

        def noted(module: types.ModuleType) -> None:
            execute(module)
            self.before[f"{fullname}:"] = ""
            self.before.update({name: self.digest(value(name)) for name in _data(module)})

        spec.loader.exec_module = noted  # type: ignore[method-assign]
        return spec

    def _beside(self, fullname: str, path: Any) -> bool:
        """Tell cheaply: thousands of modules are imported that are not the notebook's."""
        if path is not None:
            return f"{fullname.rpartition('.')[0]}:" in self.before
        folders = [folder for folder in sys.path if not self.installed(folder or ".")]
        return any((Path(folder, fullname)).is_dir() or Path(folder, f"{fullname}.py").is_file() for folder in folders)


def _data(module: types.ModuleType) -> Iterator[str]:
    """Yield the names of what a module holds that calls may change."""
    for name, held in vars(module).items():
        if name.startswith("__"):
            continue
        if not isinstance(held, _NO_DATA):
            yield f"{module.__name__}:{name}"
        elif isinstance(held, type) and held.__module__ == module.__name__:
            for attribute, member in vars(held).items():
                if isinstance(member, list | dict | set | int | float | str) and not attribute.startswith("__"):
                    yield f"{module.__name__}:{name}.{attribute}"


def value(name: str) -> Any:
    """Return what is held under a name."""
    if name.startswith(_LOGGER):
        return _loggers().get(name.removeprefix(_LOGGER))
    if name == _FORMATTERS:
        return _formatters()
    if name == _EVENTS:
        return _events()
    if name == _FIGURES:
        return _figures()
    module, _, path = name.partition(":")
    found: Any = sys.modules[module]
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def put(name: str, given: Any, space: dict[str, Any]) -> None:
    """Put back what was held under a name in another process."""
    if name.startswith(_LOGGER):
        _put_logger(name.removeprefix(_LOGGER), given or (0, True, False, [], []))
    elif name == _FORMATTERS:
        _put_formatters(given)
    elif name == _EVENTS:
        _put_events(given)
    elif name == _FIGURES:
        _put_figures(given)
    else:
        _put_data(name, given, space)


def _put_data(name: str, given: Any, space: dict[str, Any]) -> None:
    module, _, path = name.partition(":")
    owner: Any = importlib.import_module(module)
    *owners, last = path.split(".")
    for part in owners:
        owner = getattr(owner, part)
    old = getattr(owner, last, None)
    setattr(owner, last, given)
    if old is None or isinstance(old, bool | int | float | str | tuple):
        return
    for names in (space, vars(sys.modules[module])):  # `from module import name` has bound it elsewhere too
        names.update({other: given for other, held in list(names.items()) if held is old})


def _loggers() -> dict[str, tuple[Any, ...]]:
    named = {name: item for name, item in logging.root.manager.loggerDict.items() if isinstance(item, logging.Logger)}
    found = {}
    for name, logger in sorted({"": logging.root, **named}.items()):
        settings = (logger.level, logger.propagate, logger.disabled)
        if settings != (0, True, False) or logger.handlers or logger.filters:
            found[name] = (*settings, list(logger.handlers), list(logger.filters))
            if found[name] == _usual.get(name):
                del found[name]
    return found


_usual: dict[str, tuple[Any, ...]] = {}  # loggers as each kernel has them


def settle() -> None:
    """Take the loggers that there are for those of each kernel; called ahead of stages."""
    _usual.update(_loggers())


def _put_logger(name: str, given: tuple[Any, ...]) -> None:
    logger = logging.getLogger(name or None)
    level, logger.propagate, logger.disabled, handlers, filters = given
    logger.setLevel(level)
    logger.handlers[:], logger.filters[:] = handlers, filters


# Figures are drawn as the session's magic says, which is run in each process.
_OWN = ("IPython.", "matplotlib", "pandas")
_NOTEBOOK = ("__main__", "None")  # methods of built-in objects have no module


def _origin(call: Any) -> str:
    return str(getattr(getattr(call, "func", call), "__module__", ""))


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()


def _display() -> Mapping[str, Any]:
    shell = _shell()
    return {} if shell is None else shell.display_formatter.formatters


def _formatters() -> dict[str, tuple[dict[Any, Any], ...]]:
    found = {}
    for kind, formatter in _display().items():
        parts = (formatter.singleton_printers, formatter.type_printers, formatter.deferred_printers)
        mine = tuple({key: call for key, call in part.items() if not _origin(call).startswith(_OWN)} for part in parts)
        if any(mine):
            found[kind] = mine
    return found


def _put_formatters(given: Mapping[str, tuple[dict[Any, Any], ...]]) -> None:
    for kind, parts in given.items():
        formatter = _display()[kind]
        for part, printers in zip(
            (formatter.singleton_printers, formatter.type_printers, formatter.deferred_printers), parts, strict=True
        ):
            part.update(printers)


def _events() -> dict[str, list[Any]]:
    """Return the notebook's callbacks by event; a library registers its own where it is imported or set up."""
    shell = _shell()
    callbacks = {} if shell is None else shell.events.callbacks
    found = {event: [call for call in calls if _origin(call) in _NOTEBOOK] for event, calls in callbacks.items()}
    return {event: calls for event, calls in found.items() if calls}


def _put_events(given: Mapping[str, list[Any]]) -> None:
    for event, calls in _shell().events.callbacks.items():
        calls[:] = [call for call in calls if _origin(call) not in _NOTEBOOK] + given.get(event, [])


def mute(shell: Any, path: str) -> None:
    """Let events be of the notebook's cells only, not of ours before and after them, which name the job's `path`."""
    trigger = shell.events.trigger

    def of_cells(event: str, *given: Any, **named: Any) -> None:
        request: dict[str, Any] = getattr(shell, "parent_header", None) or {}
        if repr(path) not in request.get("content", {}).get("code", ""):
            trigger(event, *given, **named)

    shell.events.trigger = of_cells


def _figures() -> list[tuple[int, Any]]:
    """Return the figures that pyplot holds; in a notebook that shows them at once there are none between cells."""
    helpers: Any = sys.modules.get("matplotlib._pylab_helpers")
    return [] if helpers is None else [(number, manager.canvas.figure) for number, manager in helpers.Gcf.figs.items()]


def _put_figures(given: list[tuple[int, Any]]) -> None:
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    helpers: Any = importlib.import_module("matplotlib._pylab_helpers")
    # Each has given itself the next number when it was made again.
    managers = {id(manager.canvas.figure): manager for manager in helpers.Gcf.figs.values()}
    helpers.Gcf.figs.clear()
    for number, figure in given:
        manager = managers.get(id(figure)) or pyplot.new_figure_manager_given_figure(number, figure)
        manager.num = figure.number = number
        helpers.Gcf.figs[number] = manager
