"""Criteria by second derivatives of the loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from lth_core.pruning.probe import Probe
from lth_core.registry import criterion
from lth_core.storage.tensors import Tensors

if TYPE_CHECKING:
    from torch import Tensor


@criterion("grasp", prune_at=0, passes=12, signed=True)
def grasp(
    mask: Tensors,
    probe: Probe,
    examples_per_class: PositiveInt = 10,
    batch_size: PositiveInt = 256,
    temperature: PositiveFloat = 200.0,
) -> dict[str, Tensor]:
    """w * H g at theta_0, so that the gradient flow g'g falls least (GraSP; Wang et al. 2020, equation 8 negated).

    H is the Hessian of the loss, g its gradient, both of outputs divided by `temperature`. `examples_per_class`
    training examples are drawn, and read in batches of at most `batch_size`.
    """
    weights, batches = probe.weights, probe.batches(examples_per_class, batch_size)
    gradient = _mean(probe.gradient(weights, batch, temperature) for batch in batches)
    flow = _mean(probe.hessian_product(weights, batch, gradient, temperature) for batch in batches)
    return {name: weights[name] * flow[name] for name in mask}


@criterion("obd", passes=9, signed=True)
def obd(
    mask: Tensors,
    probe: Probe,
    rng: np.random.Generator,
    examples_per_class: PositiveInt = 10,
    batch_size: PositiveInt = 256,
    samples: PositiveInt = 100,
) -> dict[str, Tensor]:
    """w^2 h / 2 of trained weights: what the loss rises without the weight at a minimum (LeCun et al. 1990, section 2).

    h is the diagonal of the Hessian H, the mean of v * H v over `samples` random vectors v of 1 and -1 (Hutchinson's
    estimate; Bekas et al. 2007, section 1). `examples_per_class` training examples are drawn, and read in batches of at
    most `batch_size`.
    """
    weights, batches = probe.weights, probe.batches(examples_per_class, batch_size)

    def product() -> dict[str, Tensor]:
        signs = {name: _signs(weights[name], rng) for name in mask}
        curved = _mean(probe.hessian_product(weights, batch, signs) for batch in batches)
        return {name: signs[name] * curved[name] for name in mask}

    diagonal = _mean(product() for _ in range(samples))
    return {name: weights[name] ** 2 * diagonal[name] / 2 for name in mask}


def _signs(like: Tensor, rng: np.random.Generator) -> Tensor:
    """Draw 1 or -1 for every weight."""
    return like.new_tensor(rng.integers(0, 2, like.shape) * 2 - 1)


def _mean(values: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Average tensors by name, one after the other: all at once would fill the memory."""
    total: dict[str, Tensor] = {}
    for count, value in enumerate(values, start=1):
        for name, tensor in value.items():
            total[name] = total[name] + (tensor - total[name]) / count if count > 1 else tensor
    return total
