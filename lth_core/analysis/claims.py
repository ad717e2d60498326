"""Claims: a sentence of a paper as an effect, its confidence interval over replicates and a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lth_core.analysis.power import detectable, replicates_needed
from lth_core.analysis.scales import DIFFERENCES, Scale

CONFIDENCE = 0.95
UNMEASURED = "No replicate could be measured"
"""What the note of a claim without a value says."""
NO_LESS = -1e-9
"""The margin of claims that hold as well where all replicates are 0."""
ROUNDING = 1e-6
"""Values that differ by less, in proportion to 1 + the largest of them, are equal: tables hold nine digits."""


class Replicate(NamedTuple):
    """The effect of one replicate: of `seed` (empty where none is known), in the claim's unit, averaged on a scale."""

    seed: str
    value: float
    scale: str


@dataclass(frozen=True)
class Claim:
    """One row of results/claims.csv. `low` and `high` bound the 95% interval of `estimate` over n replicates.

    The sentence holds when the effect is above `margin` (0 unless the literature names a tolerance). Further
    replicates are `unmeasured`: one of their trainings diverged, or the effect is undefined (the correlation of equal
    values, a ratio to 0). What they would have shown is unknown, so the claim is inconclusive.
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
    p: float
    """Two-sided, of the t-test that the effect is equal to its margin: below 0.05 where the interval excludes it. Of
    the sign test where all replicates are equal, or where its p-value is larger and training cut off runs whose later
    steps could reverse the verdict; nan where a replicate is unmeasured, or there is only one."""
    seeds_needed: float
    """How many replicates decide an effect of this size, with the spread of this run, in 80% of runs."""
    detectable: float
    """The effect nearest to the margin that n replicates decide in 80% of runs, on the side of the estimate."""
    note: str
    """Why there is no interval; empty where there is one."""
    table: str
    """The study's table that the effect is read from."""
    figure: str
    """The study's figure that shows it; there is none where the config does not ask for it."""
    remark: str = ""
    """What else bears on what the sentence says, such as a control that it also holds for; mostly empty."""
    lines: str = ""
    """The lines of the table's file that the effect is read from, first and last: those of the task, where it has any,
    otherwise all."""
    replicates: tuple[Replicate, ...] = field(repr=False, default=())
    """What the estimate is the mean of. They are the rows of effects.csv, not part of that of claims.csv."""


CLAIM_COLUMNS = tuple(column.name for column in fields(Claim) if column.name != "replicates")
"""Columns of claims.csv that come from claims."""


def claim_row(claim: Claim) -> tuple[Any, ...]:
    """Return the values of CLAIM_COLUMNS."""
    return tuple(getattr(claim, column) for column in CLAIM_COLUMNS)


def mean_interval(
    values: ArrayLike, scale: Scale = DIFFERENCES, confidence: float = CONFIDENCE
) -> tuple[float, float, float]:
    """Return the mean, taken on a scale, and its Student-t interval (low, high) over replicates, of 95% by default.

    One replicate gives no interval (unbounded), and neither do replicates that are all equal up to rounding: nothing is
    known of their spread (accuracies come in steps of one example, so equal values are no proof of a spread of 0). A
    value that is not finite, from a replicate that diverged, makes the mean nan and the interval unbounded: such a
    replicate is never left out silently.
    """
    sample = scale(values)
    if not len(sample) or not np.isfinite(sample).all():
        return float("nan"), float("-inf"), float("inf")
    mean = float(sample.mean())
    if _spread_is_unknown(sample):
        return scale.back(mean), float("-inf"), float("inf")
    half = critical(len(sample), confidence) * _standard_error(sample)
    return scale.back(mean), scale.back(mean - half), scale.back(mean + half)


def _spread_is_unknown(sample: np.ndarray) -> bool:
    """Tell whether values are equal up to rounding; also of one replicate."""
    return float(np.ptp(sample)) <= ROUNDING * (1 + np.abs(sample).max())


def _standard_error(sample: np.ndarray) -> float:
    return float(sample.std(ddof=1) / np.sqrt(len(sample)))


def critical(count: int, confidence: float = CONFIDENCE) -> float:
    """Return how many standard errors, estimated from `count` values, the interval of their mean goes to each side."""
    from scipy.special import stdtrit  # quantile of Student's t; scipy.stats would cost half a second more to import

    return float(stdtrit(count - 1, 0.5 + confidence / 2))


