"""Perturbations of what a ticket starts from (Frankle, Schwab & Morcos 2020).

The kept weights of the mask's layers are changed; biases, the parameters and statistics of batch norm, layers that are
never pruned and the point in the schedule stay those of the ticket's rewind step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from lth_core.registry import treatment
from lth_core.storage.tensors import Tensors
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@treatment("sign-magnitude")
def sign_magnitude(
    ticket: Ticket,
    checkpoints: BranchCheckpoints,
    signs: Literal["initial", "start"],
    magnitudes: Literal["initial", "start", "fresh"],
) -> Ticket:
    """Take signs and magnitudes from theta_0 (`initial`), from the ticket's start, or from a fresh initialization."""
    sources = {"initial": lambda: checkpoints.initial, "start": lambda: checkpoints.start, "fresh": checkpoints.fresh}
    sign, magnitude = (_kept(sources[name](), ticket.mask) for name in (signs, magnitudes))
    return _with_kept(ticket, np.copysign(magnitude, sign))


@treatment("shuffle")
def shuffle(
    ticket: Ticket,
    rng: np.random.Generator,
    within: Literal["network", "layer", "filter"],
    keep_signs: bool = False,
) -> Ticket:
    """Permute the kept values within the network, each layer or each filter (a row of a linear layer's weight).

    With `keep_signs` the magnitudes are permuted and every position keeps its sign.
    """
    values, groups = _kept(ticket.weights, ticket.mask), _groups(ticket.mask, within)
    order = np.lexsort((rng.random(len(values)), groups))  # groups rise already: each is put in a random order
    shuffled = np.copysign(values[order], values) if keep_signs else values[order]
    return _with_kept(ticket, shuffled)


@treatment("gaussian-noise")
def gaussian_noise(
    ticket: Ticket,
    checkpoints: BranchCheckpoints,
    rng: np.random.Generator,
    scale: Annotated[float, Field(gt=0)],
) -> Ticket:
    """Add Gaussian noise of `scale` times the standard deviation of all of theta_0's values in the layer."""
    deviations = [
        np.full(kept.sum(), checkpoints.initial[name].std(dtype=np.float64)) for name, kept in ticket.mask.items()
    ]
    values = _kept(ticket.weights, ticket.mask)
    return _with_kept(ticket, values + scale * np.concatenate(deviations) * rng.standard_normal(len(values)))


def _kept(weights: Tensors, mask: Tensors) -> Float[np.ndarray, " kept"]:
    """The kept values of all layers of the mask in one vector, in its order."""
    return np.concatenate([weights[name][kept] for name, kept in mask.items()])


def _with_kept(ticket: Ticket, values: Float[np.ndarray, " kept"]) -> Ticket:
    """The ticket with other kept values, given as `_kept` lists them."""
    weights = dict(ticket.weights)
    ends = np.cumsum([kept.sum() for kept in ticket.mask.values()])
    for (name, kept), part in zip(ticket.mask.items(), np.split(values, ends[:-1]), strict=True):
        weights[name] = np.zeros_like(weights[name])
        weights[name][kept] = part
    return replace(ticket, weights=weights)


def _groups(mask: Tensors, within: str) -> Int[np.ndarray, " kept"]:
    """Per kept value, in the order of `_kept`, the number of the group that it is permuted in; numbers rise."""
    if within == "network":
        sizes = [sum(kept.sum() for kept in mask.values())]
    elif within == "layer":
        sizes = [kept.sum() for kept in mask.values()]
    else:
        sizes = np.concatenate([kept.reshape(len(kept), -1).sum(axis=1) for kept in mask.values()])
    return np.repeat(np.arange(len(sizes)), sizes)
