"""Whether the replicates of a module can be computed at once: a trial of it, on copies, under vmap.

They can where that gives what they compute in turn. In double precision the two differ by next to nothing then, even in
deep networks, in which the rounding of single precision grows; and by much where the module does something that vmap
passes over.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor

from lth_core.engine.module_network import ModuleNetwork, Weights, gradients_of
from lth_core.randomness import draws_from_generators

REPLICATES = 2
"""How many are compared."""
PRECISIONS = {torch.float64: 1e-6, torch.float32: 0.05}
"""What they are computed in, the second where the module fails in the first, and how far a tensor may differ, in
proportion to its largest value."""
LEAST = 1e-3
"""What counts as its largest value at least, in proportion to that of all: a gradient of 0 may be computed as noise."""


@torch.no_grad()
def stacks(network: ModuleNetwork, parameters: Weights, buffers: Weights, inputs: Tensor) -> bool:
    """Tell whether all replicates can be computed at once, given their tensors (R, ...) and any inputs (B, ...).

    Not so where the module draws noise, which every replicate has from its own seed, decides by its values, or does
    anything else that vmap cannot follow. Raises torch.OutOfMemoryError.
    """
    if network.task.recipe.rounds_at_random:  # with draws from every replicate's own seed
        return False

    def trial() -> bool:
        _at_once(_copy(network), parameters, _cast(buffers), inputs)  # as in training: all, at the recipe's precision
        return _same(network, _first(parameters), _first(buffers), inputs)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vmap's, of operations at which it is slow
        try:
            same, draws = draws_from_generators(trial)
        except torch.OutOfMemoryError:
            raise
        except Exception:  # of any type, for modules meet vmap's tensors; their own errors are raised in turn, too
            return False
    return same and not draws


def _same(network: ModuleNetwork, parameters: Weights, buffers: Weights, inputs: Tensor) -> bool:
    """Whether replicates have the same values at once as in turn."""
    for precision, near in PRECISIONS.items():
        copied, weights, images = _copy(network), _cast(parameters, precision), inputs.to(precision)
        try:
            expected = _in_turn(copied, weights, _cast(buffers, precision), images)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:  # tensors that the module makes have another precision
            continue
        actual = _at_once(copied, weights, _cast(buffers, precision), images)
        least = LEAST * max(map(_largest, expected))
        return all(
            _close(value, other, near * max(_largest(other), least))
            for value, other in zip(actual, expected, strict=True)
        )
    return False


def _copy(network: ModuleNetwork) -> ModuleNetwork:
    """With a module of its own, which may keep what it computes; what is kept already, deepcopy would refuse."""
    attributes = [value for part in network.module.modules() for value in vars(part).values()]
    computed = {id(value): value.detach() for value in attributes if isinstance(value, Tensor) and not value.is_leaf}
    return replace(network, module=deepcopy(network.module, computed))


def _first(tensors: Weights) -> dict[str, Tensor]:
    return {name: value[:REPLICATES] for name, value in tensors.items()}


def _cast(tensors: Weights, precision: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Copies, at a precision where they are no whole numbers."""
    kinds = {name: precision if value.is_floating_point() else value.dtype for name, value in tensors.items()}
    return {name: value.to(kinds[name], copy=True) for name, value in tensors.items()}


def _close(actual: Tensor, expected: Tensor, near: float) -> bool:
    if actual.shape != expected.shape:
        return False
    quickly = bool(((actual - expected).abs_() <= near).all())
    return quickly or torch.allclose(actual, expected, rtol=0, atol=near, equal_nan=True)


def _largest(values: Tensor) -> float:
    if not values.numel():
        return 0.0
    largest = float(values.abs().max())
    return largest if math.isfinite(largest) else float(values.nan_to_num(0, 0, 0).abs().max())


# ---------------------------------------------------------------- what is compared


def _at_once(network: ModuleNetwork, parameters: Weights, buffers: Weights, inputs: Tensor) -> list[Tensor]:
    size = len(next(iter(parameters.values())))
    shifted = torch.stack([inputs.roll(index, 0) for index in range(size)])
    trained = _trained(network, parameters, buffers, shifted, network.stacked_training_outputs)
    return [*trained, network.stacked_outputs(parameters, buffers, inputs)]


def _in_turn(network: ModuleNetwork, parameters: Weights, buffers: Weights, inputs: Tensor) -> list[Tensor]:
    def values(index: int) -> list[Tensor]:
        weights, moments = ({name: value[index] for name, value in part.items()} for part in (parameters, buffers))
        trained = _trained(network, weights, moments, inputs.roll(index, 0), network.training_outputs)
        return [*trained, network.outputs(weights, moments, inputs.clone())]

    size = len(next(iter(parameters.values())))
    return [torch.stack(replicates) for replicates in zip(*map(values, range(size)), strict=True)]


def _trained(
    network: ModuleNetwork, parameters: Weights, buffers: Weights, inputs: Tensor, forward: Callable[..., Tensor]
) -> list[Tensor]:
    """Outputs in training, the gradients of a weighted sum of each replicate's, and the buffers after that.

    Leaves the module in evaluation mode.
    """
    leaves = network.leaves(parameters)
    network.module.train()
    with torch.enable_grad():
        outputs = forward(leaves, buffers, inputs)
        scores = outputs.shape[-2:]
        weights = torch.arange(scores.numel(), device=outputs.device).sin().view(scores)
        gradients = gradients_of((outputs * weights).sum(), leaves)
    network.module.eval()
    reached = [gradient for gradient in gradients if gradient is not None]
    return [outputs.detach(), *reached, *(value.double() for value in buffers.values())]
