"""Scales: ratios are averaged as logarithms, their intervals cover, and no end of them is impossible."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from lth_core.analysis.claims import evaluate_claim, mean_interval, p_value, verdict
from lth_core.analysis.scales import DIFFERENCES, PERCENT_MORE, PERCENT_SAVED, RATIOS, Scale

TEXT = {"study": "s", "task": "t", "claim": "c", "source": "p", "effect": "e", "unit": "u"}
DRAWS = 3000


@pytest.mark.parametrize("scale", [DIFFERENCES, RATIOS, PERCENT_SAVED, PERCENT_MORE])
def test_a_scale_rises_and_has_its_inverse(scale: Scale) -> None:
    values = np.array([0.5, 1.0, 60.0, 99.0])
    numbers = scale(values)
    assert (np.diff(numbers) > 0).all()
    assert [scale.back(number) for number in numbers] == pytest.approx(values)


def test_ratios_are_averaged_so_that_the_inverse_says_the_same() -> None:
    ratios = np.array([0.5, 1.0, 4.0])
    mean, low, high = mean_interval(ratios, RATIOS)
    assert mean == pytest.approx(2 ** (1 / 3))
    assert mean_interval(1 / ratios, RATIOS) == pytest.approx((1 / mean, 1 / high, 1 / low))
    assert mean_interval(100 * (ratios - 1), PERCENT_MORE) == pytest.approx([100 * (x - 1) for x in (mean, low, high)])
    assert mean_interval(100 * (1 - ratios), PERCENT_SAVED) == pytest.approx([100 * (1 - x) for x in (mean, high, low)])


def test_more_than_everything_is_never_saved() -> None:
    saved = [60.0, 95.0, 5.0, 97.0, 40.0]
    assert mean_interval(saved)[2] > 100 > mean_interval(saved, PERCENT_SAVED)[2]


@pytest.mark.parametrize("impossible", [0.0, math.inf, -1.0])
def test_a_ratio_of_0_or_infinity_has_no_logarithm_and_leaves_the_claim_open(impossible: float) -> None:
    claim = evaluate_claim([2.0, 2.1, impossible, 2.2], **TEXT, margin=1.0, scale=RATIOS)
    assert (claim.n, claim.unmeasured, claim.verdict) == (3, 1, "inconclusive")
    assert claim.estimate == pytest.approx((2.0 * 2.1 * 2.2) ** (1 / 3)) and math.isnan(claim.p)


def lognormal(rng: np.random.Generator) -> np.ndarray:
    return np.exp(rng.normal(0.3, 1.0, 5))


def steps(rng: np.random.Generator) -> np.ndarray:
    """Steps of a ticket over those of a dense network, both at multiples of 20."""
    ticket, dense = (20 * np.ceil(rng.gamma(3, 3, 5)) for _ in range(2))
    return ticket / dense


@pytest.mark.parametrize(("ratios", "centre"), [(lognormal, math.exp(0.3)), (steps, 1.0)])
def test_intervals_of_skewed_ratios_of_five_seeds_cover(
    ratios: Callable[[np.random.Generator], np.ndarray], centre: float
) -> None:
    """In 95% of runs, whereas those of arithmetic means miss the mean far more often."""
    rng = np.random.default_rng(0)
    samples = [ratios(rng) for _ in range(DRAWS)]
    mean = np.mean([ratios(rng).mean() for _ in range(20 * DRAWS)])

    def coverage(scale: Scale, truth: float) -> float:
        intervals = [mean_interval(sample, scale)[1:] for sample in samples]
        return float(np.mean([low <= truth <= high for low, high in intervals]))

    assert coverage(RATIOS, centre) == pytest.approx(0.95, abs=0.012)
    assert coverage(DIFFERENCES, float(mean)) < 0.90


@pytest.mark.parametrize("scale", [DIFFERENCES, RATIOS, PERCENT_SAVED])
def test_the_p_value_and_the_interval_say_the_same(scale: Scale) -> None:
    rng = np.random.default_rng(1)
    for count in (2, 3, 5, 25):
        for _ in range(50):
            values = np.exp(rng.normal(0.5, 0.5, count))
            _, low, high = mean_interval(values, scale)
            decided = verdict(low, high, 1.0) != "inconclusive"
            assert (p_value(values, 1.0, scale) < 0.05) == decided
