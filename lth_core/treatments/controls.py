"""The controls that most papers compare tickets with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lth_core.registry import treatment
from lth_core.storage.tensors import Tensors
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, apply_mask


@treatment("ticket")
def unchanged(ticket: Ticket) -> Ticket:
    """Return the ticket itself, for example to train it on another data order."""
    return ticket


@treatment("reset")
def reset(ticket: Ticket, checkpoints: BranchCheckpoints) -> Ticket:
    """Put the mask on theta_0: how strategy 2 measures its masks (Frankle & Carbin 2019, appendix B)."""
    return replace(ticket, weights=apply_mask(checkpoints.initial, ticket.mask), first_step=0)


@treatment("reinit", fresh=True)
def reinit(ticket: Ticket, checkpoints: BranchCheckpoints) -> Ticket:
    """Put the mask on a fresh initialization, trained from step 0."""
    return replace(ticket, weights=apply_mask(checkpoints.fresh(), ticket.mask), first_step=0)


@treatment("random-mask")
def random_mask(ticket: Ticket, checkpoints: BranchCheckpoints, rng: np.random.Generator) -> Ticket:
    """Put a random mask with the ticket's count in every layer on the ticket's starting values."""
    mask = shuffled(ticket.mask, rng)
    return replace(ticket, weights=apply_mask(checkpoints.start, mask), mask=mask)


@treatment("random-mask-reinit", fresh=True)
def random_mask_reinit(ticket: Ticket, checkpoints: BranchCheckpoints, rng: np.random.Generator) -> Ticket:
    """Put a random mask with the ticket's count in every layer on a fresh initialization."""
    mask = shuffled(ticket.mask, rng)
    return replace(ticket, weights=apply_mask(checkpoints.fresh(), mask), mask=mask, first_step=0)


@treatment("redraw-kept")
def redraw_kept(ticket: Ticket, checkpoints: BranchCheckpoints, rng: np.random.Generator) -> Ticket:
    """Redraw values, layer by layer, from the initial values of the kept weights (Frankle & Carbin 2019, F.3)."""
    weights = dict(checkpoints.initial)
    for name, kept in ticket.mask.items():
        values = weights[name][kept]
        drawn = np.zeros_like(weights[name])
        drawn[kept] = rng.choice(values, size=values.size)
        weights[name] = drawn
    return replace(ticket, weights=weights, first_step=0)


def shuffled(mask: Tensors, rng: np.random.Generator) -> Tensors:
    """Permute the positions of every layer of a mask, which keeps its counts."""
    return {name: rng.permutation(kept.ravel()).reshape(kept.shape) for name, kept in mask.items()}
