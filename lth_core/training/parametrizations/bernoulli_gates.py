"""Relaxed Bernoulli gates: every weight has a gate between 0 and 1, open ones cost (Tsayag & Lindenbaum 2026)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from lth_core.registry import parametrization
from lth_core.training.parametrization import Parametrization, ParametrizationError

if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor

    Weights = Mapping[str, Tensor]


@parametrization("bernoulli-gates")
@dataclass(frozen=True, kw_only=True)
class BernoulliGates(Parametrization):
    """Multiply weights by z = clip(1/2 + mu + sigma epsilon, 0, 1), with Gaussian epsilon; mu is trained from 0.

    Tsayag & Lindenbaum 2026 (arXiv 2603.08914), after the gates of Yamada et al. 2020. The loss grows by `penalty`
    times the expected fraction of open gates, so the penalty decides how many weights are kept.
    """

    penalty_weight: float = 1.0
    """The lambda of the expected fraction of open gates."""
    sigma: float = 0.5
    """Standard deviation of the noise."""

    def __post_init__(self) -> None:
        if self.sigma <= 0 or self.penalty_weight < 0:
            wrong = f"sigma ({self.sigma:g}) must be above 0, penalty_weight ({self.penalty_weight:g}) at least 0"
            raise ParametrizationError(f"parametrization 'bernoulli-gates': {wrong}")

    def start(self, weights: Weights, rng: np.random.Generator) -> dict[str, Tensor]:
        """Open every gate halfway."""
        import torch

        return {name: torch.zeros_like(weights[name]) for name in self.layers}

    def effective(self, weights: Weights, trained: Weights, draw: Generator) -> dict[str, Tensor]:
        """Draw the gates. Their gradient is exact: that of the clipped sum."""
        import torch

        gated = {}
        for name, mu in trained.items():
            noise = torch.randn(mu.shape, generator=draw, device=mu.device)
            gated[name] = weights[name] * (0.5 + mu + self.sigma * noise).clamp(0, 1)
        return gated

    def penalty(self, trained: Weights) -> Tensor:
        """Compute lambda times the mean probability of gates above 0: Phi((1/2 + mu) / sigma)."""
        import torch

        root = self.sigma * sqrt(2)  # by erf: torch.special.ndtr takes many times as long
        opened = torch.stack([0.5 * (1 + torch.erf((0.5 + mu) / root)).sum() for mu in trained.values()])
        return self.penalty_weight * opened.sum() / sum(mu.numel() for mu in trained.values())

    def mask(self, trained: Weights, draw: Generator) -> dict[str, Tensor]:
        """Keep the weights whose gate is above 0 without noise."""
        return {name: mu > -0.5 for name, mu in trained.items()}
