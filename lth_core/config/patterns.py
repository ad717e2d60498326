"""Patterns of masks that hardware can use: N of every M weights, and blocks."""

from __future__ import annotations

from pydantic import PositiveInt, model_validator

from lth_core.config.sections import Section


class NOfM(Section):
    """How many weights of every group a mask keeps."""

    n: PositiveInt
    """Weights that the last level keeps of every group."""
    m: PositiveInt
    """Weights in a group."""

    @model_validator(mode="after")
    def _prunes_some(self) -> NOfM:
        if self.n >= self.m:
            raise ValueError(f"n must be less than m, or nothing is pruned (got {self.n} of {self.m})")
        return self

    def check_levels(self, levels: int) -> None:
        """Raise ValueError unless levels can fall from `m` to `n` in equal steps."""
        pruned = self.m - self.n
        if pruned % levels:
            possible = ", ".join(str(count) for count in range(1, pruned + 1) if pruned % count == 0)
            raise ValueError(
                f"levels of n-of-m prune as many of the {pruned} weights of a group each: set levels to {possible} "
                f"(got {levels})"
            )

    def kept(self, level: int, levels: int) -> int:
        """Return how many weights of every group a level keeps, of some `levels`."""
        return self.m - (self.m - self.n) * level // levels


class Block(Section):
    """The size of the blocks of weights that live and die together."""

    height: PositiveInt
    """Outputs of a layer (rows of its weight) in a block."""
    width: PositiveInt
    """Inputs of a layer (columns) in a block."""
