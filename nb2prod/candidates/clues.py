"""Clue: what a notebook's code says about a model it fits, the rows it learns from and the rows that judge it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from attrs import Factory, define, evolve, field, frozen

from nb2prod.dataflow import parse
from nb2prod.pipeline import Pipeline
from nb2prod.stage import code

# They fit copies of the model, so the rows they are given judge nothing.
REFITS = re.compile(r"cross_val|learning_curve|validation_curve|permutation_test|clone")
ASKS = {"predict": 0, "score": 0, "predict_proba": 2, "decision_function": 2, "forecast": 0, "get_forecast": 1}
BASELINE = "baseline"  # a stage of this name makes the rival
OTHERS = ("test", "valid", "val", "held", "holdout")  # what the other part of `X_train` is called
AHEAD = frozenset({"forecast", "get_forecast"})
# What they make of a model's answers is an answer still: classes of logits, numbers of tensors.
READS = re.compile(
    r"argmax|softmax|sigmoid|expit|round|where|exp|array|asarray|ravel|squeeze|reshape|flatten|to_numpy|numpy|detach|cpu|"
    r"astype|float|int|long|bool|item|tolist|clip|predicted_mean|values|sort|topk"
)


@frozen(kw_only=True)
class Pair:
    """Rows and their labels, as expressions over the notebook's names (`X_test`, `test["price"]`)."""

    rows: str
    labels: str | None = None
    groups: tuple[str, ...] = ()  # of ranked rows: where the notebook may say which query each belongs to


