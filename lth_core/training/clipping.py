"""Clipping: the gradient of a replicate is scaled down to a largest norm (Pascanu et al. 2013, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lth_core.engine.module_network import Gradient
from lth_core.training.state import TrainingState

ADDED = 1e-6
"""What is added to the norm before dividing by it, as in torch.nn.utils.clip_grad_norm_."""


def clipped(state: TrainingState, gradients: Sequence[Gradient]) -> Sequence[Gradient]:
    """Scale the gradient of every replicate, all of its tensors together, to a norm of at most the recipe's.

    `gradients` has one tensor for each of the cohort's trained ones, which stay as they are: networks may use them
    again, and two may be one. The gradients of weights that are not trained become 0: they have no part in the norm,
    as where the kept weights are trained alone. Without `clip_norm` nothing changes.
    """
    most = state.cohort.task.recipe.clip_norm
    if most is None:
        return gradients
    each = len(gradients) // state.parts
    result: list[Gradient] = []
    for index in range(state.parts):
        of_part = gradients[index * each : (index + 1) * each]
        result += _scaled(_of_trained(state, index, of_part), state.cohort.size // state.parts, most)
    return result


def _of_trained(state: TrainingState, part: int, gradients: Sequence[Gradient]) -> list[Gradient]:
    """A part's gradients, 0 where weights are frozen."""
    if not state.frozen:
        return [*gradients]
    result = []
    for name, gradient in zip(state.cohort.trainable, gradients, strict=True):
        if gradient is not None and name in state.frozen:
            trained = state.frozen[name].trained
            gradient = gradient * (trained if state.cohort.together else trained[part])
        result.append(gradient)
    return result


def _scaled(gradients: Sequence[Gradient], replicates: int, most: float) -> list[Gradient]:
    """The gradients of one replicate, or stacked those (R, ...) of several, each at a norm of at most `most`."""
    rows = [value.reshape(replicates, value.numel() // replicates) for value in gradients if value is not None]
    if not rows:
        return [*gradients]
    norms = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(row, dim=1) for row in rows]), dim=0)
    factors = (most / (norms + ADDED)).clamp(max=1)
    scaled: list[Tensor] = [row * factors[:, None] for row in rows]
    remaining = iter(scaled)
    return [None if value is None else next(remaining).view_as(value) for value in gradients]
