"""Edge-popup: the weights with the highest scores are kept, and scores learn as if all were (Ramanujan et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod, sqrt
from typing import TYPE_CHECKING

from lth_core.registry import parametrization
from lth_core.training.parametrization import Parametrization, straight_through
from lth_core.training.ranking import highest_of_layers

if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor

    Weights = Mapping[str, Tensor]


@parametrization("edge-popup", exact=True, masked=True)
@dataclass(frozen=True, kw_only=True)
class EdgePopup(Parametrization):
    """Keep the level's number of weights with the largest |score|; a score's gradient is dL/d(weight kept) weight.

    Ramanujan et al. 2020, section 3 and its published code: scores start uniform as PyTorch draws a linear layer's
    weights (Kaiming, a = sqrt(5)), and a score's sign changes nothing.
    """

    def start(self, weights: Weights, rng: np.random.Generator) -> dict[str, Tensor]:
        """Draw the scores from +-1 / sqrt(fan-in)."""
        import torch

        scores = {}
        for name in self.layers:
            bound = 1 / sqrt(prod(weights[name].shape[1:]))
            drawn = rng.uniform(-bound, bound, tuple(weights[name].shape)).astype("float32")
            scores[name] = torch.from_numpy(drawn).to(weights[name].device)
        return scores

    def effective(self, weights: Weights, trained: Weights, draw: Generator) -> dict[str, Tensor]:
        """Mask the weights; the mask has the gradient of |score|."""
        mask = self.mask(trained, draw)
        return {
            name: weights[name] * straight_through(mask[name].to(score.dtype), score.abs())
            for name, score in trained.items()
        }

    def mask(self, trained: Weights, draw: Generator) -> dict[str, Tensor]:
        """Rank |score| within each layer or over all of them; of equal ones those last in memory are kept."""
        return highest_of_layers({name: trained[name].detach().abs() for name in self.layers}, self.left)
