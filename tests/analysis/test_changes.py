"""Changes of effects between two runs: paired by seed or independent, and verdicts that differ by chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lth_core.analysis.changes import chance_of_other_verdict, change
from lth_core.analysis.claims import Replicate, evaluate_claim, verdict

FIRST, SECOND = [1.0, 2.0, 3.0, 4.5], [1.5, 2.6, 3.4, 5.2]
TEXT = dict.fromkeys(("study", "task", "claim", "source", "effect", "unit"), "")


def replicates(values: list[float], first_seed: int = 0, scale: str = "difference") -> list[Replicate]:
    return [Replicate(str(seed), value, scale) for seed, value in enumerate(values, first_seed)]


def test_seeds_that_both_runs_have_are_paired() -> None:
    compared = change(replicates(FIRST), replicates(SECOND))
    expected = stats.ttest_rel(SECOND, FIRST)
    interval = expected.confidence_interval(0.95)
    assert compared.pairing == "paired" and compared.n == 4 and compared.word == "larger"
    assert (compared.p, compared.low, compared.high) == pytest.approx((expected.pvalue, interval.low, interval.high))
    assert change(replicates(SECOND), replicates(FIRST)).word == "smaller"


def test_pairs_go_by_seed_not_by_order_and_other_seeds_are_left_out() -> None:
    shuffled = [*reversed(replicates(SECOND)), Replicate("9", 100.0, "difference")]
    assert change(replicates(FIRST), shuffled).estimate == change(replicates(FIRST), replicates(SECOND)).estimate


@pytest.mark.parametrize("first_seed", [4, 3])
def test_runs_that_share_no_two_seeds_are_independent(first_seed: int) -> None:
    compared = change(replicates(FIRST), replicates(SECOND, first_seed))
    expected = stats.ttest_ind(SECOND, FIRST, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert compared.pairing == "independent" and compared.n == 8 and compared.word == "undecided"
    assert (compared.p, compared.low, compared.high) == pytest.approx((expected.pvalue, interval.low, interval.high))


def test_replicates_without_names_are_independent() -> None:
    unnamed = [Replicate("", value, "difference") for value in FIRST]
    assert change(unnamed, unnamed).pairing == "independent"
    assert evaluate_claim(FIRST, **TEXT).replicates == tuple(unnamed)


def test_ratios_change_by_a_factor() -> None:
    first, second = [1.0, 1.1, 0.9], [2.0, 2.3, 1.8]
    compared = change(replicates(first, scale="ratio"), replicates(second, scale="ratio"))
    assert compared.is_factor and compared.word == "larger"
    assert compared.estimate == pytest.approx(math.exp(np.mean(np.log(np.divide(second, first)))))
    saved = [[60.0, 61.0, 62.0], [80.0, 80.5, 81.1]]  # half of the steps that were left before
    faster = change(*(replicates(values, scale="percent saved") for values in saved))
    assert faster.estimate == pytest.approx(2.0, abs=0.01) and faster.word == "larger"


def test_a_replicate_that_diverged_leaves_the_change_undecided() -> None:
    for first_seed in (0, 10):
        compared = change(
            replicates([*FIRST, 5.0]), replicates([*(10 + value for value in SECOND), math.nan], first_seed)
        )
        assert compared.word == "undecided" and compared.unmeasured == 1 and math.isnan(compared.p)


def test_what_is_equal_in_every_seed_says_so() -> None:
    compared = change(replicates(FIRST), replicates(FIRST))
    assert (compared.estimate, compared.note, compared.word) == (0.0, "Equal in every seed.", "equal")
    compared = change(replicates([*FIRST, math.nan]), replicates([*FIRST, 1.0]))
    assert (compared.unmeasured, compared.word) == (1, "undecided")


def test_what_cannot_be_compared_says_why() -> None:
    assert change(replicates(FIRST), replicates(FIRST, scale="ratio")).note.startswith("The runs do not measure it")
    assert change([], []).note == "No replicate was measured."
    assert "no spread" in change(replicates([1.0, 1.0]), replicates(FIRST, 10)).note


@pytest.mark.parametrize("effect", [0.0, 0.9, 5.0])
def test_the_chance_of_other_verdicts_is_that_of_repeated_runs(effect: float) -> None:
    """Two samples of five, of spread 1, are drawn again and again around the same true effect."""
    standard = np.array([-1.0, -0.5, 0.0, 0.5, 1.0]) / np.std([-1.0, -0.5, 0.0, 0.5, 1.0], ddof=1)
    sample = replicates([*(effect + standard)])
    draws = np.random.default_rng(0).normal(effect, 1, (4000, 2, 5))
    half = stats.t.ppf(0.975, 4) * draws.std(axis=2, ddof=1) / math.sqrt(5)
    bounds = zip(draws.mean(axis=2) - half, draws.mean(axis=2) + half, strict=True)
    differing = [len({verdict(low, high, 0.0) for low, high in zip(*pair, strict=True)}) > 1 for pair in bounds]
    assert chance_of_other_verdict(sample, sample, 0.0) == pytest.approx(np.mean(differing), abs=0.025)
    assert math.isnan(chance_of_other_verdict(sample[:1], sample, 0.0))
