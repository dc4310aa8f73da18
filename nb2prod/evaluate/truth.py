"""Truth: what is right of rows held out, and what a model says of them."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen


@frozen(kw_only=True)
class Truth:
    """What is right of the held-out rows, and what else a measure of their kind needs."""

    labels: Any = field(eq=False, repr=False)
    groups: Any = field(default=None, eq=False, repr=False)  # of each row: its query, or what makes it like others
    ordered: bool = False  # rows follow each other, so that neighbours are alike
    positive: Any = None  # which of two classes is looked for; the second one when None
    past: Any = field(default=None, eq=False, repr=False)  # of a series: what it was before
    season: int = 1  # of a series: steps until it is alike


@frozen(kw_only=True)
class Said:
    """What a model says of the held-out rows."""

    predicted: Any = field(eq=False, repr=False)
    probabilities: Any = field(default=None, eq=False, repr=False)
    classes: Any = field(default=None, eq=False, repr=False)
