"""Weights that are shared, frozen or computed."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize

from tests.support.zoo.written import Written, animal, sequential

# ---------------------------------------------------------------- shared and frozen


@animal
def applied_twice() -> nn.Module:
    hidden, act = nn.Linear(8, 8), nn.ReLU()
    return sequential(nn.Linear(36, 8), nn.ReLU(), hidden, act, hidden, act, nn.Linear(8, 3))


@animal
def two_layers_with_one_weight() -> nn.Module:
    first, second = nn.Linear(8, 8), nn.Linear(8, 8)
    second.weight = first.weight
    return sequential(nn.Linear(36, 8), nn.ReLU(), first, nn.ReLU(), second, nn.ReLU(), nn.Linear(8, 3))


@animal
def tied_autoencoder() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = x.flatten(1)
        code = m.encoder(x).tanh()
        return m.head(functional.linear(code, m.encoder.weight.t()).tanh() + x)

    return Written(forward, encoder=nn.Linear(36, 8), head=nn.Linear(36, 3))


@animal
def frozen_first_layer() -> nn.Module:
    first = nn.Linear(36, 12)
    first.requires_grad_(False)
    return sequential(first, nn.ReLU(), nn.Linear(12, 3))


@animal
def frozen_filters_and_batch_norm() -> nn.Module:
    fixed = nn.Conv2d(1, 4, 3)
    fixed.weight.requires_grad_(False)
    norm = nn.BatchNorm2d(4)
    norm.requires_grad_(False)
    return nn.Sequential(fixed, norm, nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


@animal
def never_used_layer() -> nn.Module:
    return Written(
        lambda m, x: m.head(m.body(x.flatten(1)).relu()),
        body=nn.Linear(36, 8),
        unused=nn.Linear(5, 4),
        head=nn.Linear(8, 3),
    )


# ---------------------------------------------------------------- weights that are computed


@animal
def weight_norm_by_hooks() -> nn.Module:
    conv = nn.utils.weight_norm(nn.Conv2d(1, 4, 3))
    return nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


@animal
def weight_norm() -> nn.Module:
    return sequential(parametrizations.weight_norm(nn.Linear(36, 8)), nn.ReLU(), nn.Linear(8, 3))


@animal
def spectral_norm_by_hooks() -> nn.Module:
    return sequential(nn.utils.spectral_norm(nn.Linear(36, 8)), nn.ReLU(), nn.Linear(8, 3))


@animal
def spectral_norm() -> nn.Module:
    return sequential(parametrizations.spectral_norm(nn.Linear(36, 8)), nn.ReLU(), nn.Linear(8, 3))


@animal
def symmetric_weight() -> nn.Module:
    class Symmetric(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight.triu() + weight.triu(1).mT

    hidden = nn.Linear(8, 8)
    parametrize.register_parametrization(hidden, "weight", Symmetric())
    return sequential(nn.Linear(36, 8), nn.ReLU(), hidden, nn.ReLU(), nn.Linear(8, 3))


@animal
def standardized_convolution() -> nn.Module:
    class Standardized(nn.Conv2d):
        def forward(self, input: Tensor) -> Tensor:
            centred = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
            return self._conv_forward(input, centred / (centred.std((1, 2, 3), keepdim=True) + 1e-3), self.bias)

    return nn.Sequential(Standardized(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
