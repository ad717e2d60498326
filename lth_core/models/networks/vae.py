"""A variational autoencoder of linear layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import PositiveInt

from lth_core.models.requirements import check_counts
from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn


@model("vae")
def vae(input_shape: Sequence[int], hidden: PositiveInt = 400, latents: PositiveInt = 20) -> nn.Module:
    """Variational autoencoder: a hidden layer of ReLU on each side of `latents` numbers (Kingma & Welling 2014).

    `hidden` units encode the pixels, and as many decode the latents. The two heads of the encoder, mean and log
    variance, are of kind latent, the last layer is the output. Raises ModelError for impossible options.
    """
    check_counts("vae", hidden=hidden, latents=latents)
    from lth_core.models.autoencoders import Autoencoder

    return Autoencoder(math.prod(input_shape), hidden, latents)
