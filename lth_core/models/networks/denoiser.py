"""A network that predicts the noise in an image, for diffusion models."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import PositiveInt

from lth_core.models.networks.lenet import linear_layers
from lth_core.models.requirements import check_counts, check_hidden
from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn


@model("denoiser")
def denoiser(
    input_shape: Sequence[int], hidden: Sequence[PositiveInt] = (512, 512), time_features: PositiveInt = 16
) -> nn.Module:
    """Linear layers and ReLU that predict the noise in a noisy image (Ho et al. 2020).

    `hidden`: the sizes of the hidden layers. The network takes the pixels and `time_features` (sines and cosines of how
    far diffusion went; an even number), and returns a number for each pixel. Raises ModelError for impossible options.
    """
    from torch import nn

    check_hidden("denoiser", hidden)
    check_counts("denoiser", time_features=time_features)
    pixels = math.prod(input_shape)
    network = nn.Sequential(OrderedDict(linear_layers(pixels + time_features, hidden, pixels, 0.0)))
    network.extra_inputs = time_features  # pyright: ignore[reportArgumentType] (a number is one, too)
    return network
