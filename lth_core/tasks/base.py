"""What a task is: a module, its data and its loss. Training and analyses see a task through `Task` alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lth_core.config import Recipe
from lth_core.runtime.shares import Share

Batch = Any

PIECE, SMALL_PIECE = 1000, 250
"""Examples that are evaluated at a time; the smaller pieces are for convolutions on a CPU.

There, Conv-2 and ResNet-20 take 1.4 and 2.1 times as long for 1000 at a time, as memory for such activations is new at
every layer. With lth_core.runtime.memory it is not, but there is less of it with small pieces."""


def evaluation_piece(linear: bool, device: torch.device) -> int:
    """Return how many examples to evaluate at a time, for a network of linear layers or another one."""
    return PIECE if linear or device.type != "cpu" else SMALL_PIECE


class TaskError(ValueError):
    """A task that cannot be trained as configured, in one line."""


class Task(Protocol):
    """A module, its data and its loss. R is the number of replicates of a cohort."""

    @property
    def module(self) -> nn.Module: ...

    @property
    def recipe(self) -> Recipe: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def share(self) -> Share:
        """Return which examples of every batch this process gets."""
        ...

    def minibatches(self, seeds: Sequence[int], order: int, first_step: int, last_step: int) -> Iterator[Batch]:
        """Make one batch per step with a leading replicate axis; step t's is a pure function of (seed, order, t)."""
        ...

    def evaluation_batches(self, split: str, size: int = PIECE) -> Iterator[Batch]:
        """Go through the split in fixed pieces of `size`, shared by all replicates (no replicate axis)."""
        ...

    def sample_batches(self, split: str, examples: int | None = None, size: int = PIECE) -> Iterator[Batch]:
        """Go through `examples` of the split (None: all), drawn once for all, in random pieces of one size <= `size`.

        Pieces are like those of evaluation_batches. A smaller sample is part of a larger one.
        """
        ...

    def losses(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Compute, for outputs (B, ...), each example's loss (nats) and whether its prediction is right: both (B,)."""
        ...

    def output_gradient(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Compute the gradient of every replicate's mean loss by its outputs (R, B, ...)."""
        ...
