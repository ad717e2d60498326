"""The control of methods that prune whole channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lth_core.pruning.channels import Channels
from lth_core.registry import treatment
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, apply_mask
from lth_core.tickets.treated import TreatmentError


@treatment("random-channels")
def random_channels(
    ticket: Ticket, checkpoints: BranchCheckpoints, channels: Sequence[Channels], rng: np.random.Generator
) -> Ticket:
    """Keep random channels, as many of every group as the ticket does, at the ticket's starting values.

    Raises TreatmentError for a ticket that does not lack whole channels only.
    """
    same, mask = ({name: np.ones_like(kept) for name, kept in ticket.mask.items()} for _ in range(2))
    for group in channels:
        if all(name in ticket.mask for name in group.producers):
            surviving = group.surviving(ticket.mask)
            if not surviving.all():
                group.remove(same, surviving)
                group.remove(mask, rng.permutation(surviving))
    if not all(np.array_equal(same[name], kept) for name, kept in ticket.mask.items()):
        raise TreatmentError("treatment 'random-channels' needs masks of whole channels: use granularity 'channel'")
    return replace(ticket, weights=apply_mask(checkpoints.start, mask), mask=mask)
