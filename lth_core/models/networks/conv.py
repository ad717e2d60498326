"""Conv-2, Conv-4 and Conv-6: plain stacks of convolutions without batch norm (Frankle & Carbin 2019, appendix H.1)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lth_core.models.networks.lenet import linear_layers
from lth_core.models.requirements import Dropout, Width, check_dropout, image_shape, scaled
from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn

BLOCK_FILTERS = (64, 128, 256)
HIDDEN = (256, 256)


@model("conv-2", least_side=2)
def conv_2(classes: int, input_shape: Sequence[int], width: Width = 1.0, dropout: Dropout = 0.0) -> nn.Module:
    """Two 3x3 convolutions (64 filters), max-pooling, linear layers of 256, 256 and `classes`."""
    return convolutional_network(2, classes, input_shape, width, dropout)


@model("conv-4", least_side=4)
def conv_4(classes: int, input_shape: Sequence[int], width: Width = 1.0, dropout: Dropout = 0.0) -> nn.Module:
    """Conv-2 with a second block of 128 filters."""
    return convolutional_network(4, classes, input_shape, width, dropout)


@model("conv-6", least_side=8)
def conv_6(classes: int, input_shape: Sequence[int], width: Width = 1.0, dropout: Dropout = 0.0) -> nn.Module:
    """Conv-4 with a third block of 256 filters."""
    return convolutional_network(6, classes, input_shape, width, dropout)


def convolutional_network(
    depth: int, classes: int, input_shape: Sequence[int], width: float, dropout: float
) -> nn.Module:
    """Build `depth` / 2 blocks of two 3x3 convolutions and max-pooling, two hidden linear layers and the output layer.

    The paper does not say which layers drop out; here `dropout` acts on the outputs of the two hidden linear layers.
    Raises ModelError for images that the poolings would shrink to nothing.
    """
    from torch import nn

    network = f"conv-{depth}"
    check_dropout(network, dropout)
    blocks = depth // 2
    inputs, height, breadth = image_shape(network, input_shape)
    layers: dict[str, nn.Module] = {}
    for block in range(blocks):
        filters = scaled(network, BLOCK_FILTERS[block], width)
        for number in (2 * block + 1, 2 * block + 2):
            layers[f"conv{number}"] = nn.Conv2d(inputs, filters, kernel_size=3, padding=1)
            layers[f"conv{number}_relu"] = nn.ReLU()
            inputs = filters
        layers[f"pool{block + 1}"] = nn.MaxPool2d(2)
    features = inputs * (height // 2**blocks) * (breadth // 2**blocks)
    hidden = [scaled(network, size, width) for size in HIDDEN]
    linear = linear_layers(features, hidden, classes, dropout)
    return nn.Sequential(OrderedDict(**layers, flatten=nn.Flatten(), **linear))
