"""Clipping: the gradient of each replicate has at most the recipe's norm, however the replicates are computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.config import Initialization, Recipe
from lth_core.data.reading import open_data
from lth_core.engine import sparse_network
from lth_core.engine.convolutions import choice
from lth_core.engine.module_network import Gradient
from lth_core.models.initialization import initialize_cohort
from lth_core.runtime.shares import ALONE, Share
from lth_core.storage.tensors import Tensors
from lth_core.tasks.opening import build_task
from lth_core.training.clipping import clipped
from lth_core.training.loop import noise_seeds, step, train
from lth_core.training.state import TrainingState, start_state
from tests.engine.convolutions.test_training import Small
from tests.engine.test_together import played
from tests.support.process_groups import CPU, in_processes
from tests.support.small_trainings import (
    NETWORKS,
    SEEDS,
    OwnForward,
    dense,
    initial,
    linear,
    run,
    same_bits,
    sparse_mask,
)

SGD = {"name": "sgd", "learning_rate": 0.5}
MOST = 0.05
"""Less than any gradient of these networks."""


def gradients_of(state: TrainingState, number: int = 0) -> list[Gradient]:
    (batch,) = state.cohort.task.minibatches(SEEDS, 0, number, number + 1)
    return [*clipped(state, state.cohort.gradients(batch, noise_seeds(SEEDS, 0, number)))]


def norms(state: TrainingState, gradients: list[Gradient]) -> list[float]:
    """The norm of each replicate's gradient."""
    present = [value for value in gradients if value is not None]
    if state.cohort.together:
        return torch.cat([value.flatten(1) for value in present], 1).norm(dim=1).tolist()
    each = len(present) // len(SEEDS)
    parts = [present[index : index + each] for index in range(0, len(present), each)]
    return [float(torch.cat([value.flatten() for value in part]).norm()) for part in parts]


def masked(weights: Tensors, mask: Tensors) -> Tensors:
    return {name: value * mask[name] if name in mask else value for name, value in weights.items()}


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("network", [dense, linear])
def test_each_replicate_is_clipped_by_its_own_norm(make_task: Any, network: Any, together: bool) -> None:
    """Between the smallest and the largest norm, some replicates are clipped and others keep their bits."""
    weights = initial(network)
    free = start_state(make_task(network()), weights, {}, together=together)
    before = norms(free, gradients_of(free))
    most = sorted(before)[1]
    state = start_state(make_task(network(), clip_norm=most), weights, {}, together=together)
    after = norms(state, gradients_of(state))
    assert after == pytest.approx([min(norm, most) for norm in before], rel=1e-5)
    assert after[before.index(min(before))] == min(before)


@pytest.mark.parametrize("network", [dense, linear, OwnForward])
def test_the_gradient_is_scaled_as_torch_scales_it(make_task: Any, network: Any) -> None:
    task = make_task(network(), clip_norm=MOST)
    state = start_state(task, initial(network), {}, together=False)
    (batch,) = task.minibatches(SEEDS, 0, 0, 1)
    raw = state.cohort.gradients(batch, noise_seeds(SEEDS, 0, 0))
    each = len(raw) // len(SEEDS)
    for index in range(0, len(raw), each):
        leaves = [nn.Parameter(torch.zeros_like(value)) for value in raw[index : index + each] if value is not None]
        for leaf, value in zip(
            leaves, (value for value in raw[index : index + each] if value is not None), strict=True
        ):
            leaf.grad = value.clone()
        nn.utils.clip_grad_norm_(leaves, MOST)
        scaled = [value for value in clipped(state, raw)[index : index + each] if value is not None]
        for leaf, value in zip(leaves, scaled, strict=True):
            torch.testing.assert_close(value, leaf.grad, rtol=1e-5, atol=0)


