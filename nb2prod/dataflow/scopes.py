"""Flow: the names one cell reads, binds, deletes and may change, by Python's scope rules.

A read is a name whose value may come from before the cell: it is looked up where some path has not bound it yet. What a
function, lambda or method looks up happens later, when it is called, and is kept apart under the definition's name.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import evolve

from nb2prod.dataflow import calls, imports, magics, texts
from nb2prod.dataflow.binding import annotated, declared, inside, local
from nb2prod.dataflow.flow import Call, Deferred, Fit, Flow, Import
from nb2prod.dataflow.names import Names, Scope
from nb2prod.dataflow.syntax import Magic, Unparsable, magic, parse

if TYPE_CHECKING:
    from collections.abc import Iterable


@lru_cache(maxsize=4096)  # while somebody types, all cells but one are as they were
def analyse(source: str, *, lazy: bool = False) -> Flow:
    """Return what a cell does with names; the same object for the same source, to be read only.

    Args:
        source: Of the cell.
        lazy: A cell above has imported `annotations` from `__future__`: nothing looks up what they name.

    Raises:
        Unparsable: The source is neither Python nor IPython.
    """
    flow = Flow(variables=texts.variables(source), quotes=texts.quotes(source))
    try:
        statements = parse(source).body
        _Visitor(flow, lazy=lazy).run(statements)
        # IPython can be told to show the value of every line, not only that of the last.
        flow.shows = any(isinstance(statement, ast.Expr) for statement in statements)
    except RecursionError:
        raise Unparsable(reason="an expression is nested too deeply", line=1) from None
    return flow


class _Visitor(Names):
    """Walks a module in order of execution."""

    def run(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)
            if not self.scopes and isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._source(statement)
            elif not self.scopes and isinstance(statement, ast.Expr) and self.deferred is None:
                self.flow.registers.extend((root, ast.unparse(statement)) for root in calls.registration(statement))

    def _source(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        """Keep the statement that defines a name, and those below that add to it, such as `@name.register`."""
        code = ast.unparse(node)
        named = {n.id for decorator in node.decorator_list for n in ast.walk(decorator) if isinstance(n, ast.Name)}
        for name in named & set(self.flow.sources):
            self.flow.sources[name] += f"\n{code}"
        for decorator in node.decorator_list:
            if "register" in ast.unparse(decorator):
                made = decorator.func if isinstance(decorator, ast.Call) else decorator
                self.flow.registers.extend((root, code) for root in calls.base(made))
        self.flow.sources[node.name] = code

    # expressions

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.flow.strings.add(node.value)
            if "~" in node.value:
                self.flow.mentions.update(dict.fromkeys(calls.FORMULA.findall(node.value), self._at(node)))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        kept = self.scopes
        # PEP 572: a walrus in a comprehension binds in the scope around it.
        while self.scopes and self.scopes[-1].kind == "comprehension":
            self.scopes = self.scopes[:-1]
        self._store(node.target.id, self._at(node))
        self.scopes = kept

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._defaults(node.args)
        with_name = self.target is not None and not self.scopes and self.deferred is None
        body = self.flow.definitions.setdefault(self.target or "", Deferred()) if with_name else None
        self._function(node.args, [ast.Expr(node.body)], body or self.deferred or self.flow.anonymous)
        if body is not None and node is not self.assigned:  # within what the name is set to it may be called at once
            self._function(node.args, [ast.Expr(node.body)], self.flow.anonymous)
        self.flow.definitions.pop("", None)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self.visit(node.generators[0].iter)
        self.scopes.append(Scope("comprehension", set()))
        for position, generator in enumerate(node.generators):
            if position:
                self.visit(generator.iter)
            self.visit(generator.target)
            for condition in generator.ifs:
                self.visit(condition)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.visit(part)
        self.scopes.pop()

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension

    def visit_Call(self, node: ast.Call) -> None:
        found = magic(node)
        if found is not None:
            self._magic(found, self._at(node))
            return
        self._mutating(node)
        if calls.unpickles(node):
            self.flow.unpickles = self.flow.unpickles or self._at(node)
        if self.deferred is None and (hook := calls.hook(node)):
            self.flow.hooks.append((self._at(node), hook))
        self.flow.saved |= calls.saved(node)
        if isinstance(node.func, ast.Name):
            self._named_call(node, node.func.id)
        if isinstance(node.func, ast.Attribute):
            self._method_call(node, node.func)
        self.generic_visit(node)

    def _mutating(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg == "inplace" and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value):
                self._touch_base(node.func)
            if keyword.arg == "out" and isinstance(keyword.value, ast.Name):
                self._touch(keyword.value.id, self._at(node))

    def _named_call(self, node: ast.Call, name: str) -> None:
        if name in calls.OPAQUE and self._find(name) is None and name not in self.flow.binds:
            self._opaque_call(node, name)
        match node.args:
            case [target, ast.Constant(value=str(attribute)), _] if name == "setattr":
                owner = target.id if isinstance(target, ast.Name) else calls.dotted(target)
                if owner and self._find(owner.partition(".")[0]) is None:
                    self.flow.patches.setdefault(f"{owner}.{attribute}", self._at(node))
        if self.deferred is None:
            positional = tuple(a.id if isinstance(a, ast.Name) else None for a in node.args)
            named = {k.arg: k.value.id for k in node.keywords if k.arg and isinstance(k.value, ast.Name)}
            self.flow.calls.append(Call(function=name, args=positional, named=named, line=self._at(node)))

    def _opaque_call(self, node: ast.Call, name: str) -> None:
        """Look into `eval("a + b")`; code that is not a constant cannot be seen."""
        code = node.args[0] if node.args else None
        if name in {"exec", "eval"} and isinstance(code, ast.Constant) and isinstance(code.value, str):
            try:
                statements = ast.parse(code.value.strip()).body
            except SyntaxError:
                return
            kept, self.offset = self.offset, self._at(node) - 1
            self.run(statements)
            self.offset = kept
        elif name not in {"compile", "__import__"}:
            self.flow.opaque = self.flow.opaque or self._at(node)
            if self.deferred is not None:
                self.deferred.opaque = True

    def _method_call(self, node: ast.Call, func: ast.Attribute) -> None:
        if func.attr == "push" and node.args and isinstance(node.args[0], ast.Dict):  # of IPython's shell
            self.flow.opaque = self.flow.opaque or self._at(node)
        if calls.dotted(func) in calls.TRACES:
            self.flow.traces.update({a.id: self._at(node) for a in node.args if isinstance(a, ast.Name)})
        if func.attr in calls.MUTATORS:
            self._touch_base(func.value)
            for argument in node.args if func.attr == "shuffle" else ():
                if isinstance(argument, ast.Name):
                    self._touch(argument.id, self._at(node))
        if func.attr in calls.QUERIES and node.args and isinstance(node.args[0], ast.Constant):
            for name in calls.QUERIED.findall(str(node.args[0].value)):
                self._load(name, self._at(node))

        if self.deferred is None and isinstance(func.value, ast.Name):
            args = tuple(a.id if isinstance(a, ast.Name) else None for a in node.args)
            self.flow.fits.append(
                Fit(receiver=func.value.id, method=func.attr, args=args, target=self.target, line=self._at(node))
            )

    # IPython

    def _magic(self, found: Magic, line: int) -> None:
        for above, statements in magics.statements(found):
            kept, self.offset = self.offset, line - 1 + above
            self.run(statements)
            self.offset = kept
        if found.kind == "run_line_magic" and found.name in magics.SESSION:
            self.flow.session.append(f"get_ipython().run_line_magic({found.name!r}, {found.line!r})")
        if found.kind == "run_line_magic" and found.name in magics.OPAQUE:
            self.flow.opaque = self.flow.opaque or line

    # statements

    def _branches(self, *bodies: Iterable[ast.AST]) -> None:
        """Visit bodies of which one runs; afterwards only what all of them bind is bound for sure."""
        before = set(self.flow.definite)
        ends = []
        self.branches += 1
        for body in bodies:
            self.flow.definite = set(before)
            for node in body:
                self.visit(node)
            ends.append(self.flow.definite)
        self.branches -= 1
        self.flow.definite = set.intersection(*ends)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._branches(node.body, node.orelse)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._branches([node.target, *node.body], [])
        self.run(node.orelse)

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._branches(node.body, [])
        self.run(node.orelse)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        handlers: list[Iterable[ast.AST]] = [[handler] for handler in node.handlers]
        self._branches([*node.body, *node.orelse], *handlers)
        self.run(node.finalbody)

    visit_TryStar = visit_Try

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        before = node.name in self.flow.definite
        if node.name:
            self._store(node.name, self._at(node))
        self.run(node.body)
        if node.name and not self.scopes and self.deferred is None:
            # Python deletes the name at the end of the handler.
            self.flow.definite.discard(node.name)
            if not before:
                self.flow.binds.pop(node.name, None)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self._branches(*[[case] for case in node.cases], [])

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self.generic_visit(node)
        if node.name:
            self._store(node.name, self._at(node))

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest:
            self._store(node.rest, self._at(node))

    def visit_Assign(self, node: ast.Assign) -> None:
        kept = self.target
        self.target = node.targets[0].id if isinstance(node.targets[0], ast.Name) else None
        if self.target and not self.scopes and self.deferred is None:
            self.flow.definitions.pop(self.target, None)
        self.assigned = node.value
        self.visit(node.value)
        self.target = kept
        if self.deferred is None and not self.scopes and (hook := calls.hook(node)):
            self.flow.hooks.append((self._at(node), hook))
        for target in node.targets:
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if not (self.lazy or any(scope.kind == "function" for scope in self.scopes)):
            self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)
        elif not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._load(node.target.id, self._at(node))
            self._touch(node.target.id, self._at(node))
        self.visit(node.value)
        self.visit(node.target)

    # definitions

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._defaults(node.args)
        for annotation in () if self.lazy else annotated(node):
            self.visit(annotation)
        deferred = self.deferred
        if deferred is None:
            deferred = Deferred()
            owner = self._owner()
            if owner is None:
                self.flow.definitions[node.name] = deferred
            else:
                deferred = self.flow.definitions.setdefault(owner, deferred)
        self._function(node.args, node.body, deferred)
        self._store(node.name, self._at(node))

    visit_AsyncFunctionDef = visit_FunctionDef

    def _owner(self) -> str | None:
        """Return the notebook-level class whose body is being visited."""
        return next((scope.owner for scope in self.scopes if scope.kind == "class"), None)

    def _function(self, args: ast.arguments, body: Iterable[ast.stmt], deferred: Deferred) -> None:
        names = [a.arg for a in (*args.posonlyargs, *args.args)]
        others = [a.arg for a in (*args.kwonlyargs, *filter(None, (args.vararg, args.kwarg)))]
        statements = list(body)
        walked = tuple(inside(statements))
        outer = set(declared(walked))
        outermost = self.deferred is None
        # Positions are known for the outermost function only: that is the one that cells call.
        params = {name: position for position, name in enumerate(names)} if outermost else {}
        scope = Scope("function", {*names, *others, *local(walked)} - outer, outer, params)
        kept = self.deferred, self.target
        self.deferred, self.target = deferred, None
        self.scopes.append(scope)
        self.run(statements)
        self.scopes.pop()
        self.deferred, self.target = kept

    def _defaults(self, args: ast.arguments) -> None:
        for default in (*args.defaults, *filter(None, args.kw_defaults)):
            self.visit(default)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *[k.value for k in node.keywords]):
            self.visit(part)
        if not self.scopes and self.deferred is None:
            self.flow.definitions[node.name] = Deferred()
            self.flow.classes.add(node.name)
        self.scopes.append(Scope("class", set(), set(declared(inside(node.body))), owner=node.name))
        self.run(node.body)
        self.scopes.pop()
        self._store(node.name, self._at(node))

    def visit_Global(self, node: ast.Global) -> None:
        """Declared names are found ahead of the body by `declared`."""

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        """Likewise."""

    # imports

    def visit_Import(self, node: ast.Import) -> None:
        for found in imports.of_import(node):
            self._import(found)
            if found.root == "__main__":
                self.flow.opaque = self.flow.opaque or self._at(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.lazy = self.lazy or imports.postpones(node)
        self._import(imports.of_import_from(node))

    def _import(self, found: Import) -> None:
        if self.scopes or self.deferred is not None or self.branches:
            # Which branch ran is known only when it has: what it imported is handed on like a value, by reference.
            for name in found.names:
                self._store(name, found.line + self.offset)
        else:
            # Imports run again where they are needed, so what they bind is no value to hand on.
            self.flow.definite |= set(found.names)
            self.flow.imports.append(evolve(found, line=found.line + self.offset))
