"""Intervals over seeds and test examples: widths and coverage where the variances of both are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.test_examples import uncertainty
from lth_core.analysis.claims import Claim, evaluate_claim
from lth_core.analysis.folds import added_variance, with_examples
from lth_core.analysis.scales import DIFFERENCES, PERCENT_SAVED, Scale

TEXT = {"study": "s", "task": "t", "claim": "c", "source": "p", "effect": "e", "unit": "u"}


def drawn(rng: np.random.Generator, seeds: int, examples: int, of_seed: float, of_example: float, of_both: float):
    """Differences (seeds, examples) around 0: effects of seeds, of examples, and of both together."""
    effects = rng.normal(0, of_seed, (seeds, 1)) + rng.normal(0, of_example, (1, examples))
    return effects + rng.normal(0, of_both, (seeds, examples))


def without_folds(differences: np.ndarray, folds: int) -> np.ndarray:
    """The means of each seed without each fold (folds, seeds)."""
    return np.stack([np.delete(differences, np.s_[fold::folds], axis=1).mean(axis=1) for fold in range(folds)])


def claimed(values: np.ndarray, margin: float = 0.0, scale: Scale = DIFFERENCES) -> Claim:
    return evaluate_claim(list(values), **TEXT, margin=margin, scale=scale)


def both(differences: np.ndarray, folds: int, margin: float = 0.0) -> tuple[Claim, tuple[float, float, str]]:
    claim = claimed(differences.mean(axis=1), margin)
    wider = with_examples(claim, without_folds(differences, folds))
    assert wider is not None
    return claim, wider


def test_the_interval_by_hand() -> None:
    # Two seeds, two folds, no interaction: the means by fold are 1 and 3, so the jackknife's variance is
    # 1/2 * (1 + 1) = 1. Seeds 1.5 and 2.5: standard error 0.5. t(1, 0.975) = 12.7062 for both.
    claim = claimed(np.array([1.5, 2.5]))
    effects = np.array([[0.5, 1.5], [2.5, 3.5]])
    low, high, _ = with_examples(claim, effects) or ()
    half = 12.7062 * math.hypot(0.5, 1.0)
    assert (low, high) == pytest.approx((2 - half, 2 + half), rel=1e-5)


def test_effects_of_single_networks_on_single_examples_are_not_counted_twice() -> None:
    """They average to 1 / (seeds * examples) of their variance, which the spread over seeds has already."""
    rng = np.random.default_rng(1)
    added = [added_variance(without_folds(drawn(rng, 5, 100, 0.1, 0.5, 2.0), 10)) for _ in range(2000)]
    jackknife = [np.var(drawn(rng, 5, 100, 0.1, 0.5, 2.0).mean(axis=0), ddof=1) / 100 for _ in range(2000)]
    assert np.mean(jackknife) == pytest.approx(0.5**2 / 100 + 2.0**2 / 500, rel=0.03)
    assert 0.5**2 / 100 < np.mean(added) < 1.6 * 0.5**2 / 100  # never below 0, which lifts the mean


@pytest.mark.parametrize(
    ("seeds", "of_seed", "of_example", "of_both"),
    [(5, 0.1, 2.0, 0.0), (5, 0.1, 1.0, 1.0), (5, 0.1, 0.0, 2.0), (25, 0.01, 0.3, 3.0), (25, 0.5, 2.0, 2.0)],
)
def test_in_95_percent_of_runs_the_interval_has_the_effect(
    seeds: int, of_seed: float, of_example: float, of_both: float
) -> None:
    """Within two and a half standard errors of 1,000 runs; at most 98.5%, which are wider than need be."""
    rng = np.random.default_rng(seeds)
    intervals = [both(drawn(rng, seeds, 200, of_seed, of_example, of_both), 10)[1] for _ in range(1000)]
    covered = np.mean([low <= 0 <= high for low, high, _ in intervals])
    assert 0.95 - 2.5 * math.sqrt(0.95 * 0.05 / 1000) < covered < 0.985


def test_it_is_as_wide_as_by_drawing_seeds_and_examples_with_replacement() -> None:
    """Within 15%: two standard errors of a spread that is estimated from 100 folds."""
    for seed in range(3):
        differences = drawn(np.random.default_rng(seed), 25, 400, 0.1, 2.0, 0.5)
        low, high = uncertainty(differences).over_both
        claim, (wider_low, wider_high, _) = both(differences, 100)
        assert (wider_high - wider_low) / (high - low) == pytest.approx(1.0, abs=0.15)
        assert wider_high - wider_low > 3 * (claim.high - claim.low)


def test_it_is_never_narrower_than_over_seeds_and_may_leave_a_claim_open() -> None:
    differences = 1 + drawn(np.random.default_rng(2), 8, 60, 0.2, 5.0, 0.3)
    margin = claimed(differences.mean(axis=1)).low - 0.01
    claim, (low, high, verdict) = both(differences, 6, margin)
    assert low < claim.low and claim.high < high
    assert (claim.verdict, verdict) == ("supported", "inconclusive")
    *_, verdict = both(differences + 100, 6)[1]
    assert verdict == "supported"


def test_ratios_have_it_on_their_scale() -> None:
    saved = np.array([40.0, 60.0, 50.0])
    low, high, _ = with_examples(claimed(saved, scale=PERCENT_SAVED), np.stack([saved - 30, saved + 30])) or ()
    assert low < 0 and 90 < high < 100  # no more than all can be saved


def test_there_is_none_where_the_examples_change_nothing_or_it_is_not_known_what() -> None:
    values = np.array([1.0, 2.0, 4.0])
    assert with_examples(claimed(values), np.stack([values, values])) is None  # as steps chosen on validation data
    assert with_examples(claimed(values), np.stack([values, [1.0, math.nan, 4.0]])) is None
    assert with_examples(claimed(values[:1]), np.array([[1.0], [2.0]])) is None  # no interval over seeds


def test_an_unmeasured_replicate_leaves_a_claim_open_here_too() -> None:
    values = np.array([10.0, math.nan, 11.0, 10.5])
    low, _, verdict = with_examples(claimed(values), np.stack([values + 0.1, values - 0.1])) or ()
    assert low > 0 and verdict == "inconclusive"
