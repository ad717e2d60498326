"""Changes: how much larger an effect is in one run than in another, and which verdicts differ by chance alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lth_core.analysis.claims import CONFIDENCE, Replicate, evaluate_claim
from lth_core.analysis.power import supporting
from lth_core.analysis.scales import DIFFERENCES, SCALES, Scale

EQUAL = "Equal in every seed."
"""The note of a change that is none."""
DECIDED = ("larger", "smaller")
"""What the effect in the second run is, where the interval decides it."""


@dataclass(frozen=True)
class Change:
    """How an effect differs between two runs: a difference in its unit, or of ratios a factor; 95% interval."""

    estimate: float
    low: float
    high: float
    n: int
    """Pairs of replicates, or replicates of both runs together where these are independent."""
    unmeasured: int
    pairing: str
    """`paired` by seed, or `independent`; empty where nothing can be compared."""
    p: float
    """Two-sided, of the t-test that the effects are equal."""
    note: str
    """Why there is no interval; empty where there is one."""
    scale: str
    """The name of the scale of the effects."""

    @property
    def is_factor(self) -> bool:
        """Tell whether effects are ratios, so that the estimate is a factor."""
        return self.scale != DIFFERENCES.name

    @property
    def word(self) -> str:
        """Return what the effect in the second run is: `larger`, `smaller`, `equal` in every seed, or `undecided`."""
        if self.unmeasured or not self.p < 1 - CONFIDENCE:
            return "equal" if self.note == EQUAL and not self.unmeasured else "undecided"
        return DECIDED[0] if self.estimate > (1 if self.is_factor else 0) else DECIDED[1]


def change(first: Sequence[Replicate], second: Sequence[Replicate]) -> Change:
    """Compare the effect of a claim in two runs.

    Replicates of equal seeds start from the same initialization and see data in the same order, so where the runs share
    at least two seeds, differences are taken by seed, and other seeds are left out. Otherwise the replicates are
    independent (Welch's t-test).
    """
    scales = {replicate.scale for replicate in (*first, *second)}
    if len(scales) != 1:
        return _unknown("The runs do not measure it on the same scale." if scales else "No replicate was measured.")
    scale = SCALES[scales.pop()]
    before, after = by_seed(first), by_seed(second)
    common = [seed for seed in before if seed in after]
    if len(common) >= 2:
        pairs = scale([after[seed] for seed in common]) - scale([before[seed] for seed in common])
        return _paired(pairs, scale)
    return _independent(scale([one.value for one in first]), scale([one.value for one in second]), scale)


def by_seed(replicates: Sequence[Replicate]) -> dict[str, float]:
    """Return values by seed; none where a seed is unknown or not the only one of its name."""
    values = {replicate.seed: replicate.value for replicate in replicates}
    return values if "" not in values and len(values) == len(replicates) else {}


def chance_of_other_verdict(first: Sequence[Replicate], second: Sequence[Replicate], margin: float) -> float:
    """Return how likely two runs of these sizes and spreads, with seeds of their own, give a claim different verdicts.

    Both are taken to have the same true effect: the mean of what the two measured. nan where a run has no interval.
    """
    scales = {replicate.scale for replicate in (*first, *second)}
    if len(scales) != 1:
        return math.nan
    scale = SCALES[scales.pop()]
    samples = [scale([one.value for one in replicates]) for replicates in (first, second)]
    if not all(len(sample) > 1 and np.isfinite(sample).all() and sample.std() > 0 for sample in samples):
        return math.nan
    distance = float(np.mean([sample.mean() for sample in samples])) - float(scale(margin))
    chances = []
    for sample in samples:
        effect = distance / float(sample.std(ddof=1))
        above, below = (supporting(sign * effect, len(sample), CONFIDENCE) for sign in (1, -1))
        chances.append((above, below, 1 - above - below))
    return 1 - sum(one * other for one, other in zip(*chances, strict=True))


def _paired(pairs: np.ndarray, scale: Scale) -> Change:
    """Compare by seed: the t interval of the differences."""
    words = dict.fromkeys(("study", "task", "claim", "source", "effect", "unit"), "")
    tested = evaluate_claim(pairs.tolist(), **words)
    is_equal = tested.n > 0 and not np.any(pairs[np.isfinite(pairs)])
    note = EQUAL if is_equal else tested.note
    numbers = _back(scale, tested.estimate, tested.low, tested.high)
    return Change(*numbers, tested.n, tested.unmeasured, "paired", tested.p, note, scale.name)


def _independent(first: np.ndarray, second: np.ndarray, scale: Scale) -> Change:
    """Compare two independent samples: Welch's t interval of the difference of their means."""
    known = [sample[np.isfinite(sample)] for sample in (first, second)]
    count = sum(map(len, known))
    unmeasured = len(first) + len(second) - count
    if not all(map(len, known)):
        return _unknown("No replicate of one run was measured.")
    estimate = float(known[1].mean() - known[0].mean())
    low, high, p = _welch(known, estimate)
    note = "One of the runs shows no spread, so there is no interval." if math.isnan(p) else ""
    p = math.nan if unmeasured else p
    numbers = _back(scale, estimate, low, high)
    return Change(*numbers, count, unmeasured, "independent", p, note, scale.name)


def _welch(samples: Sequence[np.ndarray], estimate: float) -> tuple[float, float, float]:
    """Return the interval of a difference of means and its p-value (Welch 1947); nan where a sample has no spread."""
    errors = [float(sample.var(ddof=1)) / len(sample) if len(sample) > 1 else 0.0 for sample in samples]
    if not all(errors):
        return math.nan, math.nan, math.nan
    from scipy.special import stdtr, stdtrit

    error = math.sqrt(sum(errors))
    freedom = sum(errors) ** 2 / sum(part**2 / (len(of) - 1) for part, of in zip(errors, samples, strict=True))
    half = float(stdtrit(freedom, 0.5 + CONFIDENCE / 2)) * error
    return estimate - half, estimate + half, float(2 * stdtr(freedom, -abs(estimate) / error))


def _back(scale: Scale, estimate: float, low: float, high: float) -> tuple[float, float, float]:
    """Write numbers of a scale as readers expect them: differences of logarithms as factors."""
    return (estimate, low, high) if scale is DIFFERENCES else (math.exp(estimate), math.exp(low), math.exp(high))


def _unknown(note: str) -> Change:
    return Change(math.nan, math.nan, math.nan, 0, 0, "", math.nan, note, DIFFERENCES.name)
