"""Which cohorts of convolutions are trained on their kept weights alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from lth_core.engine.convolutions.network import BatchNorm, ConvolutionNetwork, Linear
from lth_core.engine.convolutions.reading import read_network
from lth_core.engine.convolutions.replicate import SparseConvolutions
from lth_core.engine.convolutions.workspace import LANES, Workspace
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Task

DENSEST = 0.5
"""Share of the multiplications that are left up to which a network is trained on its kept weights alone. Measured with
whole steps of Conv-2, Conv-6, ResNet-20 and VGG-16 on one core. It is one number for all networks: a choice by the
clock could take the other path, with other roundings, when a run is repeated."""
NEAR, FAR = 64, 256
PRICES = {NEAR: 1.25, FAR: 1.5, math.inf: 2.0}
"""How often a multiplication that is left counts in convolutions that read at most this many channels: more channels
find less in the nearest cache. Evaluations, of which dense ones gain more than steps do, are not slower either."""
NORMALIZED = 1.0
"""How often it counts instead where at most NEAR channels are read, in networks of batch norms: these, too, are faster
in the layout of the kernels, and those of fewer channels have more of them beside their multiplications."""
LINEAR = 2.0
"""How often it counts in linear layers, whose dense products are faster than those of convolutions."""


def sparse_convolutions(
    task: Task,
    parts: Sequence[Mapping[str, Tensor]],
    buffers: Sequence[Mapping[str, Tensor]],
    pruned: Tensors,
    always: bool = False,
) -> list[SparseConvolutions]:
    """Make the replicates of a cohort, given their tensors, buffers, and masks (R, ...).

    There are none where it does not pay, unless `always` is asked for.
    """
    values = [value for part in parts for value in part.values()]
    if any(value.device.type != "cpu" or value.dtype != torch.float32 for value in values):
        return []
    (batch,) = task.sample_batches("validation", task.share.processes)  # one for each
    network = read_network(task.module, batch.inputs.shape[1:])
    examples = -(-task.recipe.batch_size // task.share.processes)
    if network is None or not (always or pays(network, parts[0], pruned, examples)):
        return []
    workspace = Workspace(network, examples)
    masks = [{name: kept[index] for name, kept in pruned.items()} for index in range(len(parts))]
    return [SparseConvolutions(workspace, task.module, *tensors) for tensors in zip(parts, buffers, masks, strict=True)]


def pays(
    network: ConvolutionNetwork, weights: Mapping[str, Tensor], pruned: Mapping[str, np.ndarray], examples: int
) -> bool:
    """Tell whether few enough multiplications are left, given one replicate's weights and the masks (R, ...) of all.

    A batch is padded to a multiple of LANES examples, whose multiplications are counted.
    """
    normalized = any(isinstance(step, BatchNorm) for step in network.steps)
    prices = PRICES | ({NEAR: NORMALIZED} if normalized else {})
    left = total = 0.0
    for step in network.weighted:
        pixels, weight = prod(network.shapes[step.target][1:]), weights[step.weight]
        mask = pruned.get(step.weight)
        kept = 1 if mask is None else np.count_nonzero(mask) / mask.size
        channels = network.shapes[step.source][0]
        price = LINEAR if isinstance(step, Linear) else next(prices[most] for most in prices if channels <= most)
        total += pixels * weight.numel()
        left += pixels * weight.numel() * kept * price
    padded = -(-examples // LANES) * LANES
    return left * padded <= DENSEST * total * examples
