"""Examples that a network is tried on, before it is exported or its layers are replaced."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn

from lth_core.models.inputs import TokenShape, zeros
from lth_core.tickets.loading import TicketError

ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
"""What colours the text of a terminal."""


def example_of(module: nn.Module, input_shape: Sequence[int]) -> Tensor:
    """Make two examples of zeros (2, *input_shape) that the network takes, on its device.

    They are whole numbers where the shape is a TokenShape, or where the network fails on others: torch would export
    either, and no runtime could load the wrong one. Raises TicketError where the network takes neither.
    """
    device = next((tensor.device for tensor in module.state_dict().values()), None)
    try:
        return _taken(module, zeros(input_shape, 2, device))
    except Exception as error:  # whatever a module does with what it does not take
        if not isinstance(input_shape, TokenShape):
            with suppress(Exception):
                return _taken(module, zeros(TokenShape(input_shape), 2, device))
        numbers = "whole numbers" if isinstance(input_shape, TokenShape) else "numbers"
        raise TicketError(
            f"this network does not take {numbers} of shape ({', '.join(map(str, ('N', *input_shape)))}): give the "
            f"shape of one example ({cause_of(error)})"
        ) from error


def _taken(module: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        module(inputs)
    return inputs


def cause_of(error: BaseException) -> str:
    """Return the first line of the innermost cause, without a terminal's escape codes."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = ESCAPES.sub("", str(error)).strip()
    return next(iter(text.splitlines()), type(error).__name__)
