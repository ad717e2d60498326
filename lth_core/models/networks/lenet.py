"""LeNet-300-100: linear layers only (Frankle & Carbin 2019, figure 2)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import PositiveInt

from lth_core.models.requirements import Dropout, check_dropout, check_hidden
from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn


@model("lenet")
def lenet(
    classes: int, input_shape: Sequence[int], hidden: Sequence[PositiveInt] = (300, 100), dropout: Dropout = 0.0
) -> nn.Module:
    """LeNet-300-100 (Frankle & Carbin 2019, figure 2): linear layers and ReLU on the flattened input.

    `hidden`: the sizes of the hidden layers; `dropout` acts on the output of each. Raises ModelError for impossible
    options.
    """
    from torch import nn

    check_hidden("lenet", hidden)
    check_dropout("lenet", dropout)
    layers = linear_layers(math.prod(input_shape), hidden, classes, dropout)
    return nn.Sequential(OrderedDict(flatten=nn.Flatten(), **layers))


def linear_layers(inputs: int, hidden: Sequence[int], classes: int, dropout: float) -> dict[str, nn.Module]:
    """Build linear layers of the `hidden` sizes with ReLU and dropout, then the output layer, by name."""
    from torch import nn

    layers: dict[str, nn.Module] = {}
    for number, size in enumerate(hidden, start=1):
        layers[f"fc{number}"] = nn.Linear(inputs, size)
        layers[f"fc{number}_relu"] = nn.ReLU()
        if dropout:
            layers[f"fc{number}_dropout"] = nn.Dropout(dropout)
        inputs = size
    layers[f"fc{len(hidden) + 1}"] = nn.Linear(inputs, classes)
    return layers
