"""Warm starts that forget a part of what they know (Ash & Adams 2020, arXiv 1910.08475)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from lth_core.registry import treatment
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, apply_mask

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""What batch norm keeps besides its parameters."""


@treatment("shrink-perturb", fresh=True)
def shrink_perturb(
    ticket: Ticket,
    checkpoints: BranchCheckpoints,
    shrink: Annotated[float, Field(gt=0, le=1)] = 0.6,
    noise: Annotated[float, Field(ge=0)] = 0.01,
) -> Ticket:
    """Start from `shrink` times the ticket's weights plus `noise` times a fresh initialization, trained from step 0.

    All parameters are shrunk, biases included; statistics of batch norm stay. Shrinking keeps the predictions of a ReLU
    network without biases: L layers multiply its outputs by the L-th power of `shrink`.
    """
    fresh = checkpoints.fresh()
    weights = {
        name: value if name.endswith(STATISTICS) else np.asarray(shrink * value + noise * fresh[name], value.dtype)
        for name, value in ticket.weights.items()
    }
    return replace(ticket, weights=apply_mask(weights, ticket.mask), first_step=0)
