"""Variational autoencoders: pixels and noise (B, pixels + latents) -> what the objective `vae` reads (B, _)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

PRUNABLE = {
    "encoder.0.weight": "hidden",
    "mean.weight": "latent",
    "log_variance.weight": "latent",
    "generator.0.weight": "hidden",
    "generator.2.weight": "output",
}
"""The weights to prune, and their kinds."""


class Autoencoder(nn.Module):
    """An encoder to mean and log variance of latent numbers, and a generator from these to the logits of pixels.

    Outputs (B, pixels + 2 latents): the logits, the means and the log variances. `generator` has the layers of that of
    a GAN of one hidden layer, so that masks and weights fit both.
    """

    def __init__(self, pixels: int, hidden: int, latents: int):
        super().__init__()
        self.pixels, self.extra_inputs = pixels, latents
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(hidden, latents), nn.Linear(hidden, latents)
        self.generator = generator(latents, hidden, pixels)
        self.prunable = PRUNABLE

    def forward(self, inputs: Tensor) -> Tensor:
        pixels, noise = inputs[:, : self.pixels], inputs[:, self.pixels :]
        hidden = self.encoder(pixels)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        latents = mean + (log_variance / 2).exp() * noise
        return torch.cat([self.generator(latents), mean, log_variance], dim=1)


def generator(latents: int, hidden: int, pixels: int) -> nn.Sequential:
    """Make layers from latent numbers (B, latents) to the logits of pixels (B, pixels)."""
    return nn.Sequential(nn.Linear(latents, hidden), nn.ReLU(), nn.Linear(hidden, pixels))
