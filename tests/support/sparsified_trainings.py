"""Trainings whose masks change, on every path of computing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lth_core.config import Choice
from lth_core.models.layers import prunable_weights
from lth_core.storage.tensors import Tensors
from lth_core.training.history import Evaluations
from lth_core.training.loop import TrainingResult, train
from lth_core.training.sparsification import Sparsification
from lth_core.training.sparsified import SparsifiedState
from tests.support.small_trainings import SEEDS, convolutional, initial, linear

SGD = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.001}


def small_convolutions() -> nn.Module:
    """Layers that are computed on their kept weights alone where these are few."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)
    )


def masks_of(
    weights: Tensors, network: Callable[[], nn.Module], density: float, seeds: Sequence[int] = SEEDS
) -> Tensors:
    """Random masks that keep as many weights of a tensor in each replicate, other ones in each."""
    masks = {}
    for name in prunable_weights(network()):
        masks[name] = np.zeros(weights[name].shape, bool)
        for row, seed in zip(masks[name], seeds, strict=True):
            size = row.size
            row.flat[np.random.default_rng(seed).choice(size, max(1, round(density * size)), replace=False)] = True
    return masks


def begin(task: Any, weights: Tensors, mask: Tensors, first_step: int = 0) -> SparsifiedState:
    masked = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
    return SparsifiedState.start(task, masked, mask, first_step)


def using(
    name: str, mask: Tensors, seeds: Sequence[int] = SEEDS, density: float | None = None, **options: Any
) -> Sparsification:
    sizes = {name: kept[0].size for name, kept in mask.items()}
    kept = {name: round((density or 1) * size) for name, size in sizes.items()} if density else None
    total = sum(kept.values()) / sum(sizes.values()) if kept else float(np.mean([m.mean() for m in mask.values()]))
    return Sparsification(Choice.of(name, **options), seeds, total, kept)


def trained(
    task: Any, state: SparsifiedState, how: Sparsification, seeds: Sequence[int] = SEEDS, listeners: Sequence[Any] = ()
) -> TrainingResult:
    logging = Evaluations(task.recipe.evaluate_every, task.recipe.steps)
    return train(task, state, seeds, task.recipe.steps, before_step=how.before_step, listeners=[logging, *listeners])


RIGL = ("rigl", {"every": 4})
SET = ("set", {"every": 4})
GRADUAL = ("gradual", {"every": 4, "begin": 0.1})
PATHS = [(linear, 0.6), (linear, 0.2), (convolutional, 0.3), (small_convolutions, 0.2)]


def on_path(make_task: Any, network: Any, density: float, name: str, **options: Any) -> tuple[Any, Any, Any, Any]:
    """A task, weights, first masks (none where the sparsifier starts dense), and the sparsification."""
    task, weights = make_task(network(), SGD), initial(network)
    starts_dense = name == "gradual"
    mask = masks_of(weights, network, 1.0 if starts_dense else density)
    return task, weights, mask, using(name, mask, density=density if starts_dense else None, **options)


def whole(state: SparsifiedState, kind: str) -> dict[str, Tensor]:
    """Copies of what is saved under a kind, by name; of an optimizer's slot (replicate, ...)."""
    parts = {
        key.removeprefix(f"{kind}/"): value.clone() for key, value in state.tensors().items() if key.startswith(kind)
    }
    if not kind.startswith("optimizer"):
        return parts
    names = dict.fromkeys(key.partition("/")[2] for key in parts)
    return {
        name: torch.stack([value for key, value in parts.items() if key.partition("/")[2] == name]) for name in names
    }
