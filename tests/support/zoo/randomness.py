"""Networks that draw random numbers."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.support.zoo.written import Written, animal


@animal
def dropout() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Dropout2d(0.3), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 3))


@animal
def numpy_noise() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x.flatten(1)).relu()
        if m.training:
            x = x * torch.from_numpy(np.random.uniform(0.5, 1.5, 8)).float()
        return m.b(x)

    return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3))


@animal
def numpy_gain() -> nn.Module:
    gain = nn.Parameter(torch.from_numpy(np.random.normal(1, 0.5, 8)).float())
    return Written(
        lambda m, x: m.b((m.a(x.flatten(1)) * m.gain).relu()), a=nn.Linear(36, 8), b=nn.Linear(8, 3), gain=gain
    )


@animal
def stochastic_depth() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x.flatten(1)).relu()
        if not m.training or random.random() < 0.5:
            x = x + m.block(x).relu()
        return m.b(x)

    return Written(forward, a=nn.Linear(36, 8), block=nn.Linear(8, 8), b=nn.Linear(8, 3))


@animal
def reparametrized_noise() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = x.flatten(1)
        mean = m.mean(x)
        return m.head(mean + torch.randn_like(mean) * m.spread(x).tanh() if m.training else mean)

    return Written(forward, mean=nn.Linear(36, 8), spread=nn.Linear(36, 8), head=nn.Linear(8, 3))