def p_value(values: ArrayLike, margin: float, scale: Scale = DIFFERENCES) -> float:
    """Return the two-sided p-value of the t-test that the effect is equal to the margin.

    It is below 1 - CONFIDENCE where the margin is outside the interval of `mean_interval`. Replicates that are all
    equal have no spread to test with: their p-value is that of the sign test (all on one side of the margin), which six
    of them pass. nan for one replicate, for values at the margin and for those that are not finite.
    """
    sample = scale(values)
    if len(sample) < 2 or not np.isfinite(sample).all():
        return float("nan")
    if _spread_is_unknown(sample):
        at_margin = _is_at(margin, np.asarray(values, dtype=float), scale)
        return float("nan") if at_margin else 2.0 ** (1 - len(sample))
    from scipy.special import stdtr

    distance = abs(sample.mean() - float(scale(margin))) / _standard_error(sample)
    return float(2 * stdtr(len(sample) - 1, -distance))


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
    scale: Scale = DIFFERENCES,
    table: str = "",
    figure: str = "",
    seeds: Iterable[object] | None = None,
    unmeasured_because: str = "",
    remark: str = "",
) -> Claim:
    """Test a claim on one value of the effect per replicate (paired differences where replicates are paired).

    Mean and interval are taken on the `scale`. `seeds` name the values, so that another run's can be paired with them.
    Replicates whose value is not finite there are counted, and leave the claim inconclusive; `unmeasured_because` says
    why, where all are.
    """
    values = np.asarray(differences, dtype=float)
    known = values[np.isfinite(scale(values))]
    unmeasured = len(values) - len(known)
    estimate, low, high = mean_interval(known, scale)
    p, note = p_value(known, margin, scale), _without_interval(values, margin, scale, unmeasured_because)
    if note and p < 1 - CONFIDENCE:  # of the sign test
        low = high = estimate
    needed, least = _power(known, margin, scale)
    names = [""] * len(values) if seeds is None else map(str, seeds)
    return Claim(
        study=study,
        task=task,
        claim=claim,
        source=source,
        effect=effect,
        unit=unit,
        estimate=estimate,
        low=float("nan") if note else low,
        high=float("nan") if note else high,
        n=len(known),
        unmeasured=unmeasured,
        margin=margin,
        verdict="inconclusive" if unmeasured else verdict(low, high, margin),
        p=float("nan") if unmeasured else p,
        seeds_needed=needed,
        detectable=least,
        note=note,
        table=table,
        figure=figure,
        remark=remark,
        replicates=tuple(
            Replicate(seed, value, scale.name) for seed, value in zip(names, map(float, values), strict=True)
        ),
    )


def why_unmeasured(claim: Claim) -> str:
    """Say why no replicate of a claim was measured, as its note does; empty where that is not known."""
    return claim.note.partition(f"{UNMEASURED}: ")[2].removesuffix(".")


def remarked(claim: Claim, said: str) -> Claim:
    """Return a claim with one more sentence in its remark, which begins with a capital there; empty adds nothing."""
    return replace(claim, remark=" ".join(filter(None, [claim.remark, said[:1].upper() + said[1:]])))


def _without_interval(values: np.ndarray, margin: float, scale: Scale, unmeasured_because: str = "") -> str:
    """Say why these values have no interval; empty where they have one."""
    known = values[np.isfinite(scale(values))]
    if not len(known):
        if unmeasured_because:
            return f"{UNMEASURED}: {unmeasured_because}."
        if not len(values) or np.isnan(values).any():
            return f"{UNMEASURED}. In each, a training diverged, or what is compared does not exist."
        return f"{UNMEASURED}. Every ratio is 0, infinite or negative."
    if len(known) == 1:
        return "One replicate shows no spread, so there is no interval."
    if _spread_is_unknown(scale(known)):
        equal = f"All {len(known)} replicates agree to the last digit"
        if _is_at(margin, known, scale):
            return f"{equal} and lie on the margin, so nothing decides."
        return (
            f"{equal}: nothing is known of their spread, so there is no interval. A sign test decides, from six "
            "replicates on."
        )
    return ""


def _is_at(margin: float, known: np.ndarray, scale: Scale) -> bool:
    """Tell whether the mean of values is equal to the margin, up to rounding."""
    return _spread_is_unknown(np.array([scale(known).mean(), scale(margin)]))


def _power(known: np.ndarray, margin: float, scale: Scale) -> tuple[float, float]:
    """Return `Claim.seeds_needed` and `Claim.detectable`; nan without an interval."""
    if _without_interval(known, margin, scale):
        return float("nan"), float("nan")
    sample, limit = scale(known), float(scale(margin))
    distance, spread = float(sample.mean()) - limit, float(sample.std(ddof=1))
    least = np.copysign(detectable(len(sample), CONFIDENCE) * spread, distance)
    return replicates_needed(distance / spread, CONFIDENCE), scale.back(limit + float(least))
