"""Imports: the import statements that a module needs for the names it uses."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nb2prod.emit.source import Statement

from nb2prod.emit.source import wrapped


@define
class Imports:
    """All imports of a notebook that may stand at the top of a module: name → where it comes from."""

    modules: dict[str, dict[str, None]] = field(factory=dict)  # bound name → `import a.b` texts
    members: dict[str, tuple[str, str]] = field(factory=dict)  # bound name → (module, member)
    blocks: dict[str, str] = field(factory=dict)  # bound name → a `try:` around imports
    stars: dict[str, None] = field(factory=dict)  # modules
    future: dict[str, None] = field(factory=dict)
    read: set[str] = field(factory=set)  # names that any code of the notebook looks up

    def add(self, statement: Statement) -> None:
        """Take in an import statement."""
        match statement.node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    bound = alias.asname or alias.name.split(".")[0]
                    renamed = f" as {alias.asname}" if alias.asname and alias.asname != alias.name else ""
                    self.modules.setdefault(bound, {})[f"import {alias.name}{renamed}"] = None
            case ast.ImportFrom(names=aliases, module=module, level=level):
                for alias in aliases:
                    self._member("." * level + (module or ""), alias)
            case _:
                for name in imported(statement):
                    self.blocks[name] = statement.text

    def _member(self, module: str, alias: ast.alias) -> None:
        if module == "__future__":
            self.future[alias.name] = None
        elif alias.name == "*":
            self.stars[module] = None
        else:
            self.members[alias.asname or alias.name] = (module, alias.name)

    def __contains__(self, name: object) -> bool:
        return name in self.modules or name in self.members or name in self.blocks

    def names(self) -> Iterator[str]:
        """Yield every name that is bound here."""
        yield from (*self.modules, *self.members, *self.blocks)

    def lines(self, needed: Iterable[str], *, unread: bool = False) -> str:
        """Write the imports that `needed` names ask for, sorted as isort does.

        Args:
            needed: Names that the module uses; those that no import binds are passed over.
            unread: Also write imports that no code reads: they may be there for what importing them does.
        """
        wanted = {name for name in needed if name in self}
        silent = {name for name in self.names() if name not in self.read and (unread or self._switch(name))}
        sections: dict[int, list[tuple[tuple[int, str], str]]] = {}
        for text in {line for name in wanted | silent for line in self.modules.get(name, ())}:
            module = text.split()[1]
            note = "  # noqa: F401" if not any(text in self.modules.get(name, ()) for name in wanted) else ""
            sections.setdefault(_section(module), []).append(((0, module.lower()), text + note))
        for module, text in self._from(wanted, silent - wanted):
            sections.setdefault(_section(module), []).append(((1, module.lower()), text))
        parts = [f"from __future__ import {', '.join(sorted(self.future))}"] if self.future else []
        parts += ["\n".join(text for _, text in sorted(sections[section])) for section in sorted(sections)]
        blocks = dict.fromkeys(self.blocks[name] for name in self.blocks if name in wanted | silent)
        return "\n\n".join([*parts, *blocks])

    def _from(self, wanted: set[str], silent: set[str]) -> Iterator[tuple[str, str]]:
        for names, note in ((wanted, ""), (silent, "  # noqa: F401")):
            modules: dict[str, list[tuple[str, str]]] = {}
            for bound in names & set(self.members):
                module, member = self.members[bound]
                modules.setdefault(module, []).append((member, bound))
            for module, found in modules.items():
                found.sort(key=lambda pair: (_rank(pair[0]), pair[0]))
                items = [member if member == bound else f"{member} as {bound}" for member, bound in found]
                line = f"from {module} import {', '.join(items)}{note}"
                yield module, line if len(line) <= 120 or note else wrapped(f"from {module} import (", items, ")")
        for module in self.stars:
            yield module, f"from {module} import *  # noqa: F403"

    def _switch(self, name: str) -> bool:
        """Tell whether importing the name switches on what later imports need."""
        return self.members.get(name, ("", ""))[0] == "sklearn.experimental"


def imported(statement: Statement) -> frozenset[str]:
    """Return the names that an import statement binds, a `try:` around imports included."""
    return frozenset(name for found in statement.flow.imports for name in found.names)


def _section(module: str) -> int:
    root = module.split(".")[0]
    return 3 if not root else 1 if root in sys.stdlib_module_names else 2


def _rank(name: str) -> int:
    """Order constants, then classes, then the rest, as isort's `order-by-type` does."""
    return 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
