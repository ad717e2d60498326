"""Buffers, and tensors that are changed in place."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.support.zoo.written import Written, animal

# ---------------------------------------------------------------- buffers


@animal
def fixed_position() -> nn.Module:
    module = Written(lambda m, x: m.b(m.a(x.flatten(1) + m.position).relu()), a=nn.Linear(36, 8), b=nn.Linear(8, 3))
    module.register_buffer("position", torch.linspace(-1, 1, 36), persistent=False)
    return module


@animal
def boolean_mask() -> nn.Module:
    return Written(
        lambda m, x: m.b(m.a(torch.where(m.seen, x.flatten(1), 0)).relu()),
        seen=torch.arange(36) % 3 > 0,
        a=nn.Linear(36, 8),
        b=nn.Linear(8, 3),
    )


@animal
def assigned_center() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x.flatten(1))
        if m.training:
            m.center = 0.9 * m.center + 0.1 * x.detach().mean(0)
        return m.b((x - m.center).relu())

    return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3), center=torch.zeros(8))


@animal
def assigned_without_detaching() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x.flatten(1))
        mean = x.mean(0)
        if m.training:
            m.center = (0.9 * m.center.detach() + 0.1 * mean).detach()
        return m.b((x - mean if m.training else x - m.center).relu())

    return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3), center=torch.zeros(8))


@animal
def counts_its_calls_in_a_buffer() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        if m.training:
            m.calls += 1
        return m.b(m.a(x.flatten(1)).tanh() * (1 + 0.1 * m.calls))

    return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3), calls=torch.tensor(0))


@animal
def batch_norm_of_cumulative_statistics() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, momentum=None), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    )


@animal
def batch_norm_without_statistics() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    )


class NormedInEvaluation(nn.Sequential):
    """Trains everything but its batch norm, as one does with few examples in a batch."""

    def train(self, mode: bool = True) -> NormedInEvaluation:
        super().train(mode)
        self[1].eval()
        return self


@animal
def batch_norm_that_stays_in_evaluation() -> nn.Module:
    return NormedInEvaluation(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )


# ---------------------------------------------------------------- in place


@animal
def rescales_its_input_in_place() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x.mul_(0.5).add_(0.5)
        return m.b(m.a(x.flatten(1)).relu())

    return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3))


@animal
def in_place_activation() -> nn.Module:
    return nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(1, 4, 3), nn.ReLU(True), nn.Flatten(), nn.Linear(64, 3))
