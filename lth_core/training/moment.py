"""What a sparsifier sees of one replicate before a training step, and what it may return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class SparsifierError(ValueError):
    """A sparsifier that cannot change masks in a training, or returns what cannot be the next mask, in one line."""


class Moment(Protocol):
    """One replicate before a training step. Its tensors are copies, and only those that the method prunes."""

    @property
    def step(self) -> int:
        """Return how many steps this training has done (t)."""
        ...

    @property
    def steps(self) -> int:
        """Return how many steps this training has (T)."""
        ...

    @property
    def steps_per_epoch(self) -> int | None:
        """Return how many steps an epoch has; None where the data have no epochs, as those of an environment."""
        ...

    @property
    def density(self) -> float:
        """Return the fraction of all weights that is active at the end."""
        ...

    @property
    def kept(self) -> Mapping[str, int] | None:
        """Return how many weights of each tensor are active at the end; None where the method ranks them together."""
        ...

    @property
    def mask(self) -> dict[str, Tensor]:
        """Return which weights are active: booleans of the weights' shapes."""
        ...

    @property
    def explored(self) -> dict[str, Tensor]:
        """Return which weights have been active at any time of this training."""
        ...

    @property
    def weights(self) -> dict[str, Tensor]:
        """Return the weights, 0 where they are pruned."""
        ...

    @property
    def rng(self) -> np.random.Generator:
        """Return a random generator that depends on the seed and the step alone."""
        ...

    def gradient(self) -> dict[str, Tensor]:
        """Compute the gradient of the loss on this step's batch by all weights, pruned ones (which are 0) included."""
        ...


@dataclass(frozen=True)
class Change:
    """Masks that take effect before the step. Weights that they activate start from 0."""

    mask: Mapping[str, Tensor]
    """Booleans by the names and of the shapes of the moment's mask."""
    replaces_step: bool = False
    """Whether the training step is left out, because its batch was used for the change."""
