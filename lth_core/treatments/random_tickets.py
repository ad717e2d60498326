"""Random tickets that keep neither the positions nor the densities of layers (Morcos et al. 2019, Su et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from lth_core.pruning.smart_ratio import smart_ratio_counts
from lth_core.registry import treatment
from lth_core.storage.tensors import Tensors
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, apply_mask

if TYPE_CHECKING:
    from jaxtyping import Bool


@treatment("random-ticket", fresh=True)
def random_ticket(ticket: Ticket, checkpoints: BranchCheckpoints, rng: np.random.Generator) -> Ticket:
    """Permute the mask's positions over all of its layers together, on a fresh initialization.

    Layerwise densities are found by pruning: a control that keeps them (`random-mask-reinit`) knows something of the
    ticket already (Morcos et al. 2019, section 3).
    """
    mask = permuted(ticket.mask, rng)
    return replace(ticket, weights=apply_mask(checkpoints.fresh(), mask), mask=mask, first_step=0)


@treatment("smart-ratio")
def smart_ratio(
    ticket: Ticket,
    checkpoints: BranchCheckpoints,
    layers: Mapping[str, str],
    rng: np.random.Generator,
    depth_power: Annotated[float, Field(ge=0)] = 0.0,
    order: Literal["descending", "ascending"] = "descending",
) -> Ticket:
    """Put a random mask with the ticket's total on the ticket's starting values; layers keep less the deeper they are.

    Densities of layers follow smart ratios (Su et al. 2020): `depth_power` is 0 for ResNets and 2 for VGGs, the output
    layer keeps 30%. `ascending` turns the order round, as an ablation.
    """
    shapes = {name: ticket.mask[name].shape for name in layers}
    total = int(sum(kept.sum() for kept in ticket.mask.values()))
    counts = smart_ratio_counts(layers, shapes, total, depth_power=depth_power, ascending=order == "ascending")
    mask = {name: drawn(shapes[name], counts[name], rng) for name in ticket.mask}
    return replace(ticket, weights=apply_mask(checkpoints.start, mask), mask=mask)


def drawn(shape: tuple[int, ...], count: int, rng: np.random.Generator) -> Bool[np.ndarray, "*shape"]:
    """Draw a layer's mask with `count` positions, without replacement."""
    kept = np.zeros(shape, bool)
    kept.flat[rng.choice(kept.size, count, replace=False)] = True
    return kept


def permuted(mask: Tensors, rng: np.random.Generator) -> Tensors:
    """Permute the positions of all layers of a mask together, which keeps its number of weights."""
    positions = rng.permutation(np.concatenate([kept.ravel() for kept in mask.values()]))
    ends = np.cumsum([kept.size for kept in mask.values()])
    parts = np.split(positions, ends[:-1])
    return {name: part.reshape(mask[name].shape) for name, part in zip(mask, parts, strict=True)}
