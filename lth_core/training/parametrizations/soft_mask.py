"""Soft masks: factors of weights and edges that are trained together with the weights (Chen et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lth_core.registry import parametrization
from lth_core.training.parametrization import Parametrization, ParametrizationError
from lth_core.training.ranking import highest_of_layers

if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor

    Weights = Mapping[str, Tensor]

EDGE = "edge"
"""The kind of weight of a graph's edges."""
NOISE = 1e-5
"""Masks start from 1 + uniform noise in +-NOISE, which breaks ties, as in the published code."""


@parametrization("soft-mask", exact=True, nested=True)
@dataclass(frozen=True, kw_only=True)
class SoftMask(Parametrization):
    """Multiply weights by masks m that are trained with them; the loss grows by the sums of |m|, the largest are kept.

    Unified graph sparsification (UGS) of Chen et al. 2021, section 3.1 and algorithm 1, and its published code. Weights
    start where the ticket will. Edges (kind edge) have masks alone, of which values below 0 count as 0: a node's edges
    and its own weight of 1 must not add up to nothing.
    """

    edge_penalty: float = 0.01
    """The factor of the sum of |m| over the remaining edges."""
    weight_penalty: float = 0.01
    """The factor of the sum of |m| over the remaining weights."""
    trains_weights: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if min(self.edge_penalty, self.weight_penalty) < 0:
            wrong = f"edge_penalty ({self.edge_penalty:g}) and weight_penalty ({self.weight_penalty:g})"
            raise ParametrizationError(f"parametrization 'soft-mask': {wrong} must be at least 0")

    def start(self, weights: Weights, rng: np.random.Generator) -> dict[str, Tensor]:
        """Start from the weights as they are, and from masks of nearly 1."""
        import torch

        trained = {f"weight/{name}": value.clone() for name, value in weights.items() if not self._is_edge(name)}
        for name in self.layers:
            noise = torch.from_numpy(rng.uniform(-NOISE, NOISE, tuple(weights[name].shape)).astype("float32"))
            trained[f"mask/{name}"] = self._remaining(name, 1 + noise.to(weights[name].device))
        return trained

    def effective(self, weights: Weights, trained: Weights, draw: Generator) -> dict[str, Tensor]:
        """Multiply weights by their masks."""
        present = {name: trained.get(f"weight/{name}", value) for name, value in weights.items()}
        for name in self.layers:
            mask = self._remaining(name, trained[f"mask/{name}"])
            present[name] = present[name] * (mask.clamp(min=0) if self._is_edge(name) else mask)
        return present

    def penalty(self, trained: Weights) -> Tensor | None:
        """Sum the sizes of all masks; what went before is at 0, and stays there."""
        factors = {name: self.edge_penalty if self._is_edge(name) else self.weight_penalty for name in self.layers}
        return sum(factor * trained[f"mask/{name}"].abs().sum() for name, factor in factors.items())  # pyright: ignore[reportReturnType] (there is a layer)

    def mask(self, trained: Weights, draw: Generator) -> dict[str, Tensor]:
        """Rank |m| of what remains; of equal ones those last in memory are kept."""
        sizes = {name: trained[f"mask/{name}"].detach().abs() for name in self.layers}
        return highest_of_layers({name: self._remaining(name, size, -1.0) for name, size in sizes.items()}, self.left)

    def without_effect(self) -> dict[str, str]:
        """Name the penalty of edges where none has a mask, or that of weights."""
        have_masks = {self._is_edge(name) for name in self.layers}
        idle = {} if True in have_masks else {"edge_penalty": "no edges have masks"}
        return idle if False in have_masks else idle | {"weight_penalty": "only edges have masks"}

    def _is_edge(self, name: str) -> bool:
        return self.kinds.get(name) == EDGE

    def _remaining(self, name: str, values: Tensor, other: float = 0.0) -> Tensor:
        """Return values of a layer where the level before kept it, and another number elsewhere."""
        return values if self.remaining is None else values.where(self.remaining[name], other)
