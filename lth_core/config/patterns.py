"""Patterns of masks that hardware can use: N of every M weights, and blocks."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, PositiveInt, WithJsonSchema, model_validator

from lth_core.config.sections import Section

_NUMBER = {"type": "integer", "exclusiveMinimum": 0}


def _in_a_list(value: Any) -> Any:
    return [value] if isinstance(value, int) else value


class NOfM(Section):
    """How many weights of every group a mask keeps."""

    n: Annotated[
        list[PositiveInt],
        BeforeValidator(_in_a_list),
        WithJsonSchema({"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER}]}),
    ]
    """Weights that are kept of every group: one falling number per level, or a number where there is one level."""
    m: PositiveInt
    """Weights in a group."""

    @model_validator(mode="after")
    def _prunes_some(self) -> NOfM:
        for before, after in pairwise([self.m, *self.n]):
            if after >= before:
                raise ValueError(
                    f"n must be less than m and fall from level to level ({before} is followed by {after})"
                )
        return self

    def kept(self, level: int) -> int:
        """Return how many weights of every group a level keeps."""
        return self.n[level - 1]


class Block(Section):
    """The size of the blocks of weights that live and die together."""

    height: PositiveInt
    """Outputs of a layer (rows of its weight) in a block."""
    width: PositiveInt
    """Inputs of a layer (columns) in a block."""
