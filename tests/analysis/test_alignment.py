"""Weight matching: permuted copies are recovered exactly, other networks come nearer and compute the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lth_core.analysis.alignment import align
from lth_core.models.symmetries import Group, TensorAxis, symmetries
from tests.models.test_catalogue import NAMES, build
from tests.models.test_symmetries import SHAPE, outputs, random_weights, shuffled, thin

LENET, GROUPS = (
    build("lenet", (1, 4, 4), hidden=[8, 6]),
    symmetries(build("lenet", (1, 4, 4), hidden=[8, 6]), (1, 4, 4)),
)
PARAMETERS = dict(LENET.named_parameters())


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def same_bits(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def similarity(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> float:
    return sum(float(np.vdot(first[name], second[name])) for name in PARAMETERS)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"resnet50"}))  # as the other torchvision one, but seconds
def test_a_permuted_copy_of_every_built_in_network_is_recovered_exactly(name: str):
    network = thin(name)
    groups, weights = symmetries(network, SHAPE), random_weights(network)
    copy = shuffled(weights, groups)
    assert not same_bits(weights, copy)
    assert same_bits(weights, align(weights, copy, groups, dict(network.named_parameters()), random()))


def test_another_network_comes_nearer_and_computes_the_same():
    first, second = random_weights(LENET, seed=0), random_weights(LENET, seed=1)
    actual = align(first, second, GROUPS, PARAMETERS, random())
    assert similarity(first, actual) > similarity(first, second)
    images = torch.rand(5, 1, 4, 4)
    torch.testing.assert_close(outputs(LENET, second, images), outputs(LENET, actual, images))


def test_no_single_swap_of_units_improves_the_outcome():
    first, second = random_weights(LENET, seed=0), random_weights(LENET, seed=1)
    actual = align(first, second, GROUPS, PARAMETERS, random())
    for group in GROUPS:
        for a in range(group.size):
            for b in range(a):
                order = np.arange(group.size)
                order[[a, b]] = b, a
                assert similarity(first, group.permute(actual, order)) <= similarity(first, actual) + 1e-5


def test_one_hidden_layer_gets_the_best_of_all_orders():
    from itertools import permutations

    network = build("lenet", (1, 2, 2), hidden=[5])
    groups = symmetries(network, (1, 2, 2))
    first, second = random_weights(network, seed=2), random_weights(network, seed=3)
    products = [
        sum(float(np.vdot(first[name], moved[name])) for name in first)
        for order in permutations(range(5))
        for moved in [groups[0].permute(second, np.array(order))]
    ]
    actual = align(first, second, groups, dict(network.named_parameters()), random())
    assert sum(float(np.vdot(first[name], actual[name])) for name in first) == pytest.approx(max(products))


def test_statistics_move_with_their_units_but_do_not_choose_the_order():
    groups = [Group(2, (TensorAxis("w", 0), TensorAxis("mean", 0)))]
    first = {"w": np.array([[1.0], [2.0]]), "mean": np.array([100.0, 0.0])}
    second = {"w": np.array([[1.0], [2.0]]), "mean": np.array([0.0, 100.0])}
    assert align(first, second, groups, {"w"}, random()) is second
    swapped = {"w": np.array([[2.0], [1.0]]), "mean": np.array([7.0, 8.0])}
    assert align(first, swapped, groups, {"w"}, random())["mean"].tolist() == [8.0, 7.0]


def test_the_outcome_depends_on_the_stream_alone():
    first, second = random_weights(LENET, seed=0), random_weights(LENET, seed=1)
    one, other = (align(first, second, GROUPS, PARAMETERS, random(5)) for _ in range(2))
    assert same_bits(one, other)


def test_a_network_that_is_in_the_best_order_stays_as_it_is():
    weights = random_weights(LENET)
    assert align(weights, weights, GROUPS, PARAMETERS, random()) is weights
    assert align(random_weights(LENET, seed=1), weights, [], PARAMETERS, random()) is weights  # nothing to permute


def test_dead_units_stay_where_they_are():
    first, second = random_weights(LENET), random_weights(LENET)
    for weights in (first, second):
        for name in PARAMETERS:
            weights[name] = np.zeros_like(weights[name])
    assert align(first, second, GROUPS, PARAMETERS, random()) is second


def test_diverged_networks_are_not_aligned():
    first, second = random_weights(LENET, seed=0), random_weights(LENET, seed=1)
    second["fc1.bias"][0] = np.nan
    assert align(first, second, GROUPS, PARAMETERS, random()) is second
    assert align(second, first, GROUPS, PARAMETERS, random()) is first


def test_a_residual_layer_whose_units_are_both_its_inputs_and_outputs_is_recovered():
    groups = [Group(6, (TensorAxis("in", 0), TensorAxis("inner", 0), TensorAxis("inner", 1), TensorAxis("out", 1)))]
    draw = random(3)
    weights = {
        name: draw.standard_normal(shape) for name, shape in {"in": (6, 9), "inner": (6, 6), "out": (4, 6)}.items()
    }
    copy = shuffled(weights, groups)
    assert same_bits(weights, align(weights, copy, groups, weights, random()))


def test_diverged_networks_are_not_aligned_even_where_their_weights_are_finite():
    huge = {name: np.full_like(value, 1e30) for name, value in random_weights(LENET).items()}
    other = {name: -value for name, value in huge.items()}
    assert align(huge, other, GROUPS, PARAMETERS, random()) is other
