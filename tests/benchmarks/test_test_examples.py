"""Test examples: what they add shows in differences of known spread, and is nothing where they do not differ."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.test_examples import uncertainty
from lth_core.analysis.claims import mean_interval

SEEDS, EXAMPLES = 25, 400


def differences(of_seeds: float, of_examples: float, noise: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    by_seed, by_example = rng.normal(0, of_seeds, (SEEDS, 1)), rng.normal(0, of_examples, EXAMPLES)
    return 1 + by_seed + by_example + rng.normal(0, noise, (SEEDS, EXAMPLES))


def width(interval: tuple[float, float]) -> float:
    return interval[1] - interval[0]


def test_the_interval_over_seeds_is_that_of_the_page() -> None:
    values = differences(1.0, 3.0, 2.0)
    result = uncertainty(values)
    assert (result.estimate, *result.over_seeds) == pytest.approx(mean_interval(values.mean(1)))


def test_examples_that_do_not_differ_add_nothing() -> None:
    result = uncertainty(differences(1.0, 0.0))
    assert result.error_of_examples == pytest.approx(0, abs=1e-12)
    assert width(result.over_both) == pytest.approx(width(result.over_seeds), rel=0.12)


def test_errors_of_seeds_and_of_examples_add_up_as_squares() -> None:
    result = uncertainty(differences(0.5, 4.0))
    assert result.error_of_seeds == pytest.approx(0.5 / np.sqrt(SEEDS), rel=0.3)
    assert result.error_of_examples == pytest.approx(4.0 / np.sqrt(EXAMPLES), rel=0.1)
    expected = 2 * 1.96 * np.hypot(result.error_of_seeds, result.error_of_examples)
    assert width(result.over_both) == pytest.approx(expected, rel=0.05) and width(result.over_both) > width(
        result.over_seeds
    )
