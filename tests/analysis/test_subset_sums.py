"""Subset sums: every subset is searched, and no other one is nearer."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from lth_core.analysis.subset_sums import nearest_subsets, smallest_errors, subset_sums


def every_sum(values: np.ndarray) -> list[float]:
    """The sums of all subsets, one by one."""
    return [sum(chosen) for size in range(len(values) + 1) for chosen in combinations(values.tolist(), size)]


def test_bits_of_a_number_say_which_values_are_in_its_sum() -> None:
    sums = subset_sums(np.array([1.0, 10.0, 100.0]))
    assert sums.tolist() == [0, 1, 10, 11, 100, 101, 110, 111]


def test_the_nearest_subset_is_that_of_a_search_one_by_one() -> None:
    rng = np.random.default_rng(0)
    values, targets = rng.uniform(-1, 1, (30, 9)), rng.uniform(-0.5, 0.5, 30)
    members, errors = nearest_subsets(values, targets)
    assert np.abs((values * members).sum(axis=1) - targets) == pytest.approx(errors)
    wanted = [min(abs(total - target) for total in every_sum(of)) for of, target in zip(values, targets, strict=True)]
    assert errors == pytest.approx(wanted, abs=1e-12)


def test_errors_of_more_and_more_values_are_those_of_a_search_one_by_one() -> None:
    rng = np.random.default_rng(1)
    values, targets = rng.uniform(-1, 1, 9), np.array([*rng.uniform(-0.5, 0.5, 20), -50.0, 50.0])
    made = list(smallest_errors(values, targets))
    assert len(made) == 9
    for count, errors in enumerate(made, start=1):
        wanted = [min(abs(total - target) for total in every_sum(values[:count])) for target in targets]
        assert errors == pytest.approx(wanted, abs=1e-12)


def test_no_value_leaves_the_empty_sum() -> None:
    members, errors = nearest_subsets(np.empty((2, 0)), np.array([0.3, -0.2]))
    assert members.shape == (2, 0) and errors.tolist() == [0.3, 0.2]
