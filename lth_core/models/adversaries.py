"""Generative adversarial networks: pixels and noise (B, pixels + latents) -> what the objective `gan` reads (B, 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from lth_core.models.autoencoders import generator

SLOPE = 0.2
"""Of leaky ReLU below 0, with which a discriminator that is sure of its case still passes on gradients."""
PRUNABLE = {
    "generator.0.weight": "hidden",
    "generator.2.weight": "output",
    "discriminator.0.weight": "hidden",
    "discriminator.2.weight": "hidden",
    "discriminator.4.weight": "output",
}
"""The weights to prune, and their kinds."""


class Adversaries(nn.Module):
    """A generator from latent numbers to the logits of pixels, and a discriminator of real pixels and generated ones.

    Outputs (B, 3): the discriminator's scores (logits of being real) of the real images; of generated ones, without a
    way back to the generator; and of the same with the discriminator's weights as constants. A loss of all three so has
    each player's own gradient.
    """

    def __init__(self, pixels: int, hidden: int, latents: int, discriminator_hidden: int):
        super().__init__()
        self.pixels, self.extra_inputs = pixels, latents
        self.generator = generator(latents, hidden, pixels)
        self.discriminator = nn.Sequential(
            nn.Linear(pixels, discriminator_hidden),
            nn.LeakyReLU(SLOPE),
            nn.Linear(discriminator_hidden, discriminator_hidden),
            nn.LeakyReLU(SLOPE),
            nn.Linear(discriminator_hidden, 1),
        )
        self.prunable = PRUNABLE

    def forward(self, inputs: Tensor) -> Tensor:
        real, latents = inputs[:, : self.pixels], inputs[:, self.pixels :]
        fakes = self.generator(latents).sigmoid()
        own = self.discriminator(torch.cat([real, fakes.detach()])).chunk(2)
        return torch.cat([*own, as_constants(self.discriminator, fakes)], dim=1)


def as_constants(layers: nn.Sequential, inputs: Tensor) -> Tensor:
    """Apply layers to inputs, from which alone gradients are taken: not from the layers' weights."""
    for layer in layers:
        if isinstance(layer, nn.Linear):
            inputs = linear(inputs, layer.weight.detach(), layer.bias.detach())
        else:
            inputs = layer(inputs)
    return inputs
