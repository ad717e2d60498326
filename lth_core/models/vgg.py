"""VGG in its form for CIFAR: batch norm, global average pooling and a single linear layer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from lth_core.models.requirements import image_shape, scaled

STAGE_FILTERS = (64, 128, 256, 512, 512)
STAGE_CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def vgg(depth: int, classes: int, input_shape: Sequence[int], width: float) -> nn.Module:
    """Five stages of 3x3 convolutions, each with batch norm and ReLU, and max-pooling between the stages.

    Convolutions have no bias, since the batch norm after them has one. Raises ModelError for images that the four
    poolings would shrink to nothing.
    """
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
