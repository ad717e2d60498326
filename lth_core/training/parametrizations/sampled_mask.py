"""Supermasks that are drawn: every weight has a probability to be kept, which is trained (Zhou et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lth_core.registry import parametrization
from lth_core.training.parametrization import Parametrization, straight_through

if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor

    Weights = Mapping[str, Tensor]


@parametrization("sampled-mask")
@dataclass(frozen=True, kw_only=True)
class SampledMask(Parametrization):
    """Keep a weight with probability sigmoid(score), drawn anew in every step, with the gradient of the sigmoid.

    Zhou et al. 2019, section 5.1. Scores start from 0. How many weights are kept is learned, too.
    """

    rescale: bool = False
    """Multiply each layer by its number of weights over that of its kept ones (dynamic weight rescaling)."""
    final: Literal["drawn", "likely"] = "drawn"
    """The mask at the end: one more draw, or the weights with a probability above 1/2."""

    def start(self, weights: Weights, rng: np.random.Generator) -> dict[str, Tensor]:
        """Keep every weight half of the time."""
        import torch

        return {name: torch.zeros_like(weights[name]) for name in self.layers}

    def effective(self, weights: Weights, trained: Weights, draw: Generator) -> dict[str, Tensor]:
        """Draw a mask and put the weights under it."""
        probabilities = {name: score.sigmoid() for name, score in trained.items()}
        kept = {name: straight_through(_drawn(value, draw), value) for name, value in probabilities.items()}
        return self.subnetwork(weights, kept)

    def mask(self, trained: Weights, draw: Generator) -> dict[str, Tensor]:
        """Draw the mask at the end, or choose the likely one."""
        if self.final == "likely":
            return {name: score > 0 for name, score in trained.items()}
        return {name: _drawn(score.sigmoid(), draw).bool() for name, score in trained.items()}

    def subnetwork(self, weights: Weights, mask: Weights) -> dict[str, Tensor]:
        """Put the weights under a mask, rescaled if asked for.

        The scale is a constant in the gradient: a score learns from its own weight, not from how many others are kept.
        """
        scale = {
            name: kept.numel() / kept.detach().sum().clamp(min=1) if self.rescale else 1 for name, kept in mask.items()
        }
        return {name: weights[name] * kept * scale[name] for name, kept in mask.items()}


def _drawn(probability: Tensor, draw: Generator) -> Tensor:
    """1 with a probability and 0 otherwise; torch.bernoulli takes four times as long on a CPU."""
    import torch

    uniform = torch.rand(probability.shape, generator=draw, device=probability.device)
    return (uniform < probability.detach()).to(probability.dtype)
