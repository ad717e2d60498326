"""The energy distance: by hand, for equal samples, and growing with what differs."""

from __future__ import annotations

import numpy as np
import pytest

from lth_core.analysis.energy_distance import energy_distance


def test_it_is_twice_the_distance_between_less_those_within() -> None:
    first, second = np.array([[0.0], [2.0]]), np.array([[3.0]])
    # E|X - Y| = (3 + 1) / 2, E|X - X'| = (0 + 2 + 2 + 0) / 4, E|Y - Y'| = 0
    assert energy_distance(first, second) == pytest.approx(2 * 2 - 1 - 0)
    assert energy_distance(second, first) == energy_distance(first, second)


def test_equal_samples_have_none_whatever_their_order() -> None:
    sample = np.random.default_rng(0).random((450, 3))
    assert energy_distance(sample, sample[::-1]) == pytest.approx(0, abs=1e-12)


def test_samples_of_one_distribution_are_nearer_than_those_of_two() -> None:
    rng = np.random.default_rng(0)
    one, same, other = rng.normal(0, 1, (300, 5)), rng.normal(0, 1, (300, 5)), rng.normal(0.5, 1, (300, 5))
    assert 0 < energy_distance(one, same) < 0.1 * energy_distance(one, other)