@frozen(kw_only=True)
class Clue:
    """One name that the code treats as a model; the likeliest pairs come first."""

    model: str
    cell: int
    train: tuple[Pair, ...] = ()
    held: tuple[Pair, ...] = ()
    exported: bool = False  # to a graph, which is what answers then
    rival: bool = False  # of a stage that makes what the model is compared with

    @property
    def names(self) -> frozenset[str]:
        """Return the names that must still be there when the notebook has ended."""
        pairs = (*self.train, *self.held)
        texts = {self.model, *(p.rows for p in pairs), *(p.labels for p in pairs if p.labels)}
        texts |= {group for pair in pairs for group in pair.groups}
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
    simple = {cell.index for stage in pipeline.stages if stage.name == BASELINE for cell in stage.code_cells}
    found = clues((item.cell.index, parse(code(item.cell))) for item in cells)
    return tuple(evolve(clue, rival=clue.cell in simple) for clue in found)


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
    built: set[str] = field(factory=set)  # names of what a call made, which may be called in turn: networks
    losses: dict[str, tuple[str, Pair]] = Factory(dict)  # name -> network and what it is compared with there
    groups: dict[str, tuple[str, ...]] = Factory(dict)  # model -> what tells the queries of the rows it is judged by
    exported: set[str] = field(factory=set)
    passing: set[str] = field(factory=set)  # names bound by the loops around this line: never one model
    batches: dict[str, tuple[str, int]] = Factory(dict)  # such a name -> the name that is looped over, and its place

    def clue(self, name: str) -> Clue:
        """Sum up what was seen of one name."""
        train = [pair for model, pair in reversed(self.fits) if model == name]
        train += [self.made[name]] if name in self.made else []
        train += [learnt for learnt, _ in reversed(self.splits)]
        seen = sorted((j for j in reversed(self.judged) if j.model == name), key=lambda j: j.rank)
        held = [j.pair for j in seen if j.pair.labels]
        held += [kept for _, kept in reversed(self.splits)]
        held += [joined for j in seen if not j.pair.labels for joined in self._labelled(j.pair.rows)]
        held += [Pair(rows=j.pair.rows, labels=found) for j in seen for found in likely(j.pair.rows, train)]
        learnt = {pair.rows for pair in train}
        groups = self.groups.get(name, ())
        return Clue(
            model=name,
            cell=self.models[name],
            train=tuple(dict.fromkeys(train)),
            held=tuple(evolve(pair, groups=groups) for pair in dict.fromkeys(held) if pair.rows not in learnt),
            exported=name in self.exported,
        )

    def visit(self, node: ast.AST) -> None:
        """Visit a node, unless it has local names: what a function calls `model` is not the notebook's."""
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            super().visit(node)

    def visit_For(self, node: ast.For) -> None:
        """Read a loop, whose own names stand for many values."""
        before, batches = set(self.passing), dict(self.batches)
        self.passing |= set(bound(node))
        if isinstance(node.target, ast.Tuple) and isinstance(node.iter, ast.Name):
            names = [t.id for t in node.target.elts if isinstance(t, ast.Name)]
            self.batches |= {name: (node.iter.id, place) for place, name in enumerate(names)}
        self.generic_visit(node)
        self.passing, self.batches = before, batches

    def visit_Assign(self, node: ast.Assign) -> None:
        """Note what a name is made from."""
        target = node.targets[0]
        if isinstance(target, ast.Name):
            self._named(target.id, node.value)
        elif isinstance(target, ast.Tuple) and called(node.value) == "train_test_split":
            self._split([text(t) for t in target.elts])
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """Note `(predicted == y_test).mean()`."""
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
            for told, labels in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
                if answer := self._answer(told):
                    self._judge(answer, labels, 0)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Note a fit, a prediction, or a comparison of labels with predictions."""
        given = arguments(node)
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            self._method(node.func.value.id, node)
        elif answer := self._answer(node):
            self._asked(answer[0], None)
        if "onnx" in text(node.func).lower():
            self.exported |= {a.id for a in given if isinstance(a, ast.Name)}
        self._compared(node, given)
        self.generic_visit(node)

    def _named(self, name: str, value: ast.expr) -> None:
        self.answers.pop(name, None)
        self.made.pop(name, None)
        loss = (
            self._loss(arguments(value)) if isinstance(value, ast.Call) and not READS.fullmatch(called(value)) else None
        )
        if loss is not None:
            self.losses[name] = loss
        elif answer := self._answer(value):
            self.answers[name] = answer
        elif isinstance(value, ast.Attribute) and value.attr == "best_estimator_" and isinstance(value.value, ast.Name):
            pairs = [pair for model, pair in self.fits if model == value.value.id]
            self._fitted(name, pairs[-1] if pairs else None)
        elif isinstance(value, ast.Call):
            given = arguments(value)
            self.built.add(name)
            first = pair_of(given)
            if isinstance(value.func, ast.Attribute) and value.func.attr == "fit":
                self._fitted(name, first)
                self._grouped(name, value)
            elif first and first.labels:
                self.made[name] = first

    def _method(self, name: str, node: ast.Call) -> None:
        assert isinstance(node.func, ast.Attribute)
        method, given = node.func.attr, arguments(node)
        if method == "fit":
            self._fitted(name, pair_of(given))
            self._grouped(name, node)
        elif method == "backward" and name in self.losses:
            self._fitted(*self.losses[name])
        elif method == "run" and self._answer(node):
            self._asked(name, None)
        elif method in ASKS and given:
            pair = pair_of(given) if method == "score" else pair_of(given[:1])
            self._asked(name, Judged(ASKS[method], name, pair) if pair else None)

    def _asked(self, name: str, judged: Judged | None) -> None:
        """Note that a name is asked as models are."""
        if name not in self.passing:
            self.models.setdefault(name, self.cell)
            self.judged += [judged] if judged else []

    def _compared(self, node: ast.Call, given: list[ast.expr]) -> None:
        """Note `accuracy_score(y_test, predicted)` and `from_estimator(model, X_test, y_test)`."""
        if len(given) >= 2 and (answer := self._answer(given[1])):
            self._judge(answer, given[0], 0)
        elif len(given) >= 2 and (found := self._loss(given)):
            self.judged.append(Judged(1, *found))
        if len(given) >= 3 and isinstance(given[0], ast.Name) and not REFITS.search(called(node)):
            pair = pair_of(given[1:])
            if pair and pair.labels:
                self.judged.append(Judged(1, given[0].id, pair))

    def _judge(self, answer: tuple[str, str, int], labels: ast.expr, rank: int) -> None:
        model, rows, own = answer
        pair = Pair(rows=rows, labels=text(labels))
        self.judged.append(Judged(own + rank + 1 - simple(labels), model, pair))

    def _loss(self, given: list[ast.expr]) -> tuple[str, Pair] | None:
        """Read `loss(network(rows), labels)`, whose rows and labels may be batches of what is looped over."""
        answer = self._answer(given[0]) if len(given) >= 2 else None
        if answer is None or called(given[0]) in {"predict", "predict_proba"}:
            return None
        return answer[0], Pair(rows=self._whole(answer[1]), labels=self._whole(text(given[1])))

    def _whole(self, expression: str) -> str:
        """Return what a batch is a part of: `DataLoader` and `TensorDataset` keep their tensors."""
        for name in names_in(expression):
            if name in self.batches:
                source, place = self.batches[name]
                return f"getattr({source}, 'dataset', {source}).tensors[{place}]"
        return expression

    def _answer(self, value: ast.expr) -> tuple[str, str, int] | None:
        """Say whose prediction an expression is, and of which rows."""
        while isinstance(value, ast.Subscript | ast.Compare):
            value = value.value if isinstance(value, ast.Subscript) else value.left
        if isinstance(value, ast.Name):
            return self.answers.get(value.id)
        if isinstance(value, ast.Attribute):
            return self._answer(value.value) if READS.fullmatch(value.attr) else None
        if not isinstance(value, ast.Call):
            return None
        given, asked = arguments(value), value.func
        owner = asked.value if isinstance(asked, ast.Attribute) else None
        if isinstance(asked, ast.Name) and asked.id in self.built and given:
            return asked.id, text(given[0]), 0
        if isinstance(owner, ast.Name) and (answer := self._method_answer(owner.id, value, given)):
            return answer
        if not READS.fullmatch(called(value)):
            return None
        return (self._answer(owner) if owner is not None else None) or (self._answer(given[0]) if given else None)

    def _method_answer(self, name: str, node: ast.Call, given: list[ast.expr]) -> tuple[str, str, int] | None:
        method = called(node)
        if method == "run" and len(given) >= 2:  # of an ONNX session: the outputs wanted, then the inputs by name
            fed = given[1]
            rows = fed.values[0] if isinstance(fed, ast.Dict) and len(fed.values) == 1 else fed
            return name, text(rows), 0
        if method in AHEAD:
            others = [k.value for k in node.keywords if k.arg == "exog"]
            return name, text(others[0]) if others else "None", ASKS[method]
        return (name, text(given[0]), ASKS[method]) if method in ASKS and method != "score" and given else None

    def _fitted(self, name: str, pair: Pair | None) -> None:
        if name in self.passing:
            return
        self.models.pop(name, None)
        self.models[name] = self.cell
        if pair and pair.labels:
            self.fits.append((name, pair))

    def _grouped(self, name: str, node: ast.Call) -> None:
        """Note what a ranker is told of queries: those it learns from are in its fit, others are like them by name."""
        told = {k.arg: text(k.value) for k in node.keywords if k.arg in {"group", "qid", "eval_group", "eval_qid"}}
        own = [told[k] for k in ("group", "qid") if k in told]
        if not told:
            return
        others = [told[k] for k in ("eval_group", "eval_qid") if k in told]
        likely = [t.replace("train", word) for t in own for word in OTHERS]
        self.groups[name] = tuple(dict.fromkeys([*likely, *others]))
        self.fits = [(m, evolve(p, groups=tuple(own)) if m == name else p) for m, p in self.fits]

    def _split(self, made: list[str]) -> None:
        if len(made) >= 4:
            self.splits.append((Pair(rows=made[0], labels=made[2]), Pair(rows=made[1], labels=made[3])))

    def _labelled(self, rows: str) -> Iterator[Pair]:
        """Yield the pairs seen with the same rows and another model."""
        yield from (j.pair for j in self.judged if j.pair.rows == rows and j.pair.labels)


def likely(rows: str, train: Iterable[Pair]) -> Iterator[str]:
    """Yield what the labels of rows are likely called: `y_test` where `X_train, y_train` became `X_test`."""
    for pair in train:
        for word in OTHERS:
            if pair.labels and rows == pair.rows.replace("train", word) != pair.rows:
                yield pair.labels.replace("train", word)


def called(node: ast.expr) -> str:
    """Return the last name of the function that a call calls, or an empty text."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else text(node.func)


def arguments(node: ast.Call) -> list[ast.expr]:
    """Return what a call is given, in the order scikit-learn's methods take it."""
    named: Mapping[str | None, ast.expr] = {k.arg: k.value for k in node.keywords}
    known = ("estimator", "X", "y", "y_true", "y_pred", "y_score", "exog", "steps")
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
