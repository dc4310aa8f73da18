"""Clue: what a notebook's code says about a model it fits, the rows it learns from and the rows that judge it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from attrs import Factory, define, field, frozen

from nb2prod.dataflow import parse
from nb2prod.pipeline import Pipeline
from nb2prod.stage import code

# They fit copies of the model, so the rows they are given judge nothing.
REFITS = re.compile(r"cross_val|learning_curve|validation_curve|permutation_test|clone")
ASKS = {"predict": 0, "score": 0, "predict_proba": 2, "decision_function": 2}


@frozen(kw_only=True)
class Pair:
    """Rows and their labels, as expressions over the notebook's names (`X_test`, `test["price"]`)."""

    rows: str
    labels: str | None = None


@frozen(kw_only=True)
class Clue:
    """One name that the code treats as a model; the likeliest pairs come first."""

    model: str
    cell: int
    train: tuple[Pair, ...] = ()
    held: tuple[Pair, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Return the names that must still be there when the notebook has ended."""
        pairs = (*self.train, *self.held)
        texts = {self.model, *(p.rows for p in pairs), *(p.labels for p in pairs if p.labels)}
        return frozenset(name for text in texts for name in names_in(text))


def clues(cells: Iterable[tuple[int, ast.Module]]) -> tuple[Clue, ...]:
    """Collect the models of a notebook from its parsed cells, in the order of their last fit."""
    reader = Reader()
    for index, tree in cells:
        reader.cell = index
        reader.visit(tree)
    return tuple(reader.clue(name) for name in reader.models)


def of(pipeline: Pipeline) -> tuple[Clue, ...]:
    """Collect the models of a pipeline; cells that cannot be parsed say nothing."""
    cells = [item for flow in pipeline.flows for item in flow.cells if item.fault is None]
    return clues((item.cell.index, parse(code(item.cell))) for item in cells)


def names_in(text: str) -> frozenset[str]:
    """Return the names that an expression reads; none of what is no expression."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return frozenset()
    return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))


@frozen
class Judged:
    """A pair that was seen with a model; the lower the rank, the better the evidence."""

    rank: int
    model: str
    pair: Pair


