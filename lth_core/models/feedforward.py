"""LeNet and Conv-2/4/6: plain stacks without batch norm (Frankle & Carbin 2019, figure 2 and appendix H.1)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from lth_core.models.requirements import check_dropout, check_hidden, image_shape, scaled

CONV_BLOCK_FILTERS = (64, 128, 256)
CONV_HIDDEN = (256, 256)


def fully_connected_network(
    network: str, classes: int, input_shape: Sequence[int], hidden: Sequence[int], dropout: float
) -> nn.Module:
    """Flatten, then linear layers of the `hidden` sizes with ReLU, then the output layer.

    `dropout` acts on the output of every hidden layer. Raises ModelError for impossible options.
    """
    check_hidden(network, hidden)
    check_dropout(network, dropout)
    layers = _linear_layers(math.prod(input_shape), hidden, classes, dropout)
    return nn.Sequential(OrderedDict(flatten=nn.Flatten(), **layers))


def convolutional_network(
    network: str, depth: int, classes: int, input_shape: Sequence[int], width: float, dropout: float
) -> nn.Module:
    """`depth` / 2 blocks of two 3x3 convolutions and max-pooling, then two hidden linear layers and the output layer.

    The paper does not say which layers drop out; here `dropout` acts on the outputs of the two hidden linear layers.
    Raises ModelError for images that the poolings would shrink to nothing.
    """
    check_dropout(network, dropout)
    blocks = depth // 2
    inputs, height, breadth = image_shape(network, input_shape)
    layers: dict[str, nn.Module] = {}
    for block in range(blocks):
        filters = scaled(network, CONV_BLOCK_FILTERS[block], width)
        for number in (2 * block + 1, 2 * block + 2):
            layers[f"conv{number}"] = nn.Conv2d(inputs, filters, kernel_size=3, padding=1)
            layers[f"conv{number}_relu"] = nn.ReLU()
            inputs = filters
        layers[f"pool{block + 1}"] = nn.MaxPool2d(2)
    features = inputs * (height // 2**blocks) * (breadth // 2**blocks)
    hidden = [scaled(network, size, width) for size in CONV_HIDDEN]
    linear = _linear_layers(features, hidden, classes, dropout)
    return nn.Sequential(OrderedDict(**layers, flatten=nn.Flatten(), **linear))


def _linear_layers(inputs: int, hidden: Sequence[int], classes: int, dropout: float) -> dict[str, nn.Module]:
    layers: dict[str, nn.Module] = {}
    for number, size in enumerate(hidden, start=1):
        layers[f"fc{number}"] = nn.Linear(inputs, size)
        layers[f"fc{number}_relu"] = nn.ReLU()
        if dropout:
            layers[f"fc{number}_dropout"] = nn.Dropout(dropout)
        inputs = size
    layers[f"fc{len(hidden) + 1}"] = nn.Linear(inputs, classes)
    return layers