def test_a_tensor_without_a_gradient_still_has_none(make_task: Any) -> None:
    state = start_state(make_task(OwnForward(), clip_norm=MOST), initial(OwnForward), {})
    assert [value is None for value in gradients_of(state)] == [name == "unused" for name in state.cohort.trainable] * 3


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("network", [dense, linear])
def test_weights_that_are_not_trained_have_no_part_in_the_norm(make_task: Any, network: Any, together: bool) -> None:
    """Neither those that are pruned, nor those that are frozen at other values."""
    weights = initial(network)
    mask = sparse_mask(weights, network)
    for start in (weights, masked(weights, mask)):
        state = start_state(make_task(network(), clip_norm=MOST), start, mask, together=together)
        gradients = gradients_of(state)
        assert norms(state, gradients) == pytest.approx([MOST] * 3, rel=1e-4)
        names = state.cohort.trainable * len(state.cohort.parts)
        for index, (name, value) in enumerate(zip(names, gradients, strict=True)):
            if name in mask and value is not None:
                kept = mask[name] if together else mask[name][index // len(state.cohort.trainable)]
                assert not value.numpy()[~kept].any()


@pytest.mark.parametrize("network", NETWORKS)
def test_a_cohort_gives_each_replicate_what_it_would_get_alone(make_task: Any, network: Any) -> None:
    task, weights = make_task(network(), SGD, steps=10, clip_norm=MOST), initial(network)
    together = run(task, weights, {})
    for index, seed in enumerate(SEEDS):
        alone = run(task, initial(network, [seed]), {}, seeds=[seed])
        for name, value in alone.weights.items():
            np.testing.assert_allclose(together.weights[name][index], value[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("network", [dense, linear, Small])
def test_replicates_computed_at_once_are_clipped_as_those_in_turn(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, network: Any
) -> None:
    monkeypatch.setattr("lth_core.training.loop.GraphedStep", played)
    task, weights = make_task(network(), SGD, steps=10, clip_norm=MOST), initial(network)
    mask = sparse_mask(weights, network)
    start = masked(weights, mask)
    in_turn, at_once = (
        train(task, start_state(task, start, mask, together=together), SEEDS, 10).weights for together in (False, True)
    )
    for name, value in in_turn.items():
        np.testing.assert_allclose(at_once[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", [linear, Small])
def test_kept_weights_alone_are_clipped_as_masked_ones(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, network: Any
) -> None:
    task, weights = make_task(network(), SGD, steps=10, batch_size=20, clip_norm=MOST), initial(network)
    random = np.random.default_rng(1)
    mask = {name: random.random(value.shape) < 0.15 for name, value in weights.items() if value.ndim > 2}
    start = masked(weights, mask)
    sparse = start_state(task, start, mask, together=False)
    assert sparse.cohort.on_kept_weights
    monkeypatch.setattr(sparse_network, "DENSEST", -1.0)
    monkeypatch.setattr(choice, "DENSEST", -1.0)
    whole = start_state(task, start, mask, together=False)
    assert not whole.cohort.on_kept_weights
    actual, expected = (train(task, state, SEEDS, 10).weights for state in (sparse, whole))
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=1e-4, atol=1e-4 * np.abs(value).max())
    for state in (sparse, whole):
        assert norms(state, gradients_of(state)) == pytest.approx([MOST] * 3, rel=1e-4)


class Twice(nn.Module):
    """Two parameters whose gradients are one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.output, self.one, self.two = nn.Linear(36, 3), nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.output(images.flatten(1)) + (self.one + self.two)


def test_gradients_that_share_their_memory_are_scaled_once(make_task: Any) -> None:
    state = start_state(make_task(Twice(), clip_norm=MOST), initial(Twice), {})
    assert norms(state, gradients_of(state)) == pytest.approx([MOST] * 3, rel=1e-4)


@pytest.mark.parametrize("together", [False, True])
def test_a_norm_that_no_gradient_reaches_changes_no_bit(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    monkeypatch.setattr("lth_core.training.loop.GraphedStep", played)
    weights = initial(linear)
    states = [start_state(make_task(linear(), clip_norm=most), weights, {}, together=together) for most in (None, 1e6)]
    for state in states:
        train(state.cohort.task, state, SEEDS, 5)
    assert same_bits(states[0].weights(), states[1].weights())


def test_a_step_waits_for_no_number(make_task: Any) -> None:
    """A CUDA graph could not record one that reads the norm: here on a device that has no numbers."""
    state = start_state(make_task(linear(), clip_norm=MOST), initial(linear), {}, together=True)
    gradients = [torch.empty_like(value, device="meta") for value in state.cohort.trained]
    assert [value.shape for value in clipped(state, gradients) if value is not None] == [g.shape for g in gradients]


def test_processes_clip_the_mean_of_their_gradients(data_file: Path) -> None:
    def work(share: Share) -> Tensors:
        settings = {"batch_size": 12, "steps": 8, "evaluate_every": 8, "clip_norm": MOST}
        recipe = Recipe.model_validate({"optimizer": SGD, **settings})
        task = build_task(linear(), open_data(data_file, CPU, share), recipe, CPU)
        weights = initialize_cohort(linear, Initialization(), SEEDS)
        state = start_state(task, weights, {})
        with torch.no_grad():
            for batch in task.minibatches(SEEDS, 0, 0, 8):
                step(state, batch, 0.5, [])
        return state.weights()

    alone, (first, second) = work(ALONE), in_processes(2, work)
    assert same_bits(first, second)
    for name, value in alone.items():
        np.testing.assert_allclose(first[name], value, rtol=1e-5, atol=1e-6)
