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
# Attributes that give what no name says: the namespace of IPython's shell, what it runs, the classes made of a class.
LOOKING_ABOUT = frozenset({"__subclasses__", "ev", "ex", "run_cell", "user_global_ns", "user_ns"})
# Functions that look at where an exception was raised.
TRACES = frozenset(
    f"traceback.{name}" for name in ("extract_tb", "format_exception", "format_tb", "print_exception", "print_tb")
)
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


_PICKLES = frozenset({"cPickle", "cloudpickle", "dill", "joblib", "pd", "pandas", "pickle", "shelve", "torch"})
_UNPICKLING = frozenset({"Unpickler", "load", "loads", "open", "read_pickle"})


def unpickles(node: ast.Call) -> bool:
    """Tell whether a call may make objects of the notebook's classes from bytes."""
    match node.func:
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return module in _PICKLES and name in _UNPICKLING
        case ast.Name(id="read_pickle"):
            return True
    return False


# What changes how a process itself works, and cannot be done again elsewhere by that line alone.
_HOOKING = {
    "append": ("ast_transformers", "input_transformers_cleanup", "input_transformers_post", "meta_path", "path_hooks"),
    "insert": ("ast_transformers", "input_transformers_cleanup", "input_transformers_post", "meta_path", "path_hooks"),
}


def hook(node: ast.Call | ast.Assign) -> str:
    """Say what a statement or call puts into the process for good, or nothing."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr=where), attr=how)):
            return f"what is put into `{where}`" if where in _HOOKING.get(how, ()) else ""
        case ast.Call(func=ast.Attribute(attr="set_custom_exc" as name)):
            return f"what `{name}` sets"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="weakref"), attr="finalize")):
            return "what `weakref.finalize` waits for"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="sys"), attr="settrace" | "setprofile" as name)):
            return f"what `sys.{name}` sets"
        case ast.Assign(targets=[ast.Subscript(value=ast.Attribute(value=ast.Name(id="sys"), attr="modules"))]):
            return "what is put into `sys.modules`"
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="sys"), attr="stdout" | "stderr" as name)]):
            return f"what is set as `sys.{name}`"
    return ""


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


# Of these too, where it is a class or a function of the notebook.
_HOOKS = frozenset({
    "add_constructor", "add_representer", "add_type", "captureWarnings", "field_size_limit", "pickle",
    "register_adapter", "register_converter", "register_dialect", "setLogRecordFactory", "setLoggerClass", "seterrcall",
    "signal",
})  # fmt: skip


def registration(statement: ast.Expr) -> set[str]:
    """Return the name at the left end of a statement that sets up a library, such as `tqdm.pandas()`."""
    call = statement.value
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name | ast.Attribute)):
        return set()
    name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr
    if name in _HOOKS or dotted(call.func) == "dask.config.set":
        return base(call.func)
    if not _SETS_UP.fullmatch(name):
        return set()
    return ({name} if isinstance(call.func, ast.Name) else base(call.func)) - _CARRIED
