"""What stops the tracing of units: the first layer or operation is named, in one line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lth_core.models.channels import ChannelsError, removable_channels
from lth_core.models.obstacles import obstacle


class OwnMatrix(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.matrix, self.fc = nn.Parameter(torch.ones(64, 5)), nn.Linear(5, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(images.flatten(1) @ self.matrix)


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.pairs = nn.Linear(64, 6), nn.Bilinear(6, 6, 3)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.first(images.flatten(1))
        return self.pairs(hidden, hidden)


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention, self.fc = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(64, 2)

    def forward(self, images: Tensor) -> Tensor:
        rows = images.flatten(1, 2)
        return self.fc(self.attention(rows, rows, rows)[0].flatten(1))


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(images.flatten(1)) if images.sum() > 0 else self.fc(-images.flatten(1))


def grouped() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3, groups=2), nn.Flatten(), nn.Linear(128, 2))


def normalized() -> nn.Module:
    first = nn.utils.parametrizations.weight_norm(nn.Linear(64, 6))
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), nn.Linear(6, 2))


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (OwnMatrix, "'matrix', which its forward uses itself"),
        (TwoInputs, "layer 'pairs' (Bilinear("),
        (Attending, "layer 'attention' (MultiheadAttention("),
        (Branching, "its forward (TraceError: symbolically traced variables cannot be used"),
        (grouped, "layer '1' (Conv2d(4, 8, kernel_size=(3, 3), stride=(1, 1), groups=2))"),
        (normalized, "layer '1' (ParametrizedLinear("),
    ],
)
def test_the_first_layer_or_operation_that_is_not_understood_is_named(build: Callable, named: str) -> None:
    assert obstacle(build(), (1, 8, 8)).startswith(named)
    with pytest.raises(ChannelsError) as caught:
        removable_channels(build(), (1, 8, 8))
    line = str(caught.value)
    assert f"they are not followed through {named}" in line and "\n" not in line
    assert line.endswith("or prune single weights (granularity: weight)")
