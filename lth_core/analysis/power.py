"""Power: how many replicates decide an effect, and which effects the present ones decide.

Both follow from the noncentral t distribution, for the test that claims go by: two-sided, at the level of the interval.
An effect that a run has measured is a guess at the true one, and too large a guess where only large ones are reported.
"""

from __future__ import annotations

import math

POWER = 0.8
"""The share of runs that should decide the claim, the right way."""
MOST = 10_000
"""Replicates beyond which nobody counts."""
LARGEST = 30.0
"""Noncentrality that is as good as any larger one: scipy's function is for moderate ones."""


def power(effect: float, count: int, confidence: float) -> float:
    """Return the share of runs of `count` replicates that decide an effect, the right way.

    `effect` is the distance from the margin in standard deviations of replicates.
    """
    return supporting(abs(effect), count, confidence)


def supporting(effect: float, count: int, confidence: float) -> float:
    """Return the share of runs of `count` replicates whose whole interval is above the margin.

    `effect` is the distance above the margin in standard deviations of replicates. That of runs below it is that of
    `-effect`.
    """
    from scipy.special import nctdtr, stdtrit

    critical = float(stdtrit(count - 1, 0.5 + confidence / 2))
    noncentrality = max(-LARGEST, min(effect * math.sqrt(count), LARGEST))
    return 1 - float(nctdtr(count - 1, noncentrality, critical))


def replicates_needed(effect: float, confidence: float) -> float:
    """Return the fewest replicates (two or more) with the power POWER, inf beyond MOST; `effect` as for `power`."""
    if math.isnan(effect):
        return math.nan
    if power(effect, MOST, confidence) < POWER:
        return math.inf
    fewest, enough = 2, MOST
    while fewest < enough:
        middle = (fewest + enough) // 2
        if power(effect, middle, confidence) < POWER:
            fewest = middle + 1
        else:
            enough = middle
    return float(enough)


def detectable(count: int, confidence: float) -> float:
    """Return the smallest effect, in standard deviations, that `count` replicates decide with the power POWER."""
    from scipy.special import nctdtrinc, stdtrit

    critical = float(stdtrit(count - 1, 0.5 + confidence / 2))
    return float(nctdtrinc(count - 1, 1 - POWER, critical)) / math.sqrt(count)
