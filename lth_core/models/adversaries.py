"""Generative adversarial networks: pixels and noise (B, pixels + latents) -> what the objective `gan` reads (B, 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from lth_core.models.autoencoders import generator

SLOPE = 0.2
"""Of leaky ReLU below 0, with which a discriminator that is sure of its case still passes on gradients."""


class Adversaries(nn.Module):
    """A generator from latent numbers to the logits of pixels, and a discriminator of real pixels and generated ones.

    Outputs (B, 3): the discriminator's scores (logits of being real) of the real images; of generated ones, without a
    way back to the generator; and of the same with the discriminator's weights as constants. A loss of all three so has
    each player's own gradient.
    """

    def __init__(self, pixels: int, hidden: int, latents: int, critics: int, dropout: float):
        """`critics`: hidden units of each of the discriminator's two layers, on whose outputs `dropout` acts."""
        super().__init__()
        self.pixels, self.extra_inputs = pixels, latents
        self.generator = generator(latents, hidden, pixels)
        self.discriminator = discriminator(pixels, critics, dropout)
        kinds = [*last_is_output("generator", self.generator), *last_is_output("discriminator", self.discriminator)]
        self.prunable = dict(kinds)

    def forward(self, inputs: Tensor) -> Tensor:
        real, latents = inputs[:, : self.pixels], inputs[:, self.pixels :]
        fakes = self.generator(latents).sigmoid()
        of_both = self.discriminator(torch.cat([real, fakes.detach()])).chunk(2)
        return torch.cat([*of_both, as_constants(self.discriminator, fakes)], dim=1)


def discriminator(pixels: int, hidden: int, dropout: float) -> nn.Sequential:
    """Make layers from pixels (B, pixels) to the logit of being real (B, 1)."""
    layers: list[nn.Module] = []
    for inputs in (pixels, hidden):
        layers += [nn.Linear(inputs, hidden), nn.LeakyReLU(SLOPE)]
        layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Linear(hidden, 1))


def last_is_output(path: str, layers: nn.Sequential) -> list[tuple[str, str]]:
    """List the weights of linear layers with their kinds: the last one is the output."""
    names = [f"{path}.{name}.weight" for name, layer in layers.named_children() if isinstance(layer, nn.Linear)]
    return [(name, "output" if name == names[-1] else "hidden") for name in names]


def as_constants(layers: nn.Sequential, inputs: Tensor) -> Tensor:
    """Apply layers to inputs, from which alone gradients are taken: not from the layers' weights."""
    for layer in layers:
        if isinstance(layer, nn.Linear):
            inputs = linear(inputs, layer.weight.detach(), layer.bias.detach())
        else:
            inputs = layer(inputs)
    return inputs
