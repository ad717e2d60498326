"""How few weights still match the dense network: an estimate, an interval, and one number per seed.

Densities are tested at the levels of a method only, so the lowest one that matches is known up to the step between two
levels, and not beyond the last. The dense network matches itself: density 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from lth_core.analysis.claims import evaluate_claim
from lth_core.metrics import Metric

OVER_DENSE = ("density", "seeds", "gain", "low", "high", "verdict", "matches")


class LowestDensity(NamedTuple):
    """The lowest density that matches, with the ends of its 95% interval; each is a tested density, or 1."""

    estimate: float
    fewest: float
    """The end of the interval with the fewest weights."""
    most: float


def gains_over_dense(values: pd.DataFrame, dense: pd.Series, densities: pd.Series, metric: Metric) -> pd.DataFrame:
    """Test at every level that networks match the dense ones of their seeds: one row per level, with OVER_DENSE.

    `gain`: mean over seeds, in the metric's unit, with its 95% interval (nan where there is none); `verdict` on the
    claim that it is above -`metric.matching`; `matches`: whether the mean is. A seed that diverged leaves the verdict
    inconclusive, and the mean does not match.

    Args:
        values: the metric, as measured, seeds x levels.
        dense: that of dense networks, by seed.
        densities: by level.
    """
    rows = []
    for level in values.columns:
        column = values[level]
        gain = metric.gain(column, dense)
        of_level = evaluate_claim(
            list(gain), study="", task="", claim="", source="", effect="", unit=metric.unit, margin=-metric.matching
        )
        mean = column.mean(skipna=False)
        rows.append(
            {
                "level": level,
                "density": float(densities[level]),
                "seeds": len(gain),
                "gain": float(gain.mean(skipna=False)),
                "low": of_level.low,
                "high": of_level.high,
                "verdict": of_level.verdict,
                "matches": bool(metric.matches(mean, dense[column.index].mean(skipna=False))),
            }
        )
    return pd.DataFrame(rows, columns=["level", *OVER_DENSE]).set_index("level")


def lowest_density(gains: pd.DataFrame) -> LowestDensity:
    """Return the lowest density at which the mean matches, at it and at every higher tested density.

    The interval holds the densities that the tests of `gains_over_dense` do not exclude. It ends at the lowest density
    that is not contradicted, and begins at the lowest one down to which every density is supported. Each end is wrong
    in at most 2.5% of experiments, whatever the number of levels: the first only if the true lowest density is
    contradicted, the other only if the next density below it is supported.
    """
    falling = gains.sort_values("density", ascending=False)
    known = falling["density"].to_numpy(float)
    left = known[(falling["verdict"] != "contradicted").to_numpy()]
    return LowestDensity(
        estimate=_unbroken(known, falling["matches"].to_numpy(bool)),
        fewest=float(left.min()) if len(left) else 1.0,
        most=_unbroken(known, (falling["verdict"] == "supported").to_numpy()),
    )


def _unbroken(falling: np.ndarray, holds: np.ndarray) -> float:
    """Return the last of the falling densities before `holds` is false for the first time; 1 if it never holds."""
    count = len(holds) if holds.all() else int(holds.argmin())
    return float(falling[count - 1]) if count else 1.0


def matching_halvings(values: pd.DataFrame, dense: pd.Series, densities: pd.Series, metric: Metric) -> pd.Series:
    """Return, by seed, over how many halvings of the weights its network matches the dense one; nan if one diverged.

    Every level counts by the step from the density before it, log2(before / density), where the seed's network matches.
    If levels match down to density d and not below, that is log2(1 / d). Noise may make single levels match or not:
    each then counts by its step only, and does not decide about those below. Steps are rounded to hundredths: a ladder
    of equal steps is one up to whole weights, and seeds that differ by these alone are equal.

    Args: as those of `gains_over_dense`.
    """
    falling = densities[values.columns].sort_values(ascending=False)
    steps = np.log2(falling.shift(1, fill_value=1.0) / falling).round(2)
    matches = values.apply(lambda column: metric.matches(column, dense[column.index]))
    counted = (matches[falling.index] * steps).sum(axis="columns")
    return counted.where(values.notna().all(axis="columns") & dense[values.index].notna())
