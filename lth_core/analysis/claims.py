"""Claims: a sentence of a paper as an effect, its confidence interval over replicates and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Claim:
    """One row of results/claims.csv. `low` and `high` bound the 95% interval of `estimate` over n replicates.

    The sentence holds when the effect is above `margin` (0 unless the literature names a tolerance).
    """

    study: str
    task: str
    claim: str
    source: str
    effect: str
    unit: str
    estimate: float
    low: float
    high: float
    n: int
    margin: float
    verdict: str


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and Student-t interval. With fewer than two finite values the interval is unbounded (nan mean if none)."""
    finite = np.asarray(values, dtype=float)
    if not np.isfinite(finite).all() or len(finite) < 2:
        return (float(finite.mean()) if len(finite) else float("nan")), float("-inf"), float("inf")
    if np.ptp(finite) == 0:
        return float(finite[0]), float(finite[0]), float(finite[0])
    interval = stats.ttest_1samp(finite, 0.0).confidence_interval(CONFIDENCE)
    return float(finite.mean()), float(interval.low), float(interval.high)


def verdict(low: float, high: float, margin: float) -> str:
    """supported: the whole interval is above the margin; contradicted: below it; inconclusive otherwise."""
    if low > margin:
        return "supported"
    return "contradicted" if high < margin else "inconclusive"


def judge(
    differences: Sequence[float],
    *,
    study: str,
    task: str,
    claim: str,
    source: str,
    effect: str,
    unit: str,
    margin: float = 0.0,
) -> Claim:
    """Test a claim on one value of the effect per replicate (paired differences where replicates are paired)."""
    estimate, low, high = mean_interval(differences)
    return Claim(
        study, task, claim, source, effect, unit, estimate, low, high, len(differences), margin, verdict(low, high, margin)
    )
