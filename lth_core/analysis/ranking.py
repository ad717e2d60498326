"""Rankings of several methods on the same replicates, with intervals that hold for all methods together.

All pairs of methods are compared by paired t intervals at level 1 - 5% / pairs (Bonferroni), so that with 95%
confidence no interval misses its difference. A method's rank then lies between one more than the number of methods that
are surely better, and the number of those that are not surely worse (Al Mohamad, Goeman & van Zwet 2022, who compare
pairs by Tukey's studentized range). The studentized range needs methods of equal spread: where the results of one
method vary ten times as much as those of the others, its 95% come down to 70% (tests/analysis/test_ranking.py).
"""

from __future__ import annotations

from itertools import combinations

import pandas as pd

from lth_core.analysis.claims import CONFIDENCE, mean_interval

COLUMNS = ("method", "gain", "rank", "best", "worst")
"""`gain`: the mean over replicates; `rank` by it, 1 is the best; `best` and `worst` rank of the interval."""


def ranking(gains: pd.DataFrame) -> pd.DataFrame:
    """Rank methods by their means: one row each, with COLUMNS, the best first.

    Args:
        gains: one row per replicate and one column per method, where more is better. A method with a value that is
            missing (a replicate diverged) comes last and is not compared: its rank may be any.
    """
    means = gains.mean(skipna=False)
    order = means.sort_values(ascending=False, na_position="last", kind="stable").index
    better = dict.fromkeys(gains.columns, 0)
    worse = dict.fromkeys(gains.columns, 0)
    for first, second, low, high in pairwise_intervals(gains):
        if low > 0:
            better[second] += 1
            worse[first] += 1
        elif high < 0:
            better[first] += 1
            worse[second] += 1
    rows = [
        (method, means[method], rank, 1 + better[method], len(order) - worse[method])
        for rank, method in enumerate(order, start=1)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def pairwise_intervals(gains: pd.DataFrame) -> list[tuple[str, str, float, float]]:
    """Compare all pairs of columns: first, second, and the simultaneous 95% interval of the mean of first - second.

    Of pairs with a missing value, with one replicate or with equal differences the interval is unbounded.
    """
    pairs = list(combinations(gains.columns, 2))
    level = 1 - (1 - CONFIDENCE) / max(1, len(pairs))
    intervals = []
    for first, second in pairs:
        differences = (gains[first] - gains[second]).to_numpy(float)
        _, low, high = mean_interval(differences, confidence=level)
        intervals.append((first, second, low, high))
    return intervals
