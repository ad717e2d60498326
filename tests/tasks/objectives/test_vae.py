"""The negative ELBO of an image, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lth_core.tasks.base import Examples
from lth_core.tasks.objectives.vae import vae

PIXELS = torch.tensor([[1.0, 0.25]])
LOGITS = [math.log(3.0), 0.0]
"""Probabilities of 3/4 and 1/2."""
RECONSTRUCTION = -math.log(0.75) - math.log(0.5)


def measured(mean: float, variance: float, **options: float) -> dict[str, float]:
    outputs = torch.tensor([[*LOGITS, mean, math.log(variance)]])
    values: dict[str, Tensor] = vae(outputs, Examples(torch.zeros(1, 3), PIXELS), **options)
    return {name: value.item() for name, value in values.items()}


def test_latents_like_the_prior_cost_nothing() -> None:
    names = ["loss", "negative_elbo", "reconstruction"]
    assert measured(0.0, 1.0) == pytest.approx(dict.fromkeys(names, RECONSTRUCTION))


def test_other_latents_cost_their_divergence_from_the_prior() -> None:
    values = measured(2.0, 0.5)
    divergence = (4.0 + 0.5 - 1 - math.log(0.5)) / 2
    assert values["negative_elbo"] == pytest.approx(RECONSTRUCTION + divergence)
    assert values["reconstruction"] == pytest.approx(RECONSTRUCTION)


def test_the_weight_of_the_divergence_is_in_the_loss_alone() -> None:
    plain, weighted = measured(2.0, 0.5), measured(2.0, 0.5, kl_weight=3.0)
    divergence = plain["negative_elbo"] - plain["reconstruction"]
    assert weighted["loss"] == pytest.approx(plain["loss"] + 2 * divergence)
    assert weighted["negative_elbo"] == plain["negative_elbo"]
