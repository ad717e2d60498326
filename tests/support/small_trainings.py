"""Small networks of every kind, optimizers, and a training of a cohort of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from lth_core.config import Initialization
from lth_core.models.initialization import initialize_cohort
from lth_core.models.layers import prunable_weights
from lth_core.storage.tensors import Tensors
from lth_core.training.history import Evaluations
from lth_core.training.loop import Listener, TrainingResult, train
from lth_core.training.state import start_state

SEEDS = [0, 1, 2]
OPTIMIZERS = [
    {"name": "adam", "learning_rate": 0.01},
    {"name": "adam", "learning_rate": 0.01, "weight_decay": 0.01},
    {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.1, "betas": [0.8, 0.99], "epsilon": 1e-6},
    {"name": "rmsprop", "learning_rate": 0.001},
    {"name": "rmsprop", "learning_rate": 0.003, "momentum": 0.5, "smoothing": 0.9, "weight_decay": 0.01},
    {"name": "sgd", "learning_rate": 0.1},
    {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
]


def dense() -> nn.Module:
    # tanh: every unit has a gradient, so every kept weight moves
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 12), nn.Tanh(), nn.Linear(12, 3))


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 12), nn.ReLU(), nn.Linear(12, 3))


def convolutional() -> nn.Module:
    # no bias before batch norm: its gradient is rounding noise, which Adam would blow up
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 3)
    )


class OwnForward(nn.Module):
    """Noise that no dropout module shows, and a parameter that the loss does not reach."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.output, self.unused = nn.Linear(36, 12), nn.Linear(12, 3), nn.Parameter(torch.ones(2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = nn.functional.dropout(self.hidden(images.flatten(1)).tanh(), 0.2, training=self.training)
        return self.output(hidden)


NETWORKS = [dense, linear, convolutional, OwnForward]


def initial(network: Callable[[], nn.Module], seeds: Sequence[int] = SEEDS) -> dict[str, np.ndarray]:
    return initialize_cohort(network, Initialization(), list(seeds))


def sparse_mask(weights: dict[str, np.ndarray], network: Callable[[], nn.Module]) -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    return {name: random.random(weights[name].shape) < 0.8 for name in prunable_weights(network())}


def run(
    task: Any,
    weights: Tensors,
    mask: Tensors,
    seeds: Sequence[int] = SEEDS,
    *,
    first_step: int = 0,
    last_step: int | None = None,
    evaluate: bool = True,
    listeners: Sequence[Listener] = (),
    **options: Any,
) -> TrainingResult:
    """Train the weights under the mask, evaluated as in a job unless that is not wanted."""
    masked = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
    last = task.recipe.steps if last_step is None else last_step
    logging = [Evaluations(task.recipe.evaluate_every, last)] if evaluate else []
    state = start_state(task, masked, mask, first_step)
    return train(task, state, seeds, last, listeners=[*logging, *listeners], **options)


def same_bits(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)
