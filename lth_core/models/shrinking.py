"""Shrinking: a network with whole filters or neurons pruned -> a smaller dense module that computes the same.

Hidden units come from the symmetries of the network: a unit is a row of one layer, its bias, its entries of batch norm,
and columns of the layers that consume it. Units of a residual sum are rows of all layers that are added there. A unit
whose columns are zero is read by nothing and goes, whatever its rows and its batch norm make of it. A unit whose row is
zero has a constant output, c = ReLU(bias) or what batch norm makes of 0, which must not be lost with it. A linear
consumer takes the constants into its bias. A convolution pads with zeros, which no bias can imitate: one of the
constant units stays and stands for all of them, its columns being the sum of theirs, each weighted by c. Where several
layers make or read a unit, one that is read stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from lth_core.models.folding import folded
from lth_core.models.groups import Group, TensorAxis, rows_and_columns
from lth_core.models.inputs import TokenShape, zeros
from lth_core.models.symmetries import symmetries
from lth_core.models.unit_tracing import named_tensors

TOLERANCE = 1e-9
"""Of the proof, in double precision: the largest difference between outputs, in proportion to the largest output."""


class ShrinkingError(ValueError):
    """A network that cannot be shrunk, in one line."""


def shrink(module: nn.Module, input_shape: Sequence[int]) -> nn.Module:
    """Build a smaller copy of the module, in evaluation mode, without the units that its zeros make superfluous.

    `input_shape` is that of one example, such as (C, H, W), and a TokenShape of texts and of nodes. The outputs are
    those of the module in evaluation mode: proved in double precision on random inputs before it is returned. Masks and
    other parametrizations are made permanent. Raises ShrinkingError for a network that cannot be traced or cannot be
    smaller.
    """
    try:
        small = folded(module)
        groups = known_groups(small, input_shape)
        if groups is None:
            plain = len(input_shape) < 2 and not isinstance(input_shape, TokenShape)
            hint = " (tokens or nodes would need a TokenShape)" if plain else ""
            raise ShrinkingError(
                f"this network cannot be traced with inputs of shape {tuple(input_shape)}{hint}, so it is not known "
                "which layers consume which units"
            )
        dtype = next(value.dtype for value in small.state_dict().values() if value.is_floating_point())
        return _without_superfluous_units(small.double(), groups, input_shape).to(dtype)
    except (ShrinkingError, MemoryError):
        raise
    except Exception as error:  # whatever a user's module does that smaller layers do not survive
        reason = next(iter(str(error).strip().splitlines()), "")
        raise ShrinkingError(f"this network cannot be shrunk ({type(error).__name__}: {reason})") from error


def known_groups(module: nn.Module, input_shape: Sequence[int]) -> list[Group] | None:
    """List the groups of a network's units as far as they are known; None where that says nothing of any."""
    groups = symmetries(module, input_shape)
    return groups if groups is not None else symmetries(module, input_shape, partly=True) or None


def _without_superfluous_units(small: nn.Module, groups: Sequence[Group], input_shape: Sequence[int]) -> nn.Module:
    """Take the superfluous units of all groups out of the module, in place, and prove its outputs."""
    inputs = proof_inputs(input_shape).to(next(small.parameters()).device)
    with torch.no_grad():
        expected = small(inputs)
        take_out(small, groups, [_superfluous(small, group, inputs) for group in groups])
        difference = (small(inputs) - expected).abs().max()
    if not difference <= TOLERANCE * (1 + expected.abs().max()):
        raise ShrinkingError(f"the smaller network would compute something else (outputs differ by {difference:.2g})")
    return small


def consumers_of(module: nn.Module, input_shape: Sequence[int]) -> dict[str, tuple[str, int]] | None:
    """Map the weights whose rows (filters, neurons) can be taken out to the weight that reads them and columns per row.

    Filters that enter a residual sum, or that several layers read, cannot. None for a network that cannot be traced.
    `input_shape` is (C, H, W).
    """
    groups = symmetries(module, input_shape)
    if groups is None:
        return None
    removable = {}
    for group in groups:
        producers, consumers = _producers_and_consumers(module, group)
        if len(producers) == len(consumers) == 1:
            columns = _tensor(module, consumers[0]).shape[1]
            if columns == group.size * consumers[0].repeats:  # and no others beside them
                removable[producers[0].tensor] = (consumers[0].tensor, consumers[0].repeats)
    return removable


def _superfluous(module: nn.Module, group: Group, inputs: Tensor) -> np.ndarray:
    """List the units of a group that can go; whatever else they give is given to the consumer's bias, in place."""
    producers, consumers = _producers_and_consumers(module, group)
    if not consumers:
        return np.array([], int)
    columns = [_columns(module, along, group.size) for along in consumers]
    unread = ~torch.stack([part.flatten(2).any(dim=2).any(dim=0) for part in columns]).any(dim=0)
    removed = unread
    if len(producers) == len(consumers) == 1:
        removed = unread | _made_constant(module, producers[0], consumers[0], unread, inputs)
    for part in columns:
        part[:, removed] = 0
    if removed.all():  # a layer has at least one unit
        removed[0] = False
    return removed.nonzero().flatten().cpu().numpy()


