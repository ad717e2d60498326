"""A multilayer perceptron for points and environments: linear layers only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import PositiveInt

from lth_core.models.networks.lenet import linear_layers
from lth_core.models.requirements import Dropout, check_dropout, check_hidden
from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn


@model("mlp")
def mlp(features: int, outputs: int, hidden: Sequence[PositiveInt] = (64, 64), dropout: Dropout = 0.0) -> nn.Module:
    """Linear layers and ReLU on the features of a point or an observation.

    `hidden`: the sizes of the hidden layers; `dropout` acts on the output of each. Raises ModelError for impossible
    options.
    """
    from torch import nn

    check_hidden("mlp", hidden)
    check_dropout("mlp", dropout)
    return nn.Sequential(OrderedDict(linear_layers(features, hidden, outputs, dropout)))
