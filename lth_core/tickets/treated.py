"""What a treatment returns: a ticket of the same network, or one line that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lth_core.registry import kind_of
from lth_core.tickets.rewinding import Ticket


class TreatmentError(ValueError):
    """A treatment that cannot be used as the config says; one line."""


def check_treated(treatment: str, ticket: Ticket, treated: Any) -> Ticket:
    """Return what the treatment made of a ticket, if it is a ticket of the same network. Raises TreatmentError.

    Its weights have the names, shapes and types of the ticket's; its mask is boolean, and of some of these weights.
    """
    if not isinstance(treated, Ticket):
        raise TreatmentError(
            f"treatment '{treatment}' returned {kind_of(treated)}: it must return a ticket, such as "
            "replace(ticket, weights=...)"
        )
    for part, arrays in (("weights", treated.weights), ("mask", treated.mask)):
        if not isinstance(arrays, Mapping):
            raise TreatmentError(f"treatment '{treatment}': {part} must be a dict of arrays, not {arrays!r:.40}")
        if unknown := sorted(arrays.keys() - ticket.weights.keys()):
            raise TreatmentError(f"treatment '{treatment}': {part} of '{unknown[0]}', which the network does not have")
    if missing := sorted(ticket.weights.keys() - treated.weights.keys()):
        raise TreatmentError(f"treatment '{treatment}': weights of '{missing[0]}' are missing")
    for name, before in ticket.weights.items():
        _check_array(f"treatment '{treatment}': weights of '{name}'", treated.weights[name], before.shape, before.dtype)
    for name, kept in treated.mask.items():
        _check_array(f"treatment '{treatment}': mask of '{name}'", kept, ticket.weights[name].shape, np.dtype(bool))
    return treated


def check_alike(treatment: str, treated: Sequence[Ticket]) -> None:
    """Check that tickets can be trained together. Raises TreatmentError unless they start at one step, mask alike."""
    for what in ("first_step", "last_rate"):
        if len({getattr(ticket, what) for ticket in treated}) > 1:
            raise TreatmentError(f"treatment '{treatment}': {what} must be the same for all seeds and draws")
    if len({frozenset(ticket.mask) for ticket in treated}) > 1:
        raise TreatmentError(f"treatment '{treatment}': all seeds and draws must have masks of the same weights")


def _check_array(what: str, value: Any, shape: tuple[int, ...], dtype: np.dtype) -> None:
    if not isinstance(value, np.ndarray):
        raise TreatmentError(f"{what} must be an array, not {value!r:.40}")
    if value.shape != shape:
        raise TreatmentError(f"{what} must have shape {shape}, not {value.shape}")
    if value.dtype != dtype:
        raise TreatmentError(f"{what} must be {dtype}, not {value.dtype}: use .astype(np.{dtype})")
