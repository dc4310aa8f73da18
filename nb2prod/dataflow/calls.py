"""Calls: what a call does to names and files, as far as its own name tells."""

from __future__ import annotations

import ast
import re

# Methods after which the object may be another: of containers, frames, estimators, generators.
MUTATORS = frozenset({
    "add", "append", "clear", "difference_update", "discard", "extend", "fit", "fit_transform", "insert",
    "intersection_update", "partial_fit", "pop", "popitem", "put", "register", "remove", "resize", "reverse", "seed",
    "send", "set_params", "setdefault", "setfield", "setflags", "shuffle", "sort", "symmetric_difference_update",
    "throw", "update", "write", "writelines",
})  # fmt: skip
# Calls after which names may be anything.
OPAQUE = frozenset({"__import__", "compile", "eval", "exec", "globals", "locals", "vars"})
# Attributes that give what no name says: the namespace itself of IPython's shell, the classes made of a class.
LOOKING_ABOUT = frozenset({"__subclasses__", "user_global_ns", "user_ns"})
# Methods of frames that look up `@name` in their text.
QUERIES = frozenset({"eval", "query"})
QUERIED = re.compile(r"@([A-Za-z_]\w*)")

# Names in a formula's text that patsy and formulaic look up among the notebook's own.
FORMULA = re.compile(r"(?<![\w.'\"])[A-Za-z_]\w*")

_SAVING = ("to_", "save", "dump", "write", "mkdir", "makedirs", "touch", "imsave", "imwrite")


def saved(node: ast.Call) -> set[str]:
    """Return the constants in a call that writes a file; one of them may be its name."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name != "open" and not name.startswith(_SAVING):
        return set()
    texts = {a.value for a in ast.walk(node) if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    opened = name == "open" and any(text[:1] in {"w", "a", "x"} and len(text) <= len("wb+") for text in texts)
    return texts if opened or name != "open" else set()


def base(node: ast.expr) -> set[str]:
    """Return the name at the left end of `a.b(c).d`, if there is one; what `f(x)` returns is nobody's."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return set()
        node = node.func if isinstance(node, ast.Call) else node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def dotted(node: ast.expr) -> str | None:
    """Return `a.b.c` for an attribute of plain names, None for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) and parts else None


# Calls on an imported module that set it up, and must do so in each process.
_SETS_UP = re.compile(
    r"pandas|init_\w+|output_notebook|extension|go_offline|set_options|set_default\w*|set_printoptions|theme_set|enable|"
    r"disable\w*|patch_\w+|install|uninstall|register\w*|deregister\w*|set_application_registry"
)
# But of these the state itself is carried.
_CARRIED = frozenset({
    "decimal", "gc", "locale", "logging", "matplotlib", "mpl", "np", "numpy", "os", "pd", "plt", "random", "sklearn",
    "sns", "socket", "sys", "warnings",
})  # fmt: skip


def registration(statement: ast.Expr) -> set[str]:
    """Return the name at the left end of a statement that sets up a library, such as `tqdm.pandas()`."""
    call = statement.value
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name | ast.Attribute)):
        return set()
    name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr
    if not _SETS_UP.fullmatch(name):
        return set()
    return ({name} if isinstance(call.func, ast.Name) else base(call.func)) - _CARRIED
