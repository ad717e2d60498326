"""Random tickets as Morcos et al. 2019 draw them, who keep neither the positions nor the densities of the layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lth_core.registry import treatment
from lth_core.storage.tensors import Tensors
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, apply_mask


@treatment("random-ticket")
def random_ticket(ticket: Ticket, checkpoints: BranchCheckpoints, rng: np.random.Generator) -> Ticket:
    """Permute the mask's positions over all of its layers together, on a fresh initialization.

    Layerwise densities are found by pruning: a control that keeps them (`random-mask-reinit`) knows something of the
    ticket already (Morcos et al. 2019, section 3).
    """
    mask = permuted(ticket.mask, rng)
    return replace(ticket, weights=apply_mask(checkpoints.fresh(), mask), mask=mask, first_step=0)


def permuted(mask: Tensors, rng: np.random.Generator) -> Tensors:
    """Permute the positions of all layers of a mask together, which keeps its number of weights."""
    positions = rng.permutation(np.concatenate([kept.ravel() for kept in mask.values()]))
    ends = np.cumsum([kept.size for kept in mask.values()])
    parts = np.split(positions, ends[:-1])
    return {name: part.reshape(mask[name].shape) for name, part in zip(mask, parts, strict=True)}
