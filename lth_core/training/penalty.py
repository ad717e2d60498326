"""Penalty: an L1 norm on the scales of batch norm, by its gradient (Liu et al. 2017, section 3; You et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lth_core.engine.cohort import Cohort
from lth_core.engine.module_network import Gradient
from lth_core.models.layers import batch_norm_scales
from lth_core.models.requirements import ModelError
from lth_core.training.whole import put_together


def penalties(cohort: Cohort) -> list[Tensor | None]:
    """Make, for each of the cohort's trained tensors, what multiplies the signs of its values; None: nothing does.

    Without a penalty the list is empty. Raises ModelError for a network without scales of batch norm.
    """
    penalty = cohort.task.recipe.penalty
    if not penalty:
        return []
    scales = {*penalized_scales(cohort.module)}
    whole = [
        {name: torch.full_like(part[name], penalty if name in scales else 0.0) for name in cohort.trainable}
        for part in cohort.parts
    ]
    return [factors if factors.any() else None for factors in put_together(cohort, whole)]


def penalized_scales(module: torch.nn.Module) -> list[str]:
    """List the scales of batch norm by name. Raises ModelError where there are none."""
    scales = batch_norm_scales(module)
    if not scales:
        raise ModelError("penalty: this network has no scales of batch norm to penalize: remove penalty")
    return scales


def penalized(
    trained: Sequence[Tensor], gradients: Sequence[Gradient], factors: Sequence[Tensor | None]
) -> Sequence[Gradient]:
    """Add the gradient of the penalty to that of the loss, given its `penalties`; tensors without a gradient have none.

    The gradients stay as they are: networks may use them again. Without a penalty nothing changes.
    """
    if not factors:
        return gradients
    return [
        gradient if gradient is None or factor is None else torch.addcmul(gradient, factor, weights.sign())
        for weights, gradient, factor in zip(trained, gradients, factors, strict=True)
    ]
