"""VGG in its form for CIFAR (Frankle & Carbin 2019, appendix I.2): batch norm, and a single linear layer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lth_core.models.requirements import Width, image_shape, scaled
from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn

STAGE_FILTERS = (64, 128, 256, 512, 512)
STAGE_CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


@model("vgg-11", least_side=16, any_size=True)
def vgg_11(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Eight 3x3 convolutions with batch norm, global average pooling, one linear layer."""
    return vgg(11, classes, input_shape, width)


@model("vgg-16", least_side=16, any_size=True)
def vgg_16(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Thirteen 3x3 convolutions with batch norm, global average pooling, one linear layer."""
    return vgg(16, classes, input_shape, width)


@model("vgg-19", least_side=16, any_size=True)
def vgg_19(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Sixteen 3x3 convolutions with batch norm, global average pooling, one linear layer."""
    return vgg(19, classes, input_shape, width)


def vgg(depth: int, classes: int, input_shape: Sequence[int], width: float) -> nn.Module:
    """Build five stages of 3x3 convolutions, each with batch norm and ReLU, and max-pooling between the stages.

    Convolutions have no bias, since the batch norm after them has one. Raises ModelError for images that the four
    poolings would shrink to nothing.
    """
    from torch import nn

    network = f"vgg-{depth}"
    inputs, _, _ = image_shape(network, input_shape)
    layers: dict[str, nn.Module] = {}
    number = 0
    for stage, (size, convolutions) in enumerate(zip(STAGE_FILTERS, STAGE_CONVOLUTIONS[depth], strict=True)):
        if stage:
            layers[f"pool{stage}"] = nn.MaxPool2d(2)
        filters = scaled(network, size, width)
        for _ in range(convolutions):
            number += 1
            layers[f"conv{number}"] = nn.Conv2d(inputs, filters, kernel_size=3, padding=1, bias=False)
            layers[f"bn{number}"] = nn.BatchNorm2d(filters)
            layers[f"relu{number}"] = nn.ReLU()
            inputs = filters
    head = {"average": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(inputs, classes)}
    return nn.Sequential(OrderedDict(**layers, **head))
