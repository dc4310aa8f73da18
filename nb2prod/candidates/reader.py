"""Reader: reads a notebook's code in order, and notes the clues in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import Factory, define, evolve, field

from nb2prod.candidates.batches import Whole, batched
from nb2prod.candidates.clue import Clue, Judged, Pair, likely, pair_of
from nb2prod.candidates.expressions import arguments, bound, called, names_in, parts_of, root, simple, text
from nb2prod.candidates.turned import learnt
from nb2prod.candidates.vocabulary import (
    AHEAD,
    ASKS,
    CHOOSES,
    EXPORTS,
    JUDGES,
    LOADS,
    OPTIONS,
    OTHERS,
    READS,
    REFITS,
    TABLES,
    WRAPS,
)  # fmt: skip


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
    defined: dict[str, ast.expr] = Factory(dict)  # name -> what it was last made of
    built: set[str] = field(factory=set)  # names of what a call made, which may be called in turn: networks
    losses: dict[str, tuple[str, Pair]] = Factory(dict)  # name -> network and what it is compared with there
    groups: dict[str, tuple[str, ...]] = Factory(dict)  # model -> what tells the queries of the rows it is judged by
    exported: set[str] = field(factory=set)
    loaded: set[str] = field(factory=set)  # from files
    options: dict[str, tuple[tuple[str, str], ...]] = Factory(dict)  # model -> what it is asked with
    passing: set[str] = field(factory=set)  # names bound by the loops around this line: never one model
    batches: dict[str, str] = Factory(dict)  # such a name -> what it is a part of
    inside: dict[str, str] = Factory(dict)  # such a name -> the name of what is looped over
    several: dict[str, tuple[int, Pair | None]] = Factory(dict)  # what holds models fitted in a loop -> cell, rows
    sources: dict[str, str] = Factory(dict)  # model -> what it was taken out of
    tables: dict[str, ast.Call] = Factory(dict)  # name -> the call that made rows and labels into one
    loaders: dict[str, str] = Factory(dict)  # name -> what gives batches, as an expression of its whole

    def clue(self, name: str) -> Clue:
        """Sum up what was seen of one name."""
        train = [pair for model, pair in reversed(self.fits) if model == name]
        train += [self.made[name]] if name in self.made else []
        train += [taught for taught, _ in reversed(self.splits)]
        own = {name, source := self.sources.get(name, ""), self.sources.get(source)}
        seen = sorted((j for j in reversed(self.judged) if j.model in own), key=lambda j: j.rank)
        held = [j.pair for j in seen if j.pair.labels]
        held += [kept for _, kept in reversed(self.splits)]
        pairs = [j.pair for j in self.judged if j.pair.labels]  # with the same rows and another model
        held += [pair for j in seen if not j.pair.labels for pair in pairs if pair.rows == j.pair.rows]
        held += [Pair(rows=j.pair.rows, labels=found) for j in seen for found in likely(j.pair.rows, train)]
        known = {pair.rows for pair in train}
        groups = self.groups.get(name, ())
        return Clue(
            model=name,
            cell=self.models[name],
            train=tuple(dict.fromkeys(train)),
            held=tuple(
                evolve(pair, groups=pair.groups or groups) for pair in dict.fromkeys(held) if pair.rows not in known
            ),
            exported=name in self.exported,
            options=self.options.get(name, ()),
            loaded=name in self.loaded,
        )

    def visit(self, node: ast.AST) -> None:
        """Visit a node, unless it has local names: what a function calls `model` is not the notebook's."""
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            super().visit(node)

    def visit_For(self, node: ast.For) -> None:
        """Read a loop, whose own names stand for many values."""
        with self._looping([(node.target, node.iter)]):
            self.generic_visit(node)

    def visit_comprehension_of(self, node: Any) -> None:
        """Read a loop within an expression likewise."""
        with self._looping([(one.target, one.iter) for one in node.generators]):
            self.generic_visit(node)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_comprehension_of

    @contextmanager
    def _looping(self, loops: list[tuple[ast.expr, ast.expr]]) -> Iterator[None]:
        before = set(self.passing), dict(self.batches), dict(self.inside)
        for target, source in loops:
            names = set(bound(target))
            self.passing |= names
            self.inside |= dict.fromkeys(names, root(source) or "")
            self._batched(target, source)
        yield
        self.passing, self.batches, self.inside = before

    def _batched(self, target: ast.expr, source: ast.expr) -> None:
        """Note what the names of a loop over batches are parts of."""
        counted = called(source) == "enumerate" and isinstance(target, ast.Tuple) and len(target.elts) == 2
        target = target.elts[1] if counted and isinstance(target, ast.Tuple) else target
        while isinstance(source, ast.Call) and called(source) in WRAPS and source.args:
            source = source.args[0]
        if isinstance(target, ast.Tuple) and isinstance(source, ast.Name):
            whole = self.loaders.get(source.id) or batched(source.id)
            names = [t.id for t in target.elts if isinstance(t, ast.Name)]
            self.batches |= {name: f"{whole}[{place}]" for place, name in enumerate(names)}

    def visit_Assign(self, node: ast.Assign) -> None:
        """Note what a name is made from."""
        target = node.targets[0]
        several = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
        pairs = zip(target.elts, node.value.elts, strict=False) if several else [(target, node.value)]  # type: ignore[attr-defined]
        for one, value in pairs:
            if isinstance(one, ast.Name):
                self._named(one.id, value)
            elif isinstance(one, ast.Subscript) and isinstance(one.value, ast.Name):
                self._collected(one.value.id, value)
        if isinstance(target, ast.Tuple) and called(node.value) == "train_test_split":
            if len(made := [text(one) for one in target.elts]) >= 4:
                self.splits.append((Pair(rows=made[0], labels=made[2]), Pair(rows=made[1], labels=made[3])))
        elif isinstance(target, ast.Tuple) and not several:
            for one in target.elts:
                if isinstance(one, ast.Name):
                    self._chosen(one.id, node.value)
        self.generic_visit(node)

    def _collected(self, name: str, value: ast.expr) -> None:
        """Note that a loop puts models into something, alone or with what is known of them."""
        if self.passing and called(value) == "fit" and isinstance(value, ast.Call):
            self.several[name] = self.cell, self._pair(arguments(value))
        for one in parts_of(value) if self.passing else ():
            if one in self.models or (one in self.built and one in self.passing):
                self.several[name] = self.cell, self._learnt(one)
                self._moved(one, name)

    def _learnt(self, name: str) -> Pair | None:
        """Return what a model was last fitted on."""
        return next((pair for model, pair in reversed(self.fits) if model == name), None)

    def _kept(self, name: str, value: ast.expr) -> None:
        """Note that a loop keeps the best of the models that it fits under another name."""
        if self.passing and isinstance(value, ast.Name) and value.id in self.models and value.id != name:
            self._fitted(name, self._learnt(value.id))
            self._moved(value.id, name)

    def _moved(self, model: str, name: str) -> None:
        """Note that a model of this turn of a loop has another name from here on."""
        self.sources[name] = self.inside[model] = model
        self.passing.add(model)
        self.models.pop(model, None)

    def _chosen(self, name: str, value: ast.expr) -> bool:
        """Note a model that is taken out of several."""
        source = root(value) if isinstance(value, ast.Subscript) or called(value) in CHOOSES else None
        if source not in self.several or name in self.passing:
            return False
        self.sources[name] = source
        self._fitted(name, self.several[source][1])
        return True

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Note `abs(predicted - y_test).mean()`."""
        if isinstance(node.op, ast.Sub):
            for told, labels in ((node.left, node.right), (node.right, node.left)):
                if (answer := self._answer(told)) and not self._answer(labels):
                    self._judge(told, answer, labels)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """Note `(predicted == y_test).mean()`."""
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            for told, labels in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
                if answer := self._answer(told):
                    self._judge(told, answer, labels)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Note a fit, a prediction, or a comparison of labels with predictions."""
        given, owner = arguments(node), node.func.value if isinstance(node.func, ast.Attribute) else None
        if isinstance(owner, ast.Name):
            self._method(owner.id, node)
        elif called(node) == "backward" and isinstance(owner, ast.Call) and (loss := self._loss(arguments(owner))):
            self._fitted(*loss)
        elif answer := self._answer(node):
            self._asked(answer[0], None)
        if isinstance(node.func, ast.Name):
            self._trained(node.func.id, given)
        if EXPORTS.search(text(node.func)):
            self.exported |= {name for one in given for name in names_in(text(one))}
        self._compared(node, given)
        self.generic_visit(node)

    def _trained(self, function: str, given: list[ast.expr]) -> None:
        """Note `train(network, loader)`, a function of the notebook's own, and `evaluate(network, loader)`."""
        names = [one.id for one in given if isinstance(one, ast.Name)]
        networks = [name for name in names if name in self.built and name not in self.loaders]
        loaders = [name for name in names if name in self.loaders]
        if not networks or not loaders or function in self.built:
            return
        pairs = [Pair(rows=f"{self.loaders[name]}[:-1]", labels=f"{self.loaders[name]}[-1]") for name in loaders]
        learns = re.search(r"train|fit|learn", function) or networks[0] not in self.models
        if learns:
            self._fitted(networks[0], pairs[0])
        self.judged += [Judged(2, networks[0], pair) for pair in (pairs[1:] if learns else pairs)]

    def _named(self, name: str, value: ast.expr) -> None:
        self.defined[name] = value
        for known in (self.answers, self.made, self.tables, self.loaders, self.batches if self.passing else {}):
            known.pop(name, None)
        if self.passing and isinstance(value, ast.Subscript) and not isinstance(value.slice, ast.Constant):
            self.batches[name] = text(value.value)
        asked = isinstance(value, ast.Call) and not READS.fullmatch(called(value))
        loss = self._loss(arguments(value)) if asked and isinstance(value, ast.Call) else None
        if loss is not None:
            self.losses[name] = loss
        elif answer := self._answer(value):
            self.answers[name] = answer
        elif isinstance(value, ast.Attribute) and value.attr == "best_estimator_" and isinstance(value.value, ast.Name):
            pairs = [pair for model, pair in self.fits if model == value.value.id]
            self._fitted(name, pairs[-1] if pairs else None)
        elif isinstance(value, ast.DictComp | ast.ListComp):
            one = value.value if isinstance(value, ast.DictComp) else value.elt
            if called(one) == "fit" and isinstance(one, ast.Call):
                self.several[name] = self.cell, self._pair(arguments(one))
        elif not self._chosen(name, value) and isinstance(value, ast.Call):
            self._called(name, value)
        self._kept(name, value)

    def _called(self, name: str, value: ast.Call) -> None:
        """Note what a name is made from by a call."""
        self.built.add(name)
        (self.loaded.add if called(value) in LOADS else self.loaded.discard)(name)
        given, kind = arguments(value), called(value)
        first = self._pair(given)
        table = next((found for one in given if (found := self._table(one))), None)
        if isinstance(value.func, ast.Attribute) and kind == "fit":
            self._fitted(name, first)
            self._grouped(name, table or value)
        elif kind in TABLES:
            self.tables[name] = value
        elif kind == "DataLoader" and given:
            self.loaders[name] = batched(name)
        elif kind == "train" and table is not None:
            self._fitted(name, self._pair([table]))
            self._grouped(name, table)
        elif first and first.labels:
            self.made[name] = first

    def _table(self, node: ast.expr) -> ast.Call | None:
        """Return the call that makes rows and labels into what boosters want."""
        if isinstance(node, ast.Name):
            return self.tables.get(node.id)
        return node if isinstance(node, ast.Call) and called(node) in TABLES else None

    def _pair(self, given: list[ast.expr]) -> Pair | None:
        """Read the first arguments as rows and labels, be they in one or not."""
        table = self._table(given[0]) if given else None
        if table is None:
            return pair_of(given)
        told = {k.arg: text(k.value) for k in table.keywords if k.arg in {"group", "qid", "group_id"}}
        pair = pair_of([*arguments(table)[:2], *given[1:]])
        return pair and evolve(pair, groups=tuple(told.values()))

    def _rows(self, given: list[ast.expr]) -> str:
        """Return the rows that a model is asked about, and several inputs as a tuple of them."""
        if len(given) > 1:
            return f"({', '.join(map(text, given))})"
        pair = self._pair(given[:1])
        return pair.rows if pair else text(given[0])

    def _method(self, name: str, node: ast.Call) -> None:
        assert isinstance(node.func, ast.Attribute)
        method, given = node.func.attr, arguments(node)
        if method == "fit":
            self._fitted(name, self._pair(given))
            self._grouped(name, (self._table(given[0]) if given else None) or node)
        elif method == "backward" and name in self.losses:
            self._fitted(*self.losses[name])
        elif method == "run" and self._answer(node):
            self._asked(name, None)
        elif method in ASKS and given:
            pair = self._pair(given) if method == "score" or self._table(given[0]) else pair_of(given[:1])
            self._asked(name, Judged(ASKS[method], name, pair) if pair else None)

    def _asked(self, name: str, judged: Judged | None) -> None:
        """Note that a name is asked as models are."""
        if name not in self.passing:
            self.models.setdefault(name, self.cell)
        elif judged:
            judged = evolve(judged, model=self.inside.get(name, name))
        self.judged += [judged] if judged else []

    def _compared(self, node: ast.Call, given: list[ast.expr]) -> None:
        """Note `accuracy_score(y_test, predicted)` and `from_estimator(model, X_test, y_test)`."""
        if len(given) >= 2 and (answer := self._answer(given[1])):
            self._judge(given[1], answer, given[0])
        elif len(given) >= 2 and (found := self._loss(given)):
            self.judged.append(Judged(1, *found))
        model = given[0].id if len(given) >= 3 and isinstance(given[0], ast.Name) else ""
        if model in self.made and JUDGES.search(called(node)):
            self._asked(model, None)
        if len(given) >= 3 and isinstance(given[0], ast.Name) and not REFITS.search(called(node)):
            pair = pair_of(given[1:])
            if pair and pair.labels:
                self.judged.append(Judged(1, given[0].id, pair))

    def _judge(self, told: ast.expr, answer: tuple[str, str, int], labels: ast.expr) -> None:
        model, rows, own = answer
        model = self.inside.get(model, model)
        own_labels = next((pair.labels for known, pair in reversed(self.fits) if known == model), None)
        known = text(learnt(told, labels, own_labels, self.defined))
        self.judged.append(
            Judged(own + 1 - simple(labels), model, Pair(rows=self._whole(rows), labels=self._whole(known)))
        )

    def _loss(self, given: list[ast.expr]) -> tuple[str, Pair] | None:
        """Read `loss(network(rows), labels)`, whose rows and labels may be batches of what is looped over."""
        answer = self._answer(given[0]) if len(given) >= 2 else None
        if answer is None or called(given[0]) in {"predict", "predict_proba"}:
            return None
        return answer[0], Pair(rows=self._whole(answer[1]), labels=self._whole(text(given[1])))

    def _whole(self, expression: str) -> str:
        """Return what batches are parts of."""
        if not names_in(expression) & self.batches.keys():
            return expression
        tree = Whole(self.batches).visit(ast.parse(expression, mode="eval"))
        return text(tree.body)

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
            return asked.id, self._rows(given), 0
        if isinstance(owner, ast.Name) and (answer := self._method_answer(owner.id, value, given)):
            return answer
        if not READS.fullmatch(called(value)):
            return None
        return (self._answer(owner) if owner is not None else None) or (self._answer(given[0]) if given else None)

    def _method_answer(self, name: str, node: ast.Call, given: list[ast.expr]) -> tuple[str, str, int] | None:
        method = called(node)
        if method == "predict":
            self.options[name] = tuple((k.arg, text(k.value)) for k in node.keywords if k.arg in OPTIONS)
        if method == "run" and len(given) >= 2:  # of an ONNX session: the outputs wanted, then the inputs by name
            fed = given[1]
            rows = fed.values[0] if isinstance(fed, ast.Dict) and len(fed.values) == 1 else fed
            return name, text(rows), 0
        if method in AHEAD:
            others = [k.value for k in node.keywords if k.arg == "exog"]
            return name, text(others[0]) if others else "None", ASKS[method]
        return (name, self._rows(given[:1]), ASKS[method]) if method in ASKS and method != "score" and given else None

    def _fitted(self, name: str, pair: Pair | None) -> None:
        if name in self.passing:
            if source := self.inside.get(name):
                self.several[source] = self.cell, pair
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
