"""Permutation symmetries of a network: groups of hidden units that can be permuted without changing the function.

The groups come from tracing the module (unit_tracing.py). Inputs and outputs of the network stay where they are. What
is not understood gives None, never a wrong answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lth_core.models.groups import Group, TensorAxis
from lth_core.models.inputs import TokenShape
from lth_core.models.tensors import call
from lth_core.models.unit_tracing import named_tensors, trace_units
from lth_core.randomness import random_generator

__all__ = ["Group", "TensorAxis", "symmetries"]


def symmetries(module: nn.Module, input_shape: Sequence[int], partly: bool = False) -> list[Group] | None:
    """List the groups of a network for inputs of a shape (C, H, W); None when it cannot be traced.

    With `partly`, units that an operation takes which is not understood are left out, and the others listed.

    The groups are proved before they are returned: with random weights, the permuted network computes the same function
    on random inputs.
    """
    was_training = module.training
    try:
        groups = trace_units(module.eval(), input_shape, partly)
        return groups if _hold(module, input_shape, groups) else None
    except Exception:  # whatever a user's module does that tracing or double precision does not survive
        return None
    finally:
        module.train(was_training)


def _hold(module: nn.Module, input_shape: Sequence[int], groups: Sequence[Group]) -> bool:
    """Whether moving every unit of every group leaves the outputs as they are, in double precision."""
    rng = random_generator(0, "symmetries")
    weights = {name: random_values(tensor, rng) for name, tensor in named_tensors(module)}
    moved = weights
    for group in groups:
        cycle, order = rng.permutation(group.size), np.empty(group.size, np.int64)
        order[cycle] = np.roll(cycle, 1)  # one cycle through all units
        moved = group.permute(moved, order)
    device = next(module.parameters()).device
    inputs = _inputs(input_shape, rng).to(device)
    with torch.no_grad():
        first, second = (
            call(module, {name: torch.from_numpy(value).to(device) for name, value in arrays.items()}, inputs.clone())
            for arrays in (weights, moved)
        )
    return bool((first - second).abs().max() <= 1e-9 * first.abs().max())


def random_values(tensor: Tensor, rng: np.random.Generator) -> np.ndarray:
    """Draw values that all matter: of size 1 for what is added or scaled by, keeping the size of what is multiplied."""
    if not tensor.is_floating_point():
        return tensor.cpu().numpy()
    if tensor.ndim < 2:
        return rng.uniform(0.5, 1.5, tensor.shape)
    return rng.standard_normal(tensor.shape) * math.sqrt(2 * len(tensor) / tensor.numel())


def _inputs(input_shape: Sequence[int], rng: np.random.Generator) -> Tensor:
    """Two random examples; of tokens the first ones, which every vocabulary has."""
    tokens = isinstance(input_shape, TokenShape)
    return torch.from_numpy(rng.integers(0, 2, (2, *input_shape)) if tokens else rng.standard_normal((2, *input_shape)))
