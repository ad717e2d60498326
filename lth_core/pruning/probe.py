"""What criteria may compute with: one replicate's network as a function of its weights. It is in `lth_core/scoring`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor

Weights = Mapping[str, "Tensor"]
"""Tensors by weight name."""
Precision = Literal["float32", "float64"]


class Probe(Protocol):
    """One replicate's network in evaluation mode, so that batch norm at initialization is the identity.

    Weights that the mask prunes are 0 whatever values are given for them, and so are derivatives by them.
    """

    @property
    def weights(self) -> dict[str, Tensor]:
        """Return all parameters by name as they are scored, with the mask applied: leaves without a gradient."""
        ...

    def in_precision(self, precision: Precision) -> Probe:
        """Return the same network with all numbers in another precision than float32."""
        ...

    def batches(self, examples_per_class: int, size: int) -> list[Any]:
        """Draw training examples, as many of each class, in pieces of one size (to one example) of at most `size`.

        The draw is the seed's own, and the same in every round. Where data have no classes there are as many examples
        as the network has outputs, times `examples_per_class`. Policies make theirs. Raises TaskError for a class
        with fewer examples.
        """
        ...

    def outputs(self, weights: Weights, inputs: Tensor) -> Tensor:
        """Compute the network's outputs (B, ...) of inputs (B, ...); parameters that are not given are its own."""
        ...

    def inputs_of_ones(self) -> Tensor:
        """Make one example whose inputs are all 1. Raises ProbeError where inputs are tokens."""
        ...

    def loss(self, weights: Weights, batch: Any, temperature: float = 1.0) -> Tensor:
        """Compute the task's mean loss of a batch, of outputs divided by a temperature."""
        ...

    def gradient(self, weights: Weights, batch: Any, temperature: float = 1.0) -> dict[str, Tensor]:
        """Compute the gradient of the loss by the prunable weights."""
        ...

    def hessian_product(
        self, weights: Weights, batch: Any, vector: Weights, temperature: float = 1.0
    ) -> dict[str, Tensor]:
        """Compute H v, where H is the Hessian of the loss by the prunable weights. Raises ProbeError without one."""
        ...
