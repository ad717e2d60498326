"""A generative adversarial network of linear layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import PositiveInt

from lth_core.models.requirements import Dropout, check_counts, check_dropout
from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn


@model("gan")
def gan(
    input_shape: Sequence[int],
    hidden: PositiveInt = 400,
    latents: PositiveInt = 20,
    discriminator_hidden: PositiveInt = 400,
    dropout: Dropout = 0.0,
) -> nn.Module:
    """Generator and discriminator as one network (Goodfellow et al. 2014), for the objective `gan`.

    `generator` is that of `vae` with the same `hidden` and `latents`, so that tickets pass between the two;
    `discriminator` has two layers of `discriminator_hidden` leaky ReLUs, with `dropout`, which keeps it from learning
    the training images by heart. Methods prune one of the two by excluding the other: `exclude: [discriminator.*]`.
    Raises ModelError for impossible options.
    """
    check_counts("gan", hidden=hidden, latents=latents, discriminator_hidden=discriminator_hidden)
    check_dropout("gan", dropout)
    from lth_core.models.adversaries import Adversaries

    return Adversaries(math.prod(input_shape), hidden, latents, discriminator_hidden, dropout)
