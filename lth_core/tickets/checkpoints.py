"""Where a treatment can take weights from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lth_core.storage.tensors import Tensors


@dataclass(frozen=True)
class BranchCheckpoints:
    """What a treatment may take weights from; all of one replicate, none of them masked."""

    initial: Tensors
    """theta_0."""
    start: Tensors
    """What the ticket starts from: theta_0, theta_k or the previous level's trained weights."""
    trained: Tensors
    """What its mask was made from: the trained weights of the level before, or dense ones; theta_0 without a mask."""
    trained_from: Tensors
    """What that training started from."""
    fresh: Callable[[], Tensors]
    """A new draw of the initialization, its own for each seed, level and draw."""
