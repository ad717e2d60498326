"""Runs that training cuts off: what a claim about steps may conclude where some steps are later than counted.

The step of a run that has not come to it by the end of training is counted as the last one, and is later. Where that
can only move an effect further from the margin, a verdict stands: the mean that was tested is a bound of the true one.
Where it moves the effect back, how far is unknown, and so is the mean. Then the verdict stands only if a sign test,
too, gives it with every such replicate counted against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from lth_core.analysis.claims import CONFIDENCE, Claim, remarked
from lth_core.metrics import counted


@dataclass(frozen=True)
class CutOff:
    """The runs of one network in an effect, and which of them are cut off."""

    name: str
    """What sentences call the network."""
    runs: pd.Series
    """Whether training cut a run off, one value per run, by seed."""
    effect_is: Literal["higher", "lower"]
    """Where the effect lies, beside what is counted, if runs are cut off."""

    @property
    def count(self) -> int:
        """Return how many runs are cut off."""
        return int(self.runs.sum())

    @property
    def words(self) -> str:
        """Say how many runs are cut off: "8 of 20 ticket runs"."""
        return f"{self.count} of {counted(len(self.runs), f'{self.name} runs')}"

    def seeds(self) -> set[str]:
        """Return the seeds with a run that is cut off."""
        return {str(seed) for seed in self.runs.index[self.runs.to_numpy(bool)]}


def with_cut_off(claim: Claim, what: str, sides: Iterable[CutOff]) -> Claim:
    """Return a claim with the verdict that runs leave which training cut off, and a remark that counts them.

    Args:
        claim: the claim with such steps counted as the last one; its replicates have seeds.
        what: what cut them off, in words: "validation loss was still falling at the last step".
        sides: the networks that the effect compares.
    """
    cut = [side for side in sides if side.count]
    if not cut:
        return claim
    against = [side for side in cut if side.effect_is == ("lower" if claim.verdict == "supported" else "higher")]
    everywhere = f"{what} in {' and '.join(side.words for side in cut)}"
    if claim.verdict == "inconclusive":
        return remarked(claim, f"{everywhere}: those steps are later than counted.")
    if not against:
        said = f"{everywhere}: those steps are later than counted, which can only strengthen the verdict."
        return remarked(claim, said)
    p = max(claim.p, _sign_test(claim, set().union(*(side.seeds() for side in against))))
    harmful = " and ".join(side.words for side in against)
    if p < 1 - CONFIDENCE:
        said = f"{what} in {harmful}: counted against the verdict, they leave it as it is (sign test)."
        return remarked(replace(claim, p=p), said)
    unknown = {"seeds_needed": math.nan, "detectable": math.nan}
    said = f"{everywhere}: steps later than counted in {harmful} could reverse the effect, so the claim stays open."
    return remarked(replace(claim, verdict="inconclusive", p=p, **unknown), said)


def _sign_test(claim: Claim, unknown: set[str]) -> float:
    """Return the two-sided p-value of a sign test of the verdict; `unknown` seeds and equal values count against it."""
    from scipy.special import bdtrc

    direction = 1 if claim.verdict == "supported" else -1
    known = [one.value for one in claim.replicates if one.seed not in unknown]
    agreeing = sum(direction * (value - claim.margin) > 0 for value in known)
    return min(1.0, 2 * float(bdtrc(agreeing - 1, len(claim.replicates), 0.5))) if agreeing else 1.0
