"""The penalty on scales of batch norm: its gradient is added on every path that trains, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.engine.narrow_cohort import NarrowCohort
from lth_core.models.layers import batch_norm_scales
from lth_core.models.requirements import ModelError
from lth_core.storage.tensors import Tensors
from lth_core.training.loop import noise_seeds, step
from lth_core.training.sparsified import SparsifiedState
from lth_core.training.state import TrainingState, start_state
from tests.support.small_trainings import SEEDS, dense, initial

SGD = {"name": "sgd", "learning_rate": 0.5}
PENALTY = 0.01


def normed() -> nn.Module:
    """Two convolutions with batch norm, which the kernels for kept weights know."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU()),
        *(nn.Conv2d(6, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)),
    )


def signed() -> Tensors:
    """Weights whose scales have both signs; one is 0, where the norm has no slope."""
    weights = initial(normed)
    for name in batch_norm_scales(normed()):
        weights[name] = weights[name] * np.linspace(-1, 1, weights[name].shape[1], dtype=np.float32)
    weights["1.weight"][:, 2] = 0
    return weights


def without_channels(weights: Tensors, removed: tuple[int, ...]) -> Tensors:
    """A mask that takes out channels of the first convolution."""
    mask = {name: np.ones(weights[name].shape, bool) for name in ("0.weight", "3.weight", "8.weight")}
    mask["0.weight"][:, removed] = False
    mask["3.weight"][:, :, removed] = False
    return mask


def after_a_step(state: TrainingState) -> Tensors:
    (batch,) = state.cohort.task.minibatches(SEEDS, 0, 0, 1, state.cohort)
    with torch.no_grad():
        step(state, batch, 0.5, noise_seeds(SEEDS, 0, 0))
    return {name: value.copy() for name, value in state.weights().items()}


def pair(make_task: Any, mask: Tensors, weights: Tensors, **options: Any) -> tuple[Tensors, Tensors, TrainingState]:
    """The weights after a step without and with a penalty."""
    tasks = [make_task(normed(), SGD, batch_size=16, penalty=penalty) for penalty in (0.0, PENALTY)]
    states = [start_state(task, weights, mask, **options) for task in tasks]
    plain, penalized = (after_a_step(state) for state in states)
    return plain, penalized, states[1]


def assert_penalized(plain: Tensors, penalized: Tensors, weights: Tensors) -> None:
    """All that differs is the sign of each scale, times the penalty and the learning rate."""
    scales = batch_norm_scales(normed())
    assert scales == ["1.weight", "4.weight"]
    for name in plain:
        expected = plain[name] - (0.5 * PENALTY * np.sign(weights[name]) if name in scales else 0)
        np.testing.assert_allclose(penalized[name], expected, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("together", [False, True])
def test_the_sign_of_every_scale_is_added_to_its_gradient(make_task: Any, together: bool) -> None:
    weights = signed()
    plain, penalized, _ = pair(make_task, {}, weights, together=together)
    assert_penalized(plain, penalized, weights)


def test_scales_of_removed_channels_are_penalized_in_the_smaller_network_too(make_task: Any) -> None:
    """As in masked training, where such a channel's scale has no other gradient."""
    weights = signed()
    mask = without_channels(weights, (0, 1, 4))
    masked = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
    plain, penalized, state = pair(make_task, mask, masked)
    assert isinstance(state.cohort, NarrowCohort)
    assert_penalized(plain, penalized, masked)
    whole = start_state(make_task(normed(), SGD, batch_size=16, penalty=PENALTY), masked, mask, narrow=False)
    for name, value in after_a_step(whole).items():
        if "running" not in name:
            np.testing.assert_allclose(penalized[name], value, atol=1e-6, err_msg=name)


def test_where_the_kept_weights_alone_are_trained_the_scales_among_them_are_penalized(make_task: Any) -> None:
    weights, random = signed(), np.random.default_rng(0)
    mask = {name: random.random(weights[name].shape) < 0.1 for name in ("0.weight", "3.weight")}
    masked = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
    plain, penalized, state = pair(make_task, mask, masked, narrow=False)
    assert state.cohort.convolutions
    assert_penalized(plain, penalized, masked)


def test_where_masks_change_the_penalty_follows_what_is_trained(make_task: Any) -> None:
    weights, random = signed(), np.random.default_rng(0)
    task = make_task(normed(), SGD, penalty=PENALTY)
    full = {name: np.ones(weights[name].shape, bool) for name in ("0.weight", "3.weight")}
    state = SparsifiedState.start(task, weights, full)
    state.change({name: torch.from_numpy(random.random(kept.shape) < 0.1) for name, kept in full.items()})
    assert state.cohort.convolutions
    assert [factors.shape for factors in state.penalties if factors is not None] == [
        values.shape for values in state.cohort.trained
    ]


def test_weights_stay_precise_where_products_are_not(make_task: Any) -> None:
    """With bf16 the penalty is far below the gradient's precision, and still added in float32."""
    weights = signed()
    task = make_task(normed(), SGD, penalty=1e-4, precision="bf16")
    state, plain = (start_state(each, weights, {}) for each in (task, make_task(normed(), SGD, precision="bf16")))
    with_penalty, without = after_a_step(state), after_a_step(plain)
    difference = without["1.weight"] - with_penalty["1.weight"]
    np.testing.assert_allclose(difference, 0.5e-4 * np.sign(weights["1.weight"]), atol=1e-6)


def test_a_network_without_batch_norm_is_refused_in_one_line(make_task: Any) -> None:
    with pytest.raises(ModelError, match="penalty: this network has no scales of batch norm"):
        start_state(make_task(dense(), penalty=PENALTY), initial(dense), {})
