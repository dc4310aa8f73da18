"""Turned: the labels that a model knows, where the notebook turns its answers back to judge them."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from nb2prod.candidates.expressions import called, simple, text

TURNS = frozenset({"exp", "exp2", "expm1", "square"})  # undo what was made of labels before a model learnt them


def learnt(told: ast.expr, labels: ast.expr, own: str | None, made: Mapping[str, ast.expr]) -> ast.expr:
    """Return labels as a model learnt them: `np.log(y)`, where `np.exp(model.predict(x))` is held against `y`.

    Args:
        told: The answers, as they are judged.
        labels: What they are held against.
        own: The labels that the model was fitted on.
        made: Name → what it was last made of.
    """
    told = made.get(told.id, told) if isinstance(told, ast.Name) else told
    calls = [node for node in ast.walk(told) if isinstance(node, ast.Call) and called(node) in TURNS]
    if not calls:
        return labels
    if isinstance(labels, ast.Call) and text(labels.func) == text(calls[0].func) and len(labels.args) == 1:
        return labels.args[0]  # both were turned back
    known = ast.parse(own or "None", mode="eval").body
    known = made.get(known.id, known) if isinstance(known, ast.Name) else known
    if isinstance(known, ast.Call) and len(known.args) == 1 and simple(known.args[0]):
        return ast.Call(func=known.func, args=[labels], keywords=[])
    return labels
