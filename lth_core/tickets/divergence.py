"""Divergence: replicates that left the finite numbers, and how far that reaches.

A replicate has diverged when, at some evaluation of its training, its loss or one of its weights is not finite; its
history has no accuracy from there on. Where the next mask would be made from such a training there is no next ticket:
the chain of that replicate has ended, those of the others go on. The headers of files of trained weights and of masks
list the replicates for which that is so under `diverged`. Masks of ended chains keep as many weights as the others, but
which ones means nothing; whatever starts from them starts from nan, so that no number comes out of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lth_core.tickets.rewinding import Ticket

History = Sequence[Mapping[str, Any]]
"""Rows of `replicate`, `loss`."""


def diverged(history: History, finite: Iterable[bool]) -> list[bool]:
    """Tell which replicates have diverged, by the losses of their history and by whether their weights are `finite`."""
    lost = {row["replicate"] for row in history if not math.isfinite(row["loss"])}
    return [index in lost or not known for index, known in enumerate(finite)]


def without_tickets(tickets: Ticket, ended: Sequence[bool]) -> Ticket:
    """Let those of stacked tickets (R, ...) whose chain has ended start from nan, with zeros where they are pruned."""
    weights = dict(tickets.weights)
    for name, value in weights.items() if any(ended) else ():
        if np.issubdtype(value.dtype, np.floating):
            nothing = np.where(tickets.mask[name], np.nan, 0) if name in tickets.mask else np.full(value.shape, np.nan)
            chosen = np.reshape(ended, (-1, *[1] * (value.ndim - 1)))
            weights[name] = np.where(chosen, nothing, value).astype(value.dtype)
    return replace(tickets, weights=weights)