@define
class Reader(ast.NodeVisitor):
    """Read cells in order and note fits, predictions, splits and what they are compared with."""

    cell: int = 0
    models: dict[str, int] = Factory(dict)  # name -> cell of its last fit, or first use
    fits: list[tuple[str, Pair]] = Factory(list)
    judged: list[Judged] = Factory(list)
    splits: list[tuple[Pair, Pair]] = Factory(list)
    answers: dict[str, tuple[str, str, int]] = Factory(dict)  # name -> model, rows, rank
    made: dict[str, Pair] = Factory(dict)  # name -> arguments of the call that made it
    passing: set[str] = field(factory=set)  # names bound by the loops around this line: never one model

    def clue(self, name: str) -> Clue:
        """Sum up what was seen of one name."""
        train = [pair for model, pair in reversed(self.fits) if model == name]
        train += [self.made[name]] if name in self.made else []
        train += [learnt for learnt, _ in reversed(self.splits)]
        seen = sorted((j for j in reversed(self.judged) if j.model == name), key=lambda j: j.rank)
        held = [j.pair for j in seen if j.pair.labels]
        held += [kept for _, kept in reversed(self.splits)]
        held += [joined for j in seen if not j.pair.labels for joined in self._labelled(j.pair.rows)]
        learnt = {pair.rows for pair in train}
        return Clue(
            model=name,
            cell=self.models[name],
            train=tuple(dict.fromkeys(train)),
            held=tuple(pair for pair in dict.fromkeys(held) if pair.rows not in learnt),
        )

    def visit(self, node: ast.AST) -> None:
        """Visit a node, unless it has local names: what a function calls `model` is not the notebook's."""
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            super().visit(node)

    def visit_For(self, node: ast.For) -> None:
        """Read a loop, whose own names stand for many values."""
        before = set(self.passing)
        self.passing |= set(bound(node))
        self.generic_visit(node)
        self.passing = before

    def visit_Assign(self, node: ast.Assign) -> None:
        """Note what a name is made from."""
        target = node.targets[0]
        if isinstance(target, ast.Name):
            self._named(target.id, node.value)
        elif isinstance(target, ast.Tuple) and called(node.value) == "train_test_split":
            self._split([text(t) for t in target.elts])
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Note a fit, a prediction, or a comparison of labels with predictions."""
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            self._method(node.func.value.id, node.func.attr, arguments(node))
        self._compared(called(node), arguments(node))
        self.generic_visit(node)

    def _named(self, name: str, value: ast.expr) -> None:
        self.answers.pop(name, None)
        self.made.pop(name, None)
        if answer := self._answer(value):
            self.answers[name] = answer
        elif isinstance(value, ast.Attribute) and value.attr == "best_estimator_" and isinstance(value.value, ast.Name):
            pairs = [pair for model, pair in self.fits if model == value.value.id]
            self._fitted(name, pairs[-1] if pairs else None)
        elif isinstance(value, ast.Call):
            first = pair_of(arguments(value))
            if isinstance(value.func, ast.Attribute) and value.func.attr == "fit":
                self._fitted(name, first)
            elif first and first.labels:
                self.made[name] = first

    def _method(self, name: str, method: str, given: list[ast.expr]) -> None:
        if method == "fit":
            self._fitted(name, pair_of(given))
        elif method in ASKS and given and name not in self.passing:
            self.models.setdefault(name, self.cell)
            pair = pair_of(given) if method == "score" else pair_of(given[:1])
            if pair:
                self.judged.append(Judged(ASKS[method], name, pair))

    def _compared(self, function: str, given: list[ast.expr]) -> None:
        """Note `accuracy_score(y_test, predicted)` and `from_estimator(model, X_test, y_test)`."""
        if len(given) >= 2 and (answer := self._answer(given[1])):
            model, rows, rank = answer
            self.judged.append(Judged(rank + 1 - simple(given[0]), model, Pair(rows=rows, labels=text(given[0]))))
        if len(given) >= 3 and isinstance(given[0], ast.Name) and not REFITS.search(function):
            pair = pair_of(given[1:])
            if pair and pair.labels:
                self.judged.append(Judged(1, given[0].id, pair))

    def _answer(self, value: ast.expr) -> tuple[str, str, int] | None:
        """Say whose prediction an expression is, and of which rows."""
        while isinstance(value, ast.Subscript):
            value = value.value
        if isinstance(value, ast.Name):
            return self.answers.get(value.id)
        if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute)):
            return None
        model, method, given = value.func.value, value.func.attr, arguments(value)
        known = isinstance(model, ast.Name) and method in ASKS and method != "score" and given
        return (model.id, text(given[0]), ASKS[method]) if known and isinstance(model, ast.Name) else None

    def _fitted(self, name: str, pair: Pair | None) -> None:
        if name in self.passing:
            return
        self.models.pop(name, None)
        self.models[name] = self.cell
        if pair and pair.labels:
            self.fits.append((name, pair))

    def _split(self, made: list[str]) -> None:
        if len(made) >= 4:
            self.splits.append((Pair(rows=made[0], labels=made[2]), Pair(rows=made[1], labels=made[3])))

    def _labelled(self, rows: str) -> Iterator[Pair]:
        """Yield the pairs seen with the same rows and another model."""
        yield from (j.pair for j in self.judged if j.pair.rows == rows and j.pair.labels)


def called(node: ast.expr) -> str:
    """Return the last name of the function that a call calls, or an empty text."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else text(node.func)


def arguments(node: ast.Call) -> list[ast.expr]:
    """Return what a call is given, in the order scikit-learn's methods take it."""
    named: Mapping[str | None, ast.expr] = {k.arg: k.value for k in node.keywords}
    known = ("estimator", "X", "y", "y_true", "y_pred", "y_score")
    return [a for a in node.args if not isinstance(a, ast.Starred)] + [named[k] for k in known if k in named]


def pair_of(given: list[ast.expr]) -> Pair | None:
    """Read the first two arguments as rows and labels."""
    if not given or isinstance(given[0], ast.Constant):
        return None
    return Pair(rows=text(given[0]), labels=text(given[1]) if len(given) > 1 else None)


def bound(loop: ast.For) -> Iterator[str]:
    """Yield the names that a loop binds on each turn."""
    yield from (n.id for n in ast.walk(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def simple(node: ast.expr) -> bool:
    """Say whether labels are named as they are, and not changed on the way (`y == "yes"`)."""
    return isinstance(node, ast.Name | ast.Subscript | ast.Attribute)


def text(node: ast.expr) -> str:
    """Write an expression as code."""
    return ast.unparse(node)
