"""What a task is: a module, its data and its objective. Training and analyses see a task through `Task` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from lth_core.config import Recipe
from lth_core.metrics import Metric
from lth_core.runtime.shares import Share

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

PIECE, SMALL_PIECE = 1000, 250
"""Examples that are evaluated at a time; the smaller pieces are for convolutions on a CPU.

There, Conv-2 and ResNet-20 take 1.4 and 2.1 times as long for 1000 at a time, as memory for such activations is new at
every layer. With lth_core.runtime.memory it is not, but there is less of it with small pieces."""


def evaluation_piece(linear: bool, device: torch.device) -> int:
    """Return how many examples to evaluate at a time, for a network of linear layers or another one."""
    return PIECE if linear or device.type != "cpu" else SMALL_PIECE


class TaskError(ValueError):
    """A task that cannot be trained as configured, in one line."""


@runtime_checkable
class Batch(Protocol):
    """Tensors of examples: a dataclass. All randomness of a step lies in it, from (seed, purpose, order, step)."""

    uneven: ClassVar[bool]
    """Whether replicates may have batches of several lengths, which are padded to one."""

    @property
    def inputs(self) -> Tensor:
        """Return what the module is called with: (B, ...), or (R, B, ...) with a batch for every replicate."""
        ...

    def replicate(self, index: int) -> Any:
        """Take the batch of one replicate, without padding."""
        ...

    def alone(self, index: int) -> Any:
        """Take the batch of one replicate, without padding but with a replicate axis."""
        ...


@dataclass(frozen=True)
class Examples:
    """A batch of independent examples: inputs ([R,] B, ...), and what is wanted of the network's outputs ([R,] B, ...).

    Images are normalised float32 (C, H, W), and their targets are labels, int64.
    """

    uneven: ClassVar[bool] = False
    inputs: Tensor
    targets: Tensor

    def replicate(self, index: int) -> Examples:
        """Take the batch of one replicate."""
        return Examples(self.inputs[index], self.targets[index])

    def alone(self, index: int) -> Examples:
        """Take the batch of one replicate, with a replicate axis."""
        return Examples(self.inputs[index : index + 1], self.targets[index : index + 1])


class Networks(Protocol):
    """The networks of a cohort, as a task may ask them: with their present weights, and without gradients."""

    size: int
    """R, the number of replicates."""

    @property
    def piece(self) -> int:
        """Return how many examples to evaluate at a time."""
        ...

    def evaluated(self, batch: Batch, noise: int = 0) -> dict[str, Float[Tensor, "replicate batch"]]:
        """Measure every replicate on the examples of one batch: "loss" and every metric."""
        ...

    def outputs_of(self, inputs: Shaped[Tensor, "replicate batch ..."]) -> Float[Tensor, "replicate batch ..."]:
        """Compute the outputs of every replicate on inputs of its own."""
        ...

    def at_present(self) -> Callable[[Tensor], Tensor]:
        """Return `outputs_of` for many calls on few examples, with the weights as they are now."""
        ...

    def totals(self, sums: Float[Tensor, "quantity replicate"], examples: int) -> tuple[Tensor, int]:
        """Add up sums over examples, and their number, of all processes that share the examples."""
        ...


class Task(Protocol):
    """A module, its data and its objective. R is the number of replicates of a cohort."""

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

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Return what is measured besides the loss; studies compare networks by the first."""
        ...

    @property
    def acts(self) -> bool:
        """Tell whether the networks act, so that only episodes of their making measure them: fixed batches do not."""
        ...

    @property
    def steps_per_epoch(self) -> int | None:
        """Return how many steps an epoch has; None where the data have no epochs, as those of an environment."""
        ...

    @property
    def input_shape(self) -> Sequence[int]:
        """Return the shape of one example's inputs (lth_core/models/inputs.py)."""
        ...

    def minibatches(
        self, seeds: Sequence[int], order: int, first_step: int, last_step: int, networks: Networks | None = None
    ) -> Iterator[Any]:
        """Make one batch per step with a leading replicate axis, each when it is asked for.

        That of step t is a pure function of (seed, order, t) and, where data come from what is trained, of the present
        weights of `networks`; without these, of random decisions.
        """
        ...

    def evaluation_batches(self, split: str, size: int = PIECE) -> Iterator[Any]:
        """Go through the split in fixed pieces of `size`, shared by all replicates (no replicate axis)."""
        ...

    def sample_batches(self, split: str, examples: int | None = None, size: int = PIECE) -> Iterator[Any]:
        """Go through `examples` of the split (None: all), drawn once for all, in random pieces of one size <= `size`.

        Pieces are like those of evaluation_batches. A smaller sample is part of a larger one.
        """
        ...

    def scored_batches(
        self, seed: int, per_class: int, size: int, at_most: int | None = None, networks: Networks | None = None
    ) -> list[Any]:
        """Draw `per_class` training examples of each class, in pieces of one size (to one example) of at most `size`.

        Where examples have no classes there are `per_class` for each output; policies (`networks`, of one replicate)
        make them. The draw is the seed's own. Only the first `at_most` are read. Raises TaskError for a class with
        fewer examples.
        """
        ...

    def losses(self, outputs: Tensor, batch: Any) -> Float[Tensor, " batch"]:
        """Compute what is minimised of every example, given one replicate's outputs (B, ...)."""
        ...

    def measures(self, outputs: Tensor, batch: Any) -> dict[str, Float[Tensor, " batch"]]:
        """Measure every example, given one replicate's outputs (B, ...): "loss" and every metric."""
        ...

    def predictions(self, outputs: Tensor, batch: Any) -> Tensor | None:
        """Return what one replicate's outputs (B, ...) predict, (B, ...); None where they are no scores of anything."""
        ...

    def output_gradient(self, outputs: Tensor, batch: Any) -> Tensor:
        """Compute the gradient of every replicate's mean loss by its outputs (R, B, ...)."""
        ...

    def evaluate(self, split: str, networks: Networks) -> dict[str, Float[Tensor, " replicate"]]:
        """Measure every replicate on a split: mean "loss" and every metric; change nothing.

        On the test split, where the recipe has folds, also the first metric without each fold (`Metric.without`).
        """
        ...
