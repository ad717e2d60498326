"""The channels of a network that can be removed, as theta_0's header lists them for methods that prune channels.

A group is one set of channels that live and die together: rows of the layers that compute them, their batch norms, and
columns of the layers that read them, through residual sums and concatenations; also the heads of attention. It is
proved that a network whose removed channels have zero rows and columns computes what the smaller network does, whatever
batch norm adds to a removed channel.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from lth_core.models.groups import Group, TensorAxis, rows_and_columns
from lth_core.models.layers import batch_norm_scales
from lth_core.models.obstacles import obstacle
from lth_core.models.shrinking import TOLERANCE, known_groups, proof_inputs, take_out
from lth_core.models.unit_tracing import named_tensors
from lth_core.randomness import random_generator
from lth_core.registry import one_line


class ChannelsError(ValueError):
    """A network whose channels cannot be removed, in one line."""


def removable_channels(module: nn.Module, input_shape: Sequence[int]) -> list[dict[str, Any]]:
    """List the groups of a network for inputs of the shape of one example, each with its `size` in channels.

    `rows` and `columns` list where they lie: the name of a weight, how many entries each channel has there, which
    follow one another, and the index of the first one. `scales` lists their scales of batch norm likewise. Raises
    ChannelsError where nothing is known or proved.
    """
    groups = known_groups(module, input_shape)
    if groups is None:
        raise ChannelsError(
            f"this network cannot be traced with inputs of shape {tuple(input_shape)}, so it is not known which "
            f"layers read which channels: they are not followed through {obstacle(module, input_shape)}; replace that "
            "by linear layers, convolutions without groups or batch norm, or prune single weights (granularity: weight)"
        )
    axes_of, scales = {name: tensor.ndim for name, tensor in named_tensors(module)}, batch_norm_scales(module)
    listed, removable = [], []
    for group in groups:
        rows, columns = rows_and_columns(group, axes_of)
        if rows and columns and group.size > 1:
            norms = [along for along in group.axes if along.tensor in scales]
            parts = {"rows": rows, "columns": columns, "scales": norms}
            listed.append({"size": group.size} | {name: _plain(axes) for name, axes in parts.items()})
            removable.append(group)
    _prove(module, input_shape, removable)
    return listed


def _plain(axes: Sequence[TensorAxis]) -> list[tuple[str, int, int]]:
    return [(along.tensor, along.repeats, along.first) for along in axes]


def _prove(module: nn.Module, input_shape: Sequence[int], groups: Sequence[Group]) -> None:
    """Compare a network without some channels of every group to one where they are masked. Raises ChannelsError."""
    training, rng = module.training, random_generator(0, "channels")
    try:
        masked = copy.deepcopy(module).eval().double()
        axes_of = {name: tensor.ndim for name, tensor in named_tensors(masked)}
        removed = [rng.permutation(group.size)[: group.size // 2] for group in groups]
        inputs = proof_inputs(input_shape).to(next(masked.parameters()).device)
        with torch.no_grad():
            _randomize(masked, rng)
            for group, units in zip(groups, removed, strict=True):
                for along in (part for parts in rows_and_columns(group, axes_of) for part in parts):
                    entries = torch.from_numpy(along.entries(units)).to(inputs.device)
                    masked.get_parameter(along.tensor).index_fill_(along.axis, entries, 0)
            small = copy.deepcopy(masked)
            take_out(small, groups, removed)
            expected, actual = masked(inputs), small(inputs)
        difference = (actual - expected).abs().max()
    except Exception as error:  # whatever a user's module does that smaller layers do not survive
        raise ChannelsError(f"this network cannot be made smaller ({one_line(error)})") from error
    finally:
        module.train(training)
    if not difference <= TOLERANCE * (1 + expected.abs().max()):
        raise ChannelsError(f"without channels this network would compute something else (by {difference:.2g})")


def _randomize(module: nn.Module, rng: np.random.Generator) -> None:
    """Let biases and the statistics, scales and shifts of batch norm differ from 0 and 1, so that they matter."""
    for _, tensor in named_tensors(module):
        if tensor.is_floating_point() and tensor.ndim == 1:
            tensor.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, tensor.shape)))
