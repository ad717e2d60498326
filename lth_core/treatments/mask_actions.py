"""Mask-1 and mask-0 actions: what becomes of kept and of pruned weights (Zhou et al. 2019, sections 3 and 4).

Applied to every ticket of a chain (`treatment` of a method), they are what the next mask is found under. The paper's
action on kept weights `reshuffle` is the treatment `shuffle` within layers.

At every level an action starts from the method's own starting weights, theta_0 or theta_k. The authors' code applies it
to what the level before started from, so that actions pile up. For pruned weights and for redrawn values that comes to
the same; but values that are reshuffled, and signs that are not kept, would be those that the kept positions had after
the action of the level before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from lth_core.registry import treatment
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, apply_mask

if TYPE_CHECKING:
    from jaxtyping import Bool


@treatment("freeze-init")
def freeze_init(
    ticket: Ticket,
    checkpoints: BranchCheckpoints,
    rng: np.random.Generator,
    zero: Literal["none", "toward-zero", "all-toward-zero", "away-from-zero", "random"] = "none",
) -> Ticket:
    """Freeze pruned weights at the values that the ticket starts from, except those that `zero` sets to 0.

    `toward-zero`: pruned ones whose magnitude fell in the training that the mask was made from (the paper's variant 1);
    `all-toward-zero`: these, and kept ones whose magnitude fell start from 0, too (variant 2). Controls:
    `away-from-zero` (pruned ones whose magnitude rose) and `random` (of the pruned ones as many as with `toward-zero`).
    Weights that a treatment has started from 0 before do so again.
    """
    weights = dict(ticket.weights)
    for name, kept in ticket.mask.items():
        before, after = np.abs(checkpoints.trained_from[name]), np.abs(checkpoints.trained[name])
        was_zero, pruned = before == 0, ~kept
        if zero == "none":
            zeroed = np.zeros_like(kept)
        elif zero == "all-toward-zero":
            zeroed = was_zero | (after < before)
        elif zero == "away-from-zero":
            zeroed = pruned & (was_zero | (after > before))
        else:
            zeroed = pruned & (was_zero | (after < before))
        if zero == "random":
            zeroed = _elsewhere(zeroed, pruned, pruned & was_zero, rng)
        weights[name] = np.where(zeroed, 0, checkpoints.start[name])
    return replace(ticket, weights=weights)


@treatment("redraw")
def redraw(
    ticket: Ticket, checkpoints: BranchCheckpoints, rng: np.random.Generator, keep_signs: bool = False
) -> Ticket:
    """Start kept weights from values of the layer's whole starting tensor, kept and pruned, permuted.

    With `keep_signs` every position keeps its sign.
    """
    drawn = {}
    for name in ticket.mask:
        start = checkpoints.start[name]
        values = rng.permutation(start.ravel()).reshape(start.shape)
        drawn[name] = np.copysign(values, ticket.weights[name]) if keep_signs else values
    return replace(ticket, weights=ticket.weights | apply_mask(drawn, ticket.mask))


@treatment("constant")
def constant(
    ticket: Ticket, checkpoints: BranchCheckpoints, rng: np.random.Generator, keep_signs: bool = False
) -> Ticket:
    """Start kept weights from plus or minus the standard deviation of theta_0 in their layer.

    Their signs are permuted among them; with `keep_signs` every position keeps its sign.
    """
    constants = {}
    for name, kept in ticket.mask.items():
        signs = ticket.weights[name].copy()
        if not keep_signs:
            signs[kept] = rng.permutation(signs[kept])
        constants[name] = np.copysign(checkpoints.initial[name].std(), signs)
    return replace(ticket, weights=ticket.weights | apply_mask(constants, ticket.mask))


def _elsewhere(
    chosen: Bool[np.ndarray, "*layer"],
    allowed: Bool[np.ndarray, "*layer"],
    fixed: Bool[np.ndarray, "*layer"],
    rng: np.random.Generator,
) -> Bool[np.ndarray, "*layer"]:
    """As many positions as are `chosen`, at random among the `allowed` ones, the `fixed` among them always."""
    moved = fixed.copy()
    free = np.flatnonzero(allowed & ~fixed)
    moved.flat[rng.choice(free, chosen.sum() - fixed.sum(), replace=False)] = True
    return moved
