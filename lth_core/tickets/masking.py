"""Masks on a module of anyone's: pruned weights that stay zero in any training."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from lth_core.tickets.loading import TicketError


class Mask(nn.Module):
    """A parametrization: the weights where the mask is True, and zero elsewhere."""

    kept: Tensor

    def __init__(self, kept: Tensor):
        super().__init__()
        self.register_buffer("kept", kept)

    def forward(self, weights: Tensor) -> Tensor:
        return torch.where(self.kept, weights, 0)

    def right_inverse(self, weights: Tensor) -> Tensor:
        """Take what is assigned to the weights; what the mask prunes of it is not used."""
        return weights


def prune_masks(module: nn.Module, mask: Mapping[str, Tensor], overwrite: bool = False) -> nn.Module:
    """Put the mask on the module's weights, in place, so that pruned ones stay zero in anyone's training; returns it.

    Each masked tensor becomes a parametrization of `torch.nn.utils.parametrize`: it is computed wherever it is used, by
    attention too, which takes its layers' weights without calling them. `parametrize.remove_parametrizations(layer,
    "weight")` makes it permanent. Raises TicketError, and changes nothing, for a mask of another network, and for
    weights that this would set to zero, unless they are to be overwritten: frozen ones are part of their ticket.
    """
    parameters = dict(module.named_parameters())
    for name, kept in mask.items():
        if name not in parameters:
            raise TicketError(f"{name} is not a weight of this module: it needs the mask of its own training")
        weights = parameters[name]
        if kept.shape != weights.shape or kept.dtype != torch.bool:
            sizes = f"{kept.dtype} of shape {tuple(kept.shape)}"
            raise TicketError(f"the mask of {name} must be torch.bool of shape {tuple(weights.shape)}, not {sizes}")
        if not overwrite and weights[~kept.to(weights.device)].any():
            raise TicketError(
                f"{name} has other values than zero outside of the mask, as frozen weights have; "
                "overwrite=True sets them to zero"
            )
    for name, kept in mask.items():
        for layer, attribute in _holders(module, parameters[name]):
            parametrize.register_parametrization(layer, attribute, Mask(kept.to(parameters[name].device)))
    return module


def _holders(module: nn.Module, weights: Tensor) -> list[tuple[nn.Module, str]]:
    """List the layers that hold a parameter, and under which name: several where it is shared."""
    return [
        (layer, name)
        for layer in module.modules()
        for name, value in layer.named_parameters(recurse=False, remove_duplicate=False)
        if value is weights
    ]
