"""Distances between trained networks: L2 norm and angle over the kept weights, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.analysis.distances import angle_between, distances
from lth_core.storage.errors import ArtifactError

KEPT = {"a.weight": np.array([[[True, False], [True, True]]]), "b.weight": np.array([[[True]]])}


def network(a: list[list[float]], b: float) -> dict[str, np.ndarray]:
    return {"a.weight": np.array([a], np.float32), "b.weight": np.array([[[b]]], np.float32), "a.bias": np.ones((1, 2))}


def test_a_network_is_at_distance_and_angle_zero_from_itself():
    net = network([[1, 2], [3, 4]], 5)
    l2, angle = distances(KEPT, net, net)
    assert l2.tolist() == [0.0] and angle.tolist() == [0.0]


def test_l2_is_the_norm_over_all_kept_weights_of_all_layers():
    first, second = network([[1, 99], [0, 4]], 2), network([[1, -99], [3, 8]], 14)
    l2, _ = distances(KEPT, first, second)
    assert l2[0] == pytest.approx(13)  # sqrt(0 + 3^2 + 4^2 + 12^2); the pruned 99 does not count


def test_the_angle_of_orthogonal_and_of_opposite_networks():
    first = network([[1, 7], [0, 0]], 0)
    assert distances(KEPT, first, network([[0, 7], [1, 0]], 0))[1][0] == pytest.approx(math.pi / 2)
    assert distances(KEPT, first, network([[-2, 7], [0, 0]], 0))[1][0] == pytest.approx(math.pi)


@given(st.floats(1e-9, math.pi), st.floats(0.1, 100), st.floats(0.1, 100))
def test_the_angle_does_not_depend_on_the_lengths_and_is_precise_when_small(angle: float, r: float, s: float):
    first, second = r * np.array([1.0, 0.0]), s * np.array([math.cos(angle), math.sin(angle)])
    assert angle_between(first, second) == pytest.approx(angle, rel=1e-6, abs=1e-15)


def test_the_angle_with_a_zero_network_is_not_a_number():
    assert math.isnan(angle_between(np.zeros(3), np.ones(3)))


def test_one_dense_replicate_serves_all_draws_of_its_seed():
    mask = {"w": np.ones((4, 2), bool)}  # seeds 0 and 1, two draws each
    dense, drawn = {"w": np.array([[0.0, 0], [10, 0]])}, {"w": np.array([[1.0, 0], [2, 0], [10, 3], [10, 4]])}
    assert distances(mask, dense, drawn)[0].tolist() == [1, 2, 3, 4]


def test_a_diverged_replicate_spoils_only_itself():
    mask = {"w": np.ones((2, 2), bool)}
    l2, angle = distances(mask, {"w": np.ones((2, 2))}, {"w": np.array([[np.nan, 1], [1, 1]])})
    assert np.isnan([l2[0], angle[0]]).all() and (l2[1], angle[1]) == (0, 0)


@pytest.mark.parametrize("other", [{}, {"w": np.ones((1, 3))}, {"w": np.ones((2, 2))}])
def test_networks_that_do_not_fit_the_mask_are_refused(other):
    with pytest.raises(ArtifactError, match="'w'"):
        distances({"w": np.ones((1, 2), bool)}, {"w": np.ones((1, 2))}, other)
