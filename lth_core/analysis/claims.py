"""Claims: a sentence of a paper as an effect, its confidence interval over replicates and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE = 0.95
ROUNDING = 1e-6
"""Values that differ by less, in proportion to 1 + the largest of them, are equal: tables hold nine digits."""


@dataclass(frozen=True)
class Claim:
    """One row of results/claims.csv. `low` and `high` bound the 95% interval of `estimate` over n replicates.

    The sentence holds when the effect is above `margin` (0 unless the literature names a tolerance). Further
    replicates are `unmeasured`: one of their trainings diverged, or the effect is undefined (the correlation of equal
    values). What they would have shown is unknown, so the claim is inconclusive.
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
    unmeasured: int
    margin: float
    verdict: str


def mean_interval(values: ArrayLike, confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """Return the mean and its Student-t interval (low, high) over replicates, of 95% unless said otherwise.

    One replicate gives no interval (unbounded), and neither do replicates that are all equal up to rounding: nothing is
    known of their spread (accuracies come in steps of one example, so equal values are no proof of a spread of 0). A
    value that is not finite, from a replicate that diverged, makes the mean nan and the interval unbounded: such a
    replicate is never left out silently.
    """
    sample = np.asarray(values, dtype=float)
    count = len(sample)
    if count == 0 or not np.isfinite(sample).all():
        return float("nan"), float("-inf"), float("inf")
    mean = float(sample.mean())
    if np.ptp(sample) <= ROUNDING * (1 + np.abs(sample).max()):  # also of one replicate
        return mean, float("-inf"), float("inf")
    from scipy.special import stdtrit  # quantile of Student's t; scipy.stats would cost half a second more to import

    half = float(stdtrit(count - 1, 0.5 + confidence / 2) * sample.std(ddof=1) / np.sqrt(count))
    return mean, mean - half, mean + half


def verdict(low: float, high: float, margin: float) -> str:
    """Return supported if the whole interval is above the margin, contradicted if it is below, else inconclusive."""
    if low > margin:
        return "supported"
    return "contradicted" if high < margin else "inconclusive"


def evaluate_claim(
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
    """Test a claim on one value of the effect per replicate (paired differences where replicates are paired).

    Replicates whose value is not finite are counted, and leave the claim inconclusive.
    """
    known = [value for value in differences if np.isfinite(value)]
    estimate, low, high = mean_interval(known)
    unmeasured = len(differences) - len(known)
    return Claim(
        study,
        task,
        claim,
        source,
        effect,
        unit,
        estimate,
        low,
        high,
        len(known),
        unmeasured,
        margin,
        "inconclusive" if unmeasured else verdict(low, high, margin),
    )
