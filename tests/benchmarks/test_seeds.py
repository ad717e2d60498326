"""The number of seeds: how often draws of a pilot's seeds decide a claim, also where training cuts runs off."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.seeds import PilotClaim
from lth_core.analysis.cut_off import CutOff

SEEDS = [str(seed) for seed in range(100, 140)]
ABOUT = {"study": "s", "task": "t", "claim": "It is so.", "source": "", "effect": "an effect", "unit": "%"}


def effect(mean: float, seed: int = 0) -> pd.Series:
    """Return an effect with a spread of about 1."""
    return pd.Series(mean + np.random.default_rng(seed).normal(size=len(SEEDS)), index=SEEDS)


def cut_off(*seeds: str, runs: int = 1) -> CutOff:
    """Return runs that training cuts off at these seeds, with true effects that are lower."""
    index = [seed for seed in SEEDS for _ in range(runs)]
    return CutOff("ticket", pd.Series([seed in seeds for seed in index], index=index), "lower")


def test_more_seeds_decide_more_often_and_large_effects_always() -> None:
    small, large = PilotClaim(effect(0.5), ABOUT), PilotClaim(effect(5.0), ABOUT)
    assert small.decided(5) < small.decided(20) < small.decided(40)
    assert large.decided(10) == 1


def test_which_way_is_not_looked_at() -> None:
    up, down = effect(0.5), -effect(0.5)
    assert PilotClaim(up, ABOUT).decided(10) == pytest.approx(PilotClaim(down, ABOUT).decided(10), abs=0.001)


def test_a_draw_with_runs_that_could_reverse_the_effect_is_open() -> None:
    one = PilotClaim(effect(5.0), ABOUT, [cut_off("100", "101", "102", "103", runs=3)])
    assert one.verdict(["120", "121", "122", "123", "124", "125"]) == "supported"
    assert one.verdict(["100", "121", "122", "123", "124", "125"]) == "inconclusive"


def test_a_seed_that_is_drawn_twice_is_cut_off_twice() -> None:
    one = PilotClaim(effect(5.0), ABOUT, [cut_off("100")])
    others = [str(seed) for seed in range(110, 118)]  # nine seeds, one against: p of the sign test is 0.04
    assert one.verdict(["100", *others]) == "supported"
    assert one.verdict(["100", "100", *others]) == "inconclusive"
