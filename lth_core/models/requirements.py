"""What a network needs of its input and its options; free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from lth_core.registry import model

Width = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""What the paper's numbers of filters and hidden units are multiplied by."""
Dropout = Annotated[float, Field(ge=0, lt=1)]
"""The probability that an output is dropped."""


class ModelError(ValueError):
    """A network that cannot be built or used as asked; one line: which, what is wrong, what is needed."""


def require(holds: bool, message: str) -> None:
    """Raise ModelError with `message` unless the requirement holds."""
    if not holds:
        raise ModelError(message)


def image_shape(network: str, input_shape: Sequence[int]) -> tuple[int, int, int]:
    """Return `input_shape` as (channels, height, width).

    Raises ModelError unless both sides have the pixels that the network is registered with as `least_side`.
    """
    shape = tuple(int(size) for size in input_shape)
    require(len(shape) == 3, f"{network} needs images (channels, height, width), not inputs of shape {shape}")
    channels, height, width = shape
    least = model.facts(network).get("least_side", 1)
    require(
        min(height, width) >= least,
        f"{network} needs images of at least {least}x{least} pixels, not {height}x{width}: "
        "choose a smaller network or larger images",
    )
    return channels, height, width


def scaled(network: str, count: int, width: float) -> int:
    """Multiply `count` filters or units by the option `width`; at least 1. Raises ModelError unless width > 0."""
    require(_is_number(width) and width > 0, f"{network}: width must be a number above 0, not {width!r}")
    return max(1, round(count * width))


def check_dropout(network: str, dropout: float) -> None:
    """Raise ModelError unless `dropout` is a probability below 1."""
    require(_is_number(dropout) and 0 <= dropout < 1, f"{network}: dropout must be in [0, 1), not {dropout!r}")


def check_hidden(network: str, hidden: Sequence[int]) -> None:
    """Raise ModelError unless `hidden` is a list of positive whole numbers."""
    sizes_hold = isinstance(hidden, Sequence) and all(type(size) is int and size > 0 for size in hidden)
    require(sizes_hold, f"{network}: hidden must be a list of positive whole numbers, not {hidden!r}")


def check_counts(network: str, **options: int) -> None:
    """Raise ModelError unless all options, by name, are positive whole numbers."""
    for name, value in options.items():
        holds = type(value) is int and value > 0
        require(holds, f"{network}: {name} must be a positive whole number, not {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
