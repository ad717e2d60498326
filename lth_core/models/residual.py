"""The layers of the narrow residual networks for CIFAR (He et al. 2016, section 4.2)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from lth_core.models.requirements import image_shape, scaled

STAGE_FILTERS = (16, 32, 64)


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm, added to the input.

    Where the shape changes, the input passes a 1x1 convolution with batch norm named `shortcut`: a method excludes it
    with the pattern `*.shortcut.*`, as Frankle & Carbin 2019 (appendix I.3) do.
    """

    def __init__(self, inputs: int, filters: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, filters, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != filters:
            convolution = nn.Conv2d(inputs, filters, kernel_size=1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(OrderedDict(conv=convolution, bn=nn.BatchNorm2d(filters)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = functional.relu(self.bn1(self.conv1(images)))
        return functional.relu(self.bn2(self.conv2(hidden)) + self.shortcut(images))


class ResNet(nn.Module):
    """A 3x3 convolution, three stages of residual blocks, global average pooling, one linear layer.

    `depth` is 6n + 2 for n blocks a stage. Takes images of any size.
    """

    def __init__(self, depth: int, classes: int, input_shape: Sequence[int], width: float):
        super().__init__()
        network = f"resnet-{depth}"
        channels, _, _ = image_shape(network, input_shape)
        inputs = scaled(network, STAGE_FILTERS[0], width)
        self.conv = nn.Conv2d(channels, inputs, kernel_size=3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(inputs)
        self.stages = nn.Sequential()
        for stage, size in enumerate(STAGE_FILTERS, start=1):
            filters = scaled(network, size, width)
            blocks = []
            for block in range((depth - 2) // 6):
                blocks.append(Block(inputs, filters, stride=2 if stage > 1 and block == 0 else 1))
                inputs = filters
            self.stages.add_module(f"stage{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = self.stages(functional.relu(self.bn(self.conv(images))))
        return self.fc(hidden.mean(dim=(2, 3)))
