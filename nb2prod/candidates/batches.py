"""Batch: a part of rows that a loop takes at a time, and the whole that it is a part of."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from attrs import frozen


def batched(source: str) -> str:
    """Return the whole of what gives batches, as a list of tensors, as an expression."""
    data = f"getattr({source}, 'dataset', {source})"
    return f"(getattr({data}, 'tensors', None) or __import__('torch').utils.data.default_collate(list({data})))"


@frozen
class Whole(ast.NodeTransformer):
    """Puts what batches are parts of in their place."""

    batches: Mapping[str, str]

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Replace the name of a batch."""
        whole = self.batches.get(node.id)
        return node if whole is None else ast.parse(whole, mode="eval").body
