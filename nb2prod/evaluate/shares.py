"""Share: how often something is right, with an interval that holds for few rows, and where all or none are right.

Resampling cannot do that: rows that are all right are all right in every resample.
"""

from __future__ import annotations

from typing import Any

Z = 1.959964  # of a normal distribution, 95 % lie within as many standard deviations


def alone(right: Any, strata: Any) -> tuple[float, float]:
    """Return the interval of the mean, over strata that weigh the same, of the share of rows that are right.

    Source:
        Wilson (1927) for one stratum; Zou and Donner (2008), Statistics in Medicine 27:1693-1702, for their mean.
    """
    import numpy as np

    shares, ends = [], []
    for some in _parts(right, strata):
        n, p = len(some), some.mean()
        middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z * np.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
        shares.append(p)
        ends.append((p - middle + half, middle + half - p))  # how far it may be below, and above
    below, above = np.sqrt((np.array(ends) ** 2).sum(axis=0)) / len(shares)
    return _within(np.mean(shares) - below, np.mean(shares) + above, 0.0)


def apart(mine: Any, theirs: Any, strata: Any) -> tuple[float, float]:
    """Return the interval of the difference of two such means, of the same rows.

    Source:
        Bonett and Price (2012), Journal of Educational and Behavioral Statistics 37:479-488.
    """
    import numpy as np

    differences, variances = [], []
    for only in _parts(mine.astype(int) - theirs.astype(int), strata):
        n = len(only) + 2
        won, lost = (np.sum(only > 0) + 1) / n, (np.sum(only < 0) + 1) / n
        differences.append(won - lost)
        variances.append((won + lost - (won - lost) ** 2) / n)
    middle, half = np.mean(differences), Z * np.sqrt(np.sum(variances)) / len(variances)
    return _within(middle - half, middle + half, -1.0)


def _parts(values: Any, strata: Any) -> list[Any]:
    import numpy as np

    return [values[strata == one] for one in np.unique(strata)]


def _within(low: Any, high: Any, lowest: float) -> tuple[float, float]:
    return max(float(low), lowest), min(float(high), 1.0)