def _made_constant(
    module: nn.Module, producer: TensorAxis, along: TensorAxis, unread: Tensor, inputs: Tensor
) -> Tensor:
    """Give the consumer what the units without rows always add to it; tells which units are superfluous then."""
    consumer, size = module.get_submodule(_layer(along)), len(unread)
    columns = _columns(module, along, size)
    silent = ~_tensor(module, producer).flatten(1).any(dim=1) & ~unread
    if not silent.any():
        return silent
    constants, constant = _outputs(module, consumer, along, size, inputs)
    removed = silent & constant
    given = constants * removed
    if isinstance(consumer, nn.Linear):
        shift = (columns * given[None, :, None]).sum(dim=(1, 2))
        if shift.any():
            bias = 0 if consumer.bias is None else consumer.bias
            consumer.bias = nn.Parameter(bias + shift)
    elif given.any():
        carrier = int(given.abs().argmax())
        columns[:, carrier] = (columns * (given / given[carrier])[None, :, None]).sum(dim=1)
        removed[carrier] = False
    return removed


def _producers_and_consumers(module: nn.Module, group: Group) -> tuple[list[TensorAxis], list[TensorAxis]]:
    """The weights that a group's units are rows of, and those that they are columns of."""
    return rows_and_columns(group, {along.tensor: _tensor(module, along).ndim for along in group.axes})


def _outputs(
    module: nn.Module, consumer: nn.Module, along: TensorAxis, size: int, inputs: Tensor
) -> tuple[Tensor, Tensor]:
    """Per unit, its output as the consumer sees it (at one position), and whether it is the same at all positions."""
    seen: list[Tensor] = []
    handle = consumer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].detach()))
    module(inputs)
    handle.remove()
    values = seen[0].flatten(0, -2) if isinstance(consumer, nn.Linear) else seen[0]
    values = values[:, along.first : along.first + size * along.repeats]
    units = values.reshape(len(values), size, -1).transpose(0, 1).flatten(1)
    return units[:, 0], (units - units[:, :1]).abs().amax(dim=1) <= 1e-12 * (1 + units[:, 0].abs())


def _columns(module: nn.Module, along: TensorAxis, size: int) -> Tensor:
    """A view of a consumer's weight: (outputs, units, what each output takes from an entry of a unit, ...)."""
    weight = _tensor(module, along).data
    return weight[:, along.first : along.first + size * along.repeats].view(len(weight), size, -1)


def take_out(module: nn.Module, groups: Sequence[Group], units: Sequence[np.ndarray]) -> None:
    """Remove units of every group from all their tensors, in place, and from what the layers know of their sizes."""
    for (tensor, axis), kept in kept_entries(module, groups, units).items():
        layer, name = module.get_submodule(tensor.rpartition(".")[0]), tensor.rpartition(".")[2]
        before = getattr(layer, name)
        smaller = before.data.index_select(axis, torch.from_numpy(kept).to(before.device)).clone()
        if name in layer._buffers:
            setattr(layer, name, smaller)
        else:
            setattr(layer, name, nn.Parameter(smaller, before.requires_grad))
        _resize(layer)
    for group, removed in zip(groups, units, strict=True):
        for path in group.heads:
            module.get_submodule(path).heads -= len(removed)  # pyright: ignore[reportOperatorIssue]


def kept_entries(
    module: nn.Module, groups: Sequence[Group], units: Sequence[np.ndarray]
) -> dict[tuple[str, int], np.ndarray]:
    """List what is left of every tensor along every axis, without the given units of every group."""
    removed: dict[tuple[str, int], list[np.ndarray]] = {}
    for group, gone in zip(groups, units, strict=True):
        for along in group.axes if len(gone) else ():
            removed.setdefault((along.tensor, along.axis), []).append(along.entries(gone))
    tensors = dict(named_tensors(module))
    return {
        (name, axis): np.delete(np.arange(tensors[name].shape[axis]), np.concatenate(entries))
        for (name, axis), entries in removed.items()
    }


def _resize(layer: Any) -> None:
    """Tell a layer how many units its tensors are of."""
    if isinstance(layer, _BatchNorm):
        sized = layer.running_mean if layer.weight is None else layer.weight
        layer.num_features = layer.num_features if sized is None else len(sized)
    elif isinstance(layer, _ConvNd):
        if layer.groups > 1:  # depthwise
            layer.groups = layer.weight.shape[0] // (layer.out_channels // layer.groups)
        layer.out_channels, layer.in_channels = layer.weight.shape[0], layer.weight.shape[1] * layer.groups
    elif isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = layer.weight.shape


def proof_inputs(input_shape: Sequence[int]) -> Tensor:
    """Make four random examples in double precision; of tokens the first one."""
    if isinstance(input_shape, TokenShape):
        return zeros(input_shape, 4)
    return torch.randn(4, *input_shape, generator=torch.Generator().manual_seed(0)).double()


def _layer(along: TensorAxis) -> str:
    return along.tensor.rpartition(".")[0]


def _tensor(module: nn.Module, along: TensorAxis) -> Tensor:
    return getattr(module.get_submodule(_layer(along)), along.tensor.rpartition(".")[2])
