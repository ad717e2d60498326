"""Treatments of a part of a network, such as one of two players."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Literal

from lth_core.registry import treatment
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, apply_mask
from lth_core.tickets.treated import TreatmentError


@treatment("part-from")
def part_from(
    ticket: Ticket, checkpoints: BranchCheckpoints, part: str, weights: Literal["initial", "trained", "fresh"]
) -> Ticket:
    """Start a part of the network from other weights, under the same mask; the rest stays the ticket's.

    `part` is a pattern of names, such as `discriminator.*`; biases and buffers count, too. `weights` are theta_0, those
    that the mask was made from (`trained`: of the training before), or a fresh initialization. So Chen et al. (2021)
    ask what the discriminator of a pruned generator must start from. Raises TreatmentError where no name matches.
    """
    names = [name for name in ticket.weights if fnmatchcase(name, part)]
    if not names:
        known = ", ".join(ticket.weights)
        raise TreatmentError(f"treatment 'part-from': part '{part}' matches no weight of the network ({known})")
    others = {
        "initial": lambda: checkpoints.initial,
        "trained": lambda: checkpoints.trained,
        "fresh": checkpoints.fresh,
    }
    source = others[weights]()
    return replace(ticket, weights=apply_mask(ticket.weights | {name: source[name] for name in names}, ticket.mask))
