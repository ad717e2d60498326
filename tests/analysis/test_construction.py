"""A trained network as a part of a random one: what is kept, what it computes, and what neurons alone do not."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.analysis.construction import (
    ConstructionError,
    construct,
    neuron_network,
    prune_neurons,
    pruned_network,
    random_layers,
    target_layers,
)


@pytest.fixture
def target() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)).double()


INPUTS = torch.from_numpy(np.random.default_rng(0).normal(size=(50, 5)))


def test_pruned_random_weights_compute_nearly_what_the_target_does(target: nn.Sequential) -> None:
    errors = []
    for units in (4, 8, 13):
        gadgets = construct(target_layers(target), units, np.random.default_rng(units))
        network = pruned_network(gadgets)
        assert len([layer for layer in network if isinstance(layer, nn.Linear)]) == 6  # twice the target's
        errors.append(float((network(INPUTS) - target(INPUTS)).detach().abs().max()))
    assert errors[0] > 2 * errors[1] > 4 * errors[2] and errors[2] < 0.02, errors


def test_kept_weights_are_random_and_each_hidden_unit_serves_one_input(target: nn.Sequential) -> None:
    for gadget in construct(target_layers(target), 6, np.random.default_rng(0)):
        assert gadget.first_mask.sum(axis=1).max() == 1
        unused = ~gadget.first_mask.any(axis=1)
        assert unused.any() and not gadget.second_mask[:, unused].any()
        assert np.abs(gadget.first).max() <= 1
        kept, total = gadget.density
        assert kept == gadget.first_mask.sum() + gadget.second_mask.sum() < total


def test_the_errors_of_weights_are_those_of_the_sums_that_are_kept(target: nn.Sequential) -> None:
    layer = target_layers(target)[1]  # its inputs are ReLUs'
    (gadget,) = construct([layer], 6, np.random.default_rng(3))
    first, second = gadget.first * gadget.first_mask, gadget.second * gadget.second_mask
    effective = {sign: second @ np.where(sign * first > 0, first, 0) for sign in (1, -1)}
    wanted = np.column_stack([layer.weight, layer.bias])
    of_bias = np.abs(effective[1][:, -1] - layer.bias)
    distances = [np.abs(effective[sign] - wanted)[:, :-1] for sign in (1, -1)]
    everything = np.concatenate([of_bias, *(distance.ravel() for distance in distances)])
    assert np.sort(gadget.errors) == pytest.approx(np.sort(everything))


def test_without_enough_units_of_a_sign_the_weight_stays_away_and_nothing_breaks(target: nn.Sequential) -> None:
    gadgets = construct(target_layers(target), 1, np.random.default_rng(0))
    assert torch.isfinite(pruned_network(gadgets)(INPUTS)).all()


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2)),
        nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU(), nn.Linear(2, 2)),
        nn.Sequential(nn.Linear(2, 2), nn.ReLU()),
    ],
)
def test_other_networks_are_refused_in_one_line(network: nn.Module) -> None:
    with pytest.raises(ConstructionError, match="only linear layers with ReLU between them"):
        target_layers(network)


def test_neurons_are_chosen_until_no_single_change_brings_the_error_down() -> None:
    rng = np.random.default_rng(0)
    first, second = random_layers(5, 3, 2, False, rng)
    inputs = rng.normal(size=(40, 5))
    wanted = np.zeros(len(first), dtype=bool)
    wanted[[1, 4]] = True

    def outputs(kept: np.ndarray) -> np.ndarray:
        return neuron_network(first, second, kept)(torch.from_numpy(inputs)).detach().numpy()

    other = outputs(wanted) + 0.3 * rng.normal(size=(40, 3))
    kept = prune_neurons(first, second, inputs, other)
    error = np.square(outputs(kept) - other).sum()
    assert kept.any() and error < np.square(other).sum()
    for neuron in range(len(first)):
        changed = kept.copy()
        changed[neuron] = not changed[neuron]
        assert np.square(outputs(changed) - other).sum() >= error - 1e-9


def test_choosing_neurons_needs_no_memory_for_all_their_pairs() -> None:
    rng = np.random.default_rng(0)
    first, second = random_layers(60, 3, 32, False, rng)
    assert len(first) > 3_900, "whose pairs fill 120 MB"
    inputs = rng.normal(size=(50, 60))
    tracemalloc.start()
    prune_neurons(first, second, inputs, inputs[:, :3])
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
