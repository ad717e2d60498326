"""The built-in networks by name. A factory's arguments after `input_shape` are options of the config.

torch is imported when a network is built, not here: checking a config needs only the signatures. Every network takes
any number of channels and ends in raw scores (logits), one per class. `width` multiplies the paper's numbers of
filters and hidden units. `least_side`: of smaller images, in pixels, the poolings would leave nothing. `any_size`: its
weights have the same shapes whatever the size of the images, which a global average pooling sees to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveInt

from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn

Width = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Dropout = Annotated[float, Field(ge=0, lt=1)]


@model("lenet")
def lenet(
    classes: int, input_shape: Sequence[int], hidden: Sequence[PositiveInt] = (300, 100), dropout: Dropout = 0.0
) -> nn.Module:
    """LeNet-300-100 (Frankle & Carbin 2019, figure 2): linear layers and ReLU on the flattened input."""
    from lth_core.models.feedforward import fully_connected_network

    return fully_connected_network("lenet", classes, input_shape, hidden, dropout)


# ---------------------------------------------------------------- Conv-2/4/6 (Frankle & Carbin 2019, appendix H.1)


def _conv(depth: int, classes: int, input_shape: Sequence[int], width: float, dropout: float) -> nn.Module:
    from lth_core.models.feedforward import convolutional_network

    return convolutional_network(f"conv-{depth}", depth, classes, input_shape, width, dropout)


@model("conv-2", least_side=2)
def conv_2(classes: int, input_shape: Sequence[int], width: Width = 1.0, dropout: Dropout = 0.0) -> nn.Module:
    """Two 3x3 convolutions (64 filters), max-pooling, linear layers of 256, 256 and `classes`."""
    return _conv(2, classes, input_shape, width, dropout)


@model("conv-4", least_side=4)
def conv_4(classes: int, input_shape: Sequence[int], width: Width = 1.0, dropout: Dropout = 0.0) -> nn.Module:
    """Conv-2 with a second block of 128 filters."""
    return _conv(4, classes, input_shape, width, dropout)


@model("conv-6", least_side=8)
def conv_6(classes: int, input_shape: Sequence[int], width: Width = 1.0, dropout: Dropout = 0.0) -> nn.Module:
    """Conv-4 with a third block of 256 filters."""
    return _conv(6, classes, input_shape, width, dropout)


# ---------------------------------------------------------------- VGG for CIFAR (Frankle & Carbin 2019, appendix I.2)


def _vgg(depth: int, classes: int, input_shape: Sequence[int], width: float) -> nn.Module:
    from lth_core.models.vgg import vgg

    return vgg(depth, classes, input_shape, width)


@model("vgg-11", least_side=16, any_size=True)
def vgg_11(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Eight 3x3 convolutions with batch norm, global average pooling, one linear layer."""
    return _vgg(11, classes, input_shape, width)


@model("vgg-16", least_side=16, any_size=True)
def vgg_16(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Thirteen 3x3 convolutions with batch norm, global average pooling, one linear layer."""
    return _vgg(16, classes, input_shape, width)


@model("vgg-19", least_side=16, any_size=True)
def vgg_19(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Sixteen 3x3 convolutions with batch norm, global average pooling, one linear layer."""
    return _vgg(19, classes, input_shape, width)


# ---------------------------------------------------------------- ResNet for CIFAR (He et al. 2016, section 4.2)


def _resnet(depth: int, classes: int, input_shape: Sequence[int], width: float) -> nn.Module:
    from lth_core.models.resnet import ResNet

    return ResNet(depth, classes, input_shape, width)


@model("resnet-8", any_size=True)
def resnet_8(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Three stages of one residual block (16, 32, 64 filters): the smallest of its kind."""
    return _resnet(8, classes, input_shape, width)


@model("resnet-14", any_size=True)
def resnet_14(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Three stages of 2 residual blocks (16, 32, 64 filters)."""
    return _resnet(14, classes, input_shape, width)


@model("resnet-20", any_size=True)
def resnet_20(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Three stages of 3 residual blocks (16, 32, 64 filters); Frankle & Carbin 2019 call it Resnet-18."""
    return _resnet(20, classes, input_shape, width)


@model("resnet-32", any_size=True)
def resnet_32(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Three stages of 5 residual blocks (16, 32, 64 filters)."""
    return _resnet(32, classes, input_shape, width)


@model("resnet-56", any_size=True)
def resnet_56(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Three stages of 9 residual blocks (16, 32, 64 filters)."""
    return _resnet(56, classes, input_shape, width)


@model("resnet-110", any_size=True)
def resnet_110(classes: int, input_shape: Sequence[int], width: Width = 1.0) -> nn.Module:
    """Three stages of 18 residual blocks (16, 32, 64 filters)."""
    return _resnet(110, classes, input_shape, width)


# ---------------------------------------------------------------- ResNet for larger images (He et al. 2016, table 1)


@model("resnet18", any_size=True)
def resnet18(classes: int, input_shape: Sequence[int]) -> nn.Module:
    """torchvision's ResNet-18, untrained; made for images of about 224x224 pixels."""
    from lth_core.models.resnet import torchvision_resnet

    return torchvision_resnet("resnet18", classes, input_shape)


@model("resnet50", any_size=True)
def resnet50(classes: int, input_shape: Sequence[int]) -> nn.Module:
    """torchvision's ResNet-50, untrained; made for images of about 224x224 pixels."""
    from lth_core.models.resnet import torchvision_resnet

    return torchvision_resnet("resnet50", classes, input_shape)
