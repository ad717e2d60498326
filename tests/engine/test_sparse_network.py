"""Training on the kept weights alone: the numbers of masked dense training, and bits that do not vary."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lth_core.engine import kernels, sparse_network
from lth_core.engine.cohort import Cohort
from lth_core.engine.linear_network import LinearNetwork
from lth_core.engine.sparse_network import AT_ONCE, WIDTH, SparseNetwork, columns, kept_share, pieces
from lth_core.storage.tensors import Tensors
from lth_core.tickets.rewinding import apply_mask
from lth_core.training.loop import train
from lth_core.training.resume import Resume
from lth_core.training.state import start_state
from tests.support.small_trainings import OPTIMIZERS, SEEDS, initial, run, same_bits
from tests.training.test_resume import Cut, train_with


def lenet() -> nn.Module:
    """Three layers of 36 x 40, 40 x 24 (without bias) and 24 x 3."""
    first, second, third = nn.Linear(36, 40), nn.Linear(40, 24, bias=False), nn.Linear(24, 3)
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), second, nn.ReLU(), third)


def masks(weights: Tensors, density: float) -> Tensors:
    """Of every weight matrix, another one per replicate; a whole row and a whole column of each are pruned."""
    random = np.random.default_rng(1)
    actual = {name: random.random(value.shape) < density for name, value in weights.items() if value.ndim == 3}
    for kept in actual.values():
        kept[:, 1], kept[:, :, 2] = False, False
    return actual


# ---------------------------------------------------------------- one network


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=2, max_size=5),
    batch=st.integers(1, 70),
    density=st.sampled_from([0.0, 0.03, 0.2, 0.7, 1.0]),
    bias=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_outputs_and_gradients_equal_those_of_the_dense_network_with_zeros(
    sizes: list[int], batch: int, density: float, bias: bool, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    layers = [layer for shape in pairwise(sizes) for layer in (nn.Linear(*shape, bias=bias), nn.ReLU())]
    network = LinearNetwork.of(nn.Sequential(*layers[:-1]))
    assert network is not None
    parameters = {
        name: torch.randn(value.shape, generator=random) for name, value in nn.Sequential(*layers).named_parameters()
    }
    mask = {name: torch.rand(parameters[name].shape, generator=random) < density for name, _ in network.layers}
    masked = {name: value * mask[name] if name in mask else value for name, value in parameters.items()}
    inputs, towards = torch.randn(batch, sizes[0], generator=random), torch.randn(batch, sizes[-1], generator=random)

    expected = network.activations(masked, inputs)
    gradients = network.gradients(masked, expected, towards)
    sparse = SparseNetwork(network, masked, {name: kept.numpy() for name, kept in mask.items()})
    (inputs,), (towards,) = columns(inputs[None]), columns(towards[None])
    units = sparse.units(inputs)
    sparse.fill_gradient(inputs, units, towards)

    torch.testing.assert_close(torch.from_numpy(units[:, :batch].T), torch.cat(expected[1:], 1), rtol=1e-4, atol=1e-3)
    assert np.array_equal(sparse.outputs(units, batch), units[-sizes[-1] :, :batch].T)
    kept_gradients = [gradients[name][mask[name]] if name in mask else gradients[name] for name in parameters]
    scale = 1 + max(gradient.abs().max() for gradient in gradients.values())
    torch.testing.assert_close(sparse.gradient / scale, torch.cat([g.flatten() for g in kept_gradients]) / scale,
                               rtol=1e-4, atol=1e-5)  # fmt: skip


@pytest.mark.parametrize("count", [1, 127, 128, 129, 300])
def test_an_evaluation_in_pieces_gives_the_outputs_of_all_examples(count: int) -> None:
    module = nn.Sequential(nn.Linear(4, 30), nn.ReLU(), nn.Linear(30, 2))
    network = SparseNetwork(LinearNetwork.of(module), {n: v.detach() for n, v in module.named_parameters()}, {})
    examples = torch.randn(count, 4)
    actual = torch.from_numpy(network.evaluated(pieces(examples), count))
    torch.testing.assert_close(actual, module(examples), rtol=1e-4, atol=1e-5)


def test_batches_are_padded_to_two_vectors() -> None:
    assert 2 * kernels.LANES == WIDTH and AT_ONCE % WIDTH == 0


def test_a_value_that_is_not_a_number_is_passed_on() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    weights = {name: value.detach().clone() for name, value in module.named_parameters()}
    weights["0.weight"][0, 0] = np.nan
    network = SparseNetwork(LinearNetwork.of(module), weights, {})
    assert np.isnan(network.outputs(network.units(columns(torch.ones(1, 5, 4))[0]), 5)).all()


def test_the_share_of_kept_weights_counts_all_layers_and_replicates() -> None:
    network = LinearNetwork.of(nn.Sequential(nn.Linear(9, 10, bias=False), nn.ReLU(), nn.Linear(10, 1, bias=False)))
    assert network is not None
    weights = {"0.weight": torch.zeros(2, 10, 9), "2.weight": torch.zeros(2, 1, 10)}
    mask = np.zeros((2, 10, 9), dtype=bool)
    mask.flat[:30] = True  # the other layer has no mask: its 20 are kept
    assert kept_share(network, weights, {"0.weight": mask}) == 50 / 200
    assert kept_share(network, weights, {}) == 1
    doubled = {name: value.double() for name, value in weights.items()}
    assert kept_share(network, doubled, {"0.weight": mask}) == math.inf


@pytest.mark.parametrize(
    ("kept", "trained", "evaluated"),
    [(0.18, True, True), (0.22, True, False), (0.32, True, False), (0.35, False, False)],
)
def test_few_kept_weights_are_trained_and_still_fewer_evaluated_by_themselves(
    make_task: Any, kept: float, trained: bool, evaluated: bool
) -> None:
    task = make_task(lenet())
    weights = {name: torch.from_numpy(value) for name, value in initial(lenet).items()}
    matrices = [name for name, value in weights.items() if value.ndim == 3]
    mask = {name: np.arange(weights[name].numel()).reshape(weights[name].shape) % 100 < 100 * kept for name in matrices}
    for name in matrices:
        weights[name] *= torch.from_numpy(mask[name])
    cohort = Cohort(task, weights, mask)
    assert bool(cohort.sparse) == trained
    with mock.patch.object(SparseNetwork, "evaluated", autospec=True, side_effect=SparseNetwork.evaluated) as evaluate:
        cohort.evaluate("validation")
    assert evaluate.called == evaluated


def test_a_dense_evaluation_is_of_the_present_kept_weights(make_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    task, weights = make_task(lenet(), steps=10, evaluate_every=2), initial(lenet)
    mask = masks(weights, 0.1)
    alone = run(task, weights, mask)
    monkeypatch.setattr(sparse_network, "DENSEST_EVALUATED", -1.0)
    dense = run(task, weights, mask)
    assert same_bits(alone.weights, dense.weights)
    for ours, theirs in zip(alone.history, dense.history, strict=True):
        assert {**ours, "loss": 0} == {**theirs, "loss": 0}
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("density", [0.01, 0.1])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_equals_masked_dense_training(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, optimizer: dict, density: float
) -> None:
    task, weights = make_task(lenet(), optimizer, steps=30), initial(lenet)
    mask = masks(weights, density)
    sparse = run(task, weights, mask)
    monkeypatch.setattr(sparse_network, "DENSEST", -1.0)
    dense = run(task, weights, mask)
    for name, value in dense.weights.items():
        np.testing.assert_allclose(sparse.weights[name], value, rtol=1e-4, atol=1e-5)
        if name in mask:
            assert not sparse.weights[name][~mask[name]].any()
    for ours, theirs in zip(sparse.history, dense.history, strict=True):
        assert {**ours, "loss": 0} == {**theirs, "loss": 0}
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-4)


def test_whoever_looks_during_training_sees_the_weights_of_that_step(make_task: Any) -> None:
    task, weights = make_task(lenet(), steps=3, evaluate_every=1), initial(lenet)
    mask = masks(weights, 0.1)
    seen: dict[int, Tensors] = {}

    def look(state: Any) -> None:
        assert state.cohort.sparse
        seen[state.step] = {name: value.numpy().copy() for name, value in state.cohort.parameters.items()}

    run(task, weights, mask, listeners=[look])
    for step in (1, 2, 3):
        assert same_bits(seen[step], run(make_task(lenet(), steps=step, evaluate_every=1), weights, mask).weights)


def test_training_twice_gives_the_same_bits_and_evaluation_changes_nothing(make_task: Any) -> None:
    weights = initial(lenet)
    mask = masks(weights, 0.1)
    often, never = make_task(lenet(), evaluate_every=1), make_task(lenet())
    first = run(often, weights, mask)
    assert first.history == run(often, weights, mask).history
    assert same_bits(first.weights, run(never, weights, mask, evaluate=False).weights)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_cut_and_resumed_equals_undisturbed(
    make_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: dict
) -> None:
    task, weights = make_task(lenet(), optimizer), initial(lenet)
    mask = masks(weights, 0.1)
    _, undisturbed = train_with(task, weights, mask, Resume(tmp_path / "never", "x"))
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    with pytest.raises(Cut):
        train_with(task, weights, mask, Resume(tmp_path / "trained", "x"), cut_at=13)
    first, resumed = train_with(task, weights, mask, Resume(tmp_path / "trained", "x"))
    assert first == 13
    assert same_bits(resumed.weights, undisturbed.weights)
    assert resumed.history == undisturbed.history


def test_weights_frozen_at_other_values_than_zero_are_trained_around_densely(make_task: Any) -> None:
    task, weights = make_task(lenet()), initial(lenet)
    mask = masks(weights, 0.1)
    state = start_state(task, weights, mask)
    assert not state.cohort.sparse
    trained = train(task, state, SEEDS, task.recipe.steps).weights
    for name, kept in mask.items():
        assert np.array_equal(trained[name][~kept], weights[name][~kept])
        assert (trained[name][kept] != weights[name][kept]).any()


def test_a_saved_state_of_the_other_path_is_not_picked_up(
    make_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, weights = make_task(lenet()), initial(lenet)
    mask = masks(weights, 0.1)
    masked = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
    resume = Resume(tmp_path / "trained", "x")
    resume.seconds = 0
    resume.save_when_due(start_state(task, masked, mask))
    assert resume.restore(start_state(task, masked, mask))
    monkeypatch.setattr(sparse_network, "DENSEST", -1.0)
    assert not resume.restore(start_state(task, masked, mask))


def test_a_cohort_without_a_mask_stays_dense(make_task: Any) -> None:
    task = make_task(lenet())
    weights = {name: torch.from_numpy(value) for name, value in initial(lenet).items()}
    assert not Cohort(task, weights).sparse


def test_a_partner_that_has_diverged_leaves_the_others_their_bits(make_task: Any) -> None:
    """Weights that are not numbers are pruned like any others, so that the cohort stays sparse."""
    task, weights = make_task(lenet()), initial(lenet)
    mask = masks(weights, 0.1)
    lost = {name: value.copy() for name, value in weights.items()}
    for value in lost.values():
        value[1] = np.nan
    sound, beside = (
        train(task, start_state(task, apply_mask(start, mask), mask), SEEDS, task.recipe.steps).weights
        for start in (weights, lost)
    )
    for name, value in beside.items():
        assert np.isnan(value[1]).any() and same_bits({name: value[[0, 2]]}, {name: sound[name][[0, 2]]})


@pytest.mark.parametrize("count", [1, 31, 32, 60])
def test_columns_are_the_examples_transposed_and_padded_with_zeros(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(np, "empty", lambda shape, kind: np.full(shape, np.nan, kind))  # memory holds anything
    examples = torch.randn(2, 7, count).mT  # as the gradient by the outputs lies in memory
    for laid_out in (examples, examples.contiguous()):
        actual = columns(laid_out)
        assert actual.flags.c_contiguous and actual.shape == (2, 7, WIDTH if count <= WIDTH else 2 * WIDTH)
        assert np.array_equal(actual[:, :, :count], examples.mT) and not actual[:, :, count:].any()
