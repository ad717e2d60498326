"""Residual networks: the narrow ones for CIFAR, and torchvision's for images of about 224x224 pixels.

The layers of the narrow ones are in `lth_core/models/residual.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lth_core.models.requirements import Width, image_shape
from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn

# ---------------------------------------------------------------- for CIFAR (He et al. 2016, section 4.2)


def _residual_network(depth: int, classes: int, input_shape: Sequence[int], width: float) -> nn.Module:
    from lth_core.models.residual import ResNet

    return ResNet(depth, classes, input_shape, width)


@model("resnet-8", any_size=True)
def resnet_8(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Three stages of one residual block (16, 32, 64 filters): the smallest of its kind."""
    return _residual_network(8, classes, input_shape, width)


@model("resnet-14", any_size=True)
def resnet_14(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Three stages of 2 residual blocks (16, 32, 64 filters)."""
    return _residual_network(14, classes, input_shape, width)


@model("resnet-20", any_size=True)
def resnet_20(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Three stages of 3 residual blocks (16, 32, 64 filters); Frankle & Carbin 2019 call it Resnet-18."""
    return _residual_network(20, classes, input_shape, width)


@model("resnet-32", any_size=True)
def resnet_32(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Three stages of 5 residual blocks (16, 32, 64 filters)."""
    return _residual_network(32, classes, input_shape, width)


@model("resnet-56", any_size=True)
def resnet_56(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Three stages of 9 residual blocks (16, 32, 64 filters)."""
    return _residual_network(56, classes, input_shape, width)


@model("resnet-110", any_size=True)
def resnet_110(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Three stages of 18 residual blocks (16, 32, 64 filters)."""
    return _residual_network(110, classes, input_shape, width)


# ---------------------------------------------------------------- for larger images (He et al. 2016, table 1)


@model("resnet18", any_size=True)
def resnet18(classes: int, input_shape: Sequence[int]) -> nn.Module:
    """torchvision's ResNet-18, untrained; made for images of about 224x224 pixels."""
    return torchvision_resnet("resnet18", classes, input_shape)


@model("resnet50", any_size=True)
def resnet50(classes: int, input_shape: Sequence[int]) -> nn.Module:
    """torchvision's ResNet-50, untrained; made for images of about 224x224 pixels."""
    return torchvision_resnet("resnet50", classes, input_shape)


def torchvision_resnet(name: str, classes: int, input_shape: Sequence[int]) -> nn.Module:
    """Build torchvision's network of that name, untrained, with one input channel per channel of the images.

    torchvision calls the 1x1 shortcuts `downsample`.
    """
    from torch import nn
    from torchvision import models

    channels, _, _ = image_shape(name, input_shape)
    network: Any = models.get_model(name, weights=None, num_classes=classes)
    if channels != network.conv1.in_channels:
        first = network.conv1
        network.conv1 = nn.Conv2d(
            channels, first.out_channels, first.kernel_size, first.stride, first.padding, bias=False
        )
    return network
