"""Rewinding: the weights that a ticket starts from.

Which file holds them (theta_0, theta_k, the training before) says `planning/chains.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lth_core.config import Rewind
from lth_core.storage.tensors import Tensors


@dataclass(frozen=True)
class Ticket:
    """A mask and starting weights (parameters and buffers).

    Training changes the weights where the mask is True (and those without a mask). The others keep their starting
    values: 0 where they are pruned, any other value where they are frozen.

    Training goes from `first_step` to the end of the schedule, on data order 0 before step `order_from` and on `order`
    from then on.
    """

    weights: Tensors
    mask: Tensors
    first_step: int = 0
    order: int = 0
    order_from: int = 0
    last_rate: bool = False
    """Trained at the last rate of the schedule throughout."""


def apply_mask(weights: Tensors, mask: Tensors) -> Tensors:
    """Set weights to exactly 0 where their mask is False; tensors without a mask stay as they are."""
    return {
        name: np.where(mask[name], value, np.zeros((), value.dtype)) if name in mask else value  # nan is pruned, too
        for name, value in weights.items()
    }


def rewind(policy: Rewind, start: Tensors, mask: Tensors) -> Ticket:
    """Make the ticket of a mask on the weights and buffers that the policy goes back to.

    `start` is theta_0 (reset), theta_k of the dense run (rewind) or what was trained before (lr-rewind, fine-tune). The
    schedule resumes at the policy's step, or stays at its last rate (Renda et al. 2020, section 2). The optimizer's
    state starts afresh in each case.
    """
    return Ticket(apply_mask(start, mask), mask, policy.step, last_rate=policy.last_rate)
