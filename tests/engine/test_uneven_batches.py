"""Batches of several lengths, as policies make them: a replicate is trained as it would be alone, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lth_core.config import Choice, Recipe
from lth_core.data.environments import find_environment
from lth_core.data.stored import StoredEnvironment
from lth_core.models.networks.mlp import mlp
from lth_core.runtime.shares import ALONE
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Task
from lth_core.tasks.opening import build_task
from lth_core.training.loop import train
from lth_core.training.state import TrainingState, start_state

SEEDS = [3, 4, 5]
RECIPE = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 4, "steps": 4, "evaluate_every": 4}


def control() -> Task:
    device = torch.device("cpu")
    data = StoredEnvironment({}, find_environment("CartPole-v1").facts(), device, ALONE)
    return build_task(mlp(4, 3), data, Recipe.model_validate(RECIPE), device, Choice(name="actor-critic"))


def start(seeds: list[int], density: float, together: bool = False) -> tuple[Task, TrainingState]:
    weights: dict[str, list[np.ndarray]] = {}
    masks: dict[str, list[np.ndarray]] = {}
    for seed in seeds:
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        for name, value in mlp(4, 3).named_parameters():
            kept = rng.random(value.shape) < density if value.ndim == 2 else np.ones(value.shape, dtype=bool)
            weights.setdefault(name, []).append(value.detach().numpy() * kept)
            if value.ndim == 2 and density < 1:
                masks.setdefault(name, []).append(kept)
    stacked = [{name: np.stack(values) for name, values in parts.items()} for parts in (weights, masks)]
    task = control()
    return task, start_state(task, *stacked, together=together)


def trained(seeds: list[int], density: float) -> Tensors:
    task, state = start(seeds, density)
    assert bool(state.cohort.sparse) == (density < 1)
    return train(task, state, seeds, RECIPE["steps"]).weights


@pytest.mark.parametrize("density", [1.0, 0.1])
def test_a_replicate_is_trained_as_it_would_be_alone(density: float) -> None:
    together = trained(SEEDS, density)
    for index, seed in enumerate(SEEDS):
        alone = trained([seed], density)
        assert all(np.array_equal(together[name][index], alone[name][0]) for name in alone)


def test_all_at_once_steps_that_were_none_do_not_count() -> None:
    """As on a GPU, where batches stay filled up."""
    (task, turns), (_, at_once) = start(SEEDS, 1.0), start(SEEDS, 1.0, together=True)
    (batch,) = task.minibatches(SEEDS, 0, 0, 1, turns.cohort)
    assert len({len(batch.replicate(index).inputs) for index in range(len(SEEDS))}) > 1
    expected = turns.cohort.gradients(batch, [0] * len(SEEDS))
    names = turns.cohort.trainable
    for position, gradient in enumerate(at_once.cohort.gradients(batch, [])):
        for index in range(len(SEEDS)):
            alone = expected[index * len(names) + position]
            assert gradient is not None and alone is not None
            assert torch.allclose(gradient[index], alone, rtol=1e-4, atol=1e-5 * float(alone.abs().max()))
