"""Verdicts on steps, where training cut off some of the runs."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from lth_core.analysis.claims import Claim, evaluate_claim
from lth_core.analysis.cut_off import CutOff, with_cut_off

TEXT = {"study": "s", "task": "t", "claim": "c", "source": "p", "effect": "e", "unit": "u"}
WHAT = "it was still falling at the last step"
COUNT = 10
SAVED = [20.0 + seed for seed in range(COUNT)]


def claim(values: list[float]) -> Claim:
    return evaluate_claim(values, **TEXT, seeds=range(len(values)))


def runs(name: str, effect_is: Any, *cut: int) -> CutOff:
    return CutOff(name, pd.Series([seed in cut for seed in range(COUNT)]), effect_is)


@pytest.mark.parametrize(("sign", "further", "back"), [(1, "higher", "lower"), (-1, "lower", "higher")])
def test_a_verdict_stands_where_later_steps_can_only_strengthen_it_and_falls_where_they_could_reverse_it(
    sign: int, further: str, back: str
) -> None:
    tested = claim([sign * value for value in SAVED])
    stronger = with_cut_off(tested, WHAT, [runs("ticket", further, *range(9)), runs("dense", back)])
    assert (stronger.verdict, stronger.p) == (tested.verdict, tested.p) and tested.verdict != "inconclusive"
    assert stronger.remark == (
        "It was still falling at the last step in 9 of 10 ticket runs: those steps are later than counted, which can "
        "only strengthen the verdict."
    )
    open_claim = with_cut_off(tested, WHAT, [runs("ticket", further, 1), runs("dense", back, 0, 1)])
    assert open_claim.verdict == "inconclusive" and open_claim.p > 0.05
    assert (open_claim.estimate, open_claim.low) == (tested.estimate, tested.low)
    assert math.isnan(open_claim.seeds_needed) and math.isnan(open_claim.detectable)  # more seeds are no remedy
    assert open_claim.remark == (
        "It was still falling at the last step in 1 of 10 ticket runs and 2 of 10 dense runs: steps later than counted "
        "in 2 of 10 dense runs could reverse the effect, so the claim stays open."
    )


def test_a_few_runs_cut_off_leave_a_verdict_that_a_sign_test_gives_with_them_counted_against_it() -> None:
    tested = claim(SAVED)
    kept = with_cut_off(tested, WHAT, [runs("ticket", "lower", 4)])
    assert kept.verdict == "supported"
    assert kept.p == pytest.approx(stats.binomtest(9, 10).pvalue) and kept.p > tested.p
    assert "in 1 of 10 ticket runs: counted against the verdict" in kept.remark


def test_equal_steps_count_against_a_verdict_too() -> None:
    tested = claim([0.0, *SAVED[1:]])
    assert tested.verdict == "supported"
    assert with_cut_off(tested, WHAT, [runs("ticket", "lower", 4)]).verdict == "inconclusive"


def test_several_runs_of_a_seed_are_one_replicate() -> None:
    tested = claim(SAVED)
    three = CutOff("reinitialized", pd.Series([True, True, True] + [False] * 27, [s // 3 for s in range(30)]), "lower")
    assert with_cut_off(tested, WHAT, [three]).verdict == "supported"
    assert "in 3 of 30 reinitialized runs" in with_cut_off(tested, WHAT, [three]).remark


def test_what_is_open_anyway_stays_so_and_says_how_many_are_cut_off() -> None:
    tested = claim([-20.0, 25.0] * 5)
    left = with_cut_off(tested, WHAT, [runs("ticket", "lower", 4)])
    assert (left.verdict, left.p, left.seeds_needed) == ("inconclusive", tested.p, tested.seeds_needed)
    assert left.remark.endswith("in 1 of 10 ticket runs: those steps are later than counted.")


def test_claims_without_runs_that_are_cut_off_are_as_they_were() -> None:
    tested = claim(SAVED)
    assert with_cut_off(tested, WHAT, [runs("ticket", "lower")]) == tested
