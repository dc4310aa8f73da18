"""Leaves: where many rows end in many trees, looked up by what each feature of a row leaves open.

The thresholds of all trees cut the numbers of a feature into intervals. For each interval it is known beforehand which
leaves of which tree can still be reached, one bit a leaf. What all features of a row leave open together is one leaf a
tree. So a row takes one line of a table a feature, however deep the trees are; the comparisons are the trees' own. The
leaves of all rows are a sparse matrix of ones, and its product with the values of the leaves is what the trees say.

Source:
    Lucchese et al. (2015), QuickScorer, whose bits these are; the intervals take the place of its sorted nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import frozen

Matrix = np.ndarray[Any, Any]

WORDS: dict[int, tuple[Any, int]] = {32: (np.uint32, 0x077CB531), 64: (np.uint64, 0x03F79D71B4CB0A89)}
MOST = 64 * 2**20  # bytes of tables
TOGETHER = 1024  # intervals of several features that are looked up as one
BLOCK = 100_000  # rows times trees that are worked at once, so that a processor's cache holds them
GRID = 16  # cells an interval, of which most then hold no threshold or one


class TooLarge(Exception):
    """There are more leaves than bits, or more intervals than fit."""


@frozen(eq=False)
class Cut:
    """The intervals of one feature: the number of thresholds that a number exceeds; the last is of a missing one."""

    feature: int
    thresholds: Matrix  # and infinity, which nothing exceeds
    place: Callable[[Matrix], Matrix]

    @property
    def size(self) -> int:
        """Return how many intervals there are."""
        return len(self.thresholds) + 1

    def of(self, columns: Sequence[Matrix]) -> Matrix:
        """Return the interval of each row."""
        numbers = columns[self.feature]
        gaps = np.isnan(numbers)
        if not gaps.any():
            return self.place(numbers)
        found = self.place(np.where(gaps, self.thresholds[0], numbers))
        found[gaps] = self.size - 1
        return found


class Leaves:
    """The trees of one sum, in tables."""

    def __init__(self, parts: Sequence[dict[str, Matrix]], start: float, rate: float = 1.0) -> None:
        """Make the tables.

        Args:
            parts: The nodes of each tree.
            start: What the values of leaves are added to, tree after tree.
            rate: What they are multiplied with.

        Raises:
            TooLarge: It is worth less than it takes.
        """
        most = max(int(part["leaf"].astype(bool).sum()) for part in parts)
        if most > max(WORDS):
            raise TooLarge
        self.bits = next(bits for bits in WORDS if most <= bits)
        self.word, self.hash = WORDS[self.bits][0], WORDS[self.bits][1]
        self.shift = self.bits - self.bits.bit_length() + 1
        self.trees = len(parts) + 1  # the first says where the sum starts, and has one leaf
        inner = [~part["leaf"].astype(bool) for part in parts]
        features = np.unique(np.concatenate([part["feature"][own] for part, own in zip(parts, inner, strict=True)]))
        self.cuts = [_cut(int(feature), parts, inner) for feature in features]
        if not self.cuts or sum(cut.size for cut in self.cuts) * self.trees * self.bits // 8 > MOST:
            raise TooLarge
        open_ = {cut.feature: np.full((cut.size, self.trees), self._all, self.word) for cut in self.cuts}
        self.values = np.zeros((self.trees, self.bits))
        self.lines = (np.arange(self.trees) * self.bits).astype(self.word)
        self._grow({"leaf": np.array([True]), "value": np.array([start])}, 0, open_, 1.0)
        for number, part in enumerate(parts, 1):
            self._grow(part, number, open_, rate)
        self.groups, self.tables = _grouped(self.cuts, open_)

    def summed(self, columns: Sequence[Matrix]) -> Matrix:
        """Return the sum of each row, added up in the order of the trees."""
        from scipy.sparse import csr_array

        intervals = [_together([cut.of(columns) for cut in group], group) for group in self.groups]
        count = len(columns[0])
        rows = -(-count // -(-count * self.trees // BLOCK))
        bits, line = np.zeros((rows, self.trees), self.word), np.empty((rows, self.trees), self.word)
        ends = bits.view(np.int32) if self.bits == 32 else np.zeros((rows, self.trees), np.int32)
        starts = np.arange(rows + 1, dtype=np.int32) * self.trees
        # The matrix has no copy of `ends`: what is written there below is multiplied.
        reached = csr_array((np.ones(ends.size), ends.ravel(), starts), shape=(rows, self.values.size))
        made, every = np.empty(count), self.values.ravel()
        for n in range(0, count, rows):
            size = min(rows, count - n)
            for first, (table, found) in enumerate(zip(self.tables, intervals, strict=True)):
                table.take(found[n : n + size], axis=0, out=(line if first else bits)[:size], mode="clip")
                if first:
                    np.bitwise_and(bits, line, out=bits)
            bits *= self.word(self.hash)  # one bit is left; each gives another top
            bits >>= self.word(self.shift)
            bits += self.lines
            if self.bits != 32:
                ends[:] = bits
            made[n : n + size] = (reached @ every)[:size]
        return made

    @property
    def _all(self) -> Any:
        return self.word((1 << self.bits) - 1)

    def _grow(self, part: dict[str, Matrix], number: int, tables: dict[int, Matrix], rate: float) -> None:
        """Give each leaf of a tree a bit, and take the other side's bits from the intervals of each node's sides."""
        thresholds = {cut.feature: cut.thresholds for cut in self.cuts}
        known: list[int] = []

        def bits(node: int) -> int:
            if part["leaf"][node]:
                bit = 1 << len(known)
                known.append(node)
                place = (bit * self.hash & (1 << self.bits) - 1) >> self.shift
                self.values[number, place] = rate * float(np.ravel(part["value"][node])[0])
                return bit
            left, right = bits(int(part["left"][node])), bits(int(part["right"][node]))
            feature = int(part["feature"][node])
            column = tables[feature][:, number]
            above = int(np.searchsorted(thresholds[feature], part["threshold"][node])) + 1
            column[:above] &= ~self.word(right)
            column[above:-1] &= ~self.word(left)
            column[-1:] &= ~self.word(right if part["missing"][node] else left)
            return left | right

        every = bits(0)
        for table in tables.values():
            table[:, number] &= self.word(every)


def _cut(feature: int, parts: Sequence[dict[str, Matrix]], inner: Sequence[Matrix]) -> Cut:
    own = [part["threshold"][keep & (part["feature"] == feature)] for part, keep in zip(parts, inner, strict=True)]
    found = np.unique(np.concatenate(own).astype(float))
    found = found[found < np.inf]  # what only asks whether a number is missing
    return Cut(feature, np.append(found, np.inf), _placing(found))


def _placing(found: Matrix) -> Callable[[Matrix], Matrix]:
    """Return what counts the thresholds below each number.

    A grid tells how many are below a number's cell at least, as cells are in the numbers' order, rounded or not; those
    within its cell are compared one by one.
    """
    if len(found) < 2:
        return lambda x: (x[:, None] > found).sum(axis=1)
    low, cells = found[0], GRID * len(found)
    with np.errstate(all="ignore"):
        scale = cells / (found[-1] - low)
    if not 0 < scale < np.inf:
        return lambda x: np.searchsorted(found, x)

    def cell(x: Matrix) -> Matrix:
        with np.errstate(over="ignore"):
            scaled = (x - low) * scale
        made: Matrix = np.minimum(np.maximum(scaled, 0, out=scaled), cells, out=scaled).astype(np.intp)
        return made

    held = np.bincount(cell(found), minlength=cells + 1)
    below, most, ends = np.cumsum(held) - held, int(held.max()), np.append(found, np.inf)
    if most > 8:
        return lambda x: np.searchsorted(found, x)

    def place(x: Matrix) -> Matrix:
        made: Matrix = below.take(cell(x))
        for _ in range(most):
            made += x > ends.take(made)
        return made

    return place


def _grouped(cuts: Sequence[Cut], tables: dict[int, Matrix]) -> tuple[list[list[Cut]], list[Matrix]]:
    """Join features, so that one line stands for several: each with those that it fits best, the largest first."""
    groups: list[list[Cut]] = []
    joined: list[Matrix] = []
    for cut in sorted(cuts, key=lambda one: -one.size):
        table = tables[cut.feature]
        fit = [n for n, other in enumerate(joined) if len(other) * cut.size <= TOGETHER]
        if fit:
            n = max(fit, key=lambda n: len(joined[n]))
            groups[n].append(cut)
            joined[n] = (joined[n][:, None] & table[None]).reshape(-1, table.shape[1])
        else:
            groups.append([cut])
            joined.append(table)
    return groups, joined


def _together(found: Sequence[Matrix], group: Sequence[Cut]) -> Matrix:
    made = found[0]
    for one, cut in zip(found[1:], group[1:], strict=True):
        made = made * cut.size + one
    return made
