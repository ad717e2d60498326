"""Denoising diffusion: how noise is added, the loss, its gradient, and images drawn by a network that knows them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lth_core.models.networks.denoiser import denoiser
from lth_core.tasks.base import Examples
from lth_core.tasks.objectives.diffusion import Denoised, diffusion, gradient

PIXELS, FEATURES = 4, 6
DIFFUSION = Denoised(noise_steps=10)


class Knowing(nn.Module):
    """Knows the one image that there is, so that it predicts the noise exactly."""

    extra_inputs = FEATURES

    def __init__(self, image: Tensor, wrong: float = 0.0):
        super().__init__()
        self.image, self.wrong = nn.Parameter(2 * image - 1), wrong
        self.seen: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen.append(inputs[:, :PIXELS])
        noisy, angle = inputs[:, :PIXELS], torch.acos(inputs[:, PIXELS + FEATURES // 2, None].clamp(-1, 1))
        kept = DIFFUSION.kept((angle / torch.pi * DIFFUSION.noise_steps).round())
        return (noisy - kept.sqrt() * self.image) / (1 - kept).sqrt() + self.wrong


def test_a_network_that_knows_the_noise_draws_the_image() -> None:
    image = torch.tensor([0.1, 0.9, 0.5, 0.0])
    with torch.no_grad():
        drawn = DIFFUSION.draw(Knowing(image), PIXELS, 3, np.random.default_rng(0))
    assert drawn.numpy() == pytest.approx(np.tile(image.numpy(), (3, 1)), abs=1e-4)


def test_on_the_way_back_images_are_as_noisy_as_those_that_are_trained_on() -> None:
    module = Knowing(torch.tensor([0.1, 0.9, 0.5, 0.0]))
    with torch.no_grad():
        DIFFUSION.draw(module, PIXELS, 20_000, np.random.default_rng(0))
    for step, noisy in zip(range(10, 0, -1), module.seen, strict=True):
        kept = DIFFUSION.kept(torch.tensor(float(step)))
        assert noisy.mean(dim=0).numpy() == pytest.approx((kept.sqrt() * module.image).detach().numpy(), abs=0.03)
        assert noisy.var(dim=0).numpy() == pytest.approx(np.full(PIXELS, float(1 - kept)), abs=0.04)


def test_where_the_prediction_is_not_finite_the_image_is_not_either() -> None:
    with torch.no_grad():
        drawn = DIFFUSION.draw(Knowing(torch.zeros(PIXELS), wrong=torch.inf), PIXELS, 2, np.random.default_rng(0))
    assert drawn.isnan().all()


def test_noise_grows_from_next_to_nothing_to_nearly_all() -> None:
    kept = DIFFUSION.kept(torch.arange(11.0))
    assert kept[0] == 1 and kept[-1] < 0.001 and (kept.diff() < 0).all()


def test_inputs_are_the_noisy_image_and_its_time_and_targets_the_noise() -> None:
    module = denoiser((1, 2, 2), hidden=[5], time_features=FEATURES)
    noise = torch.tensor([[0.5, -0.5, 1.0, 0.0, 0.35]])  # the uniform number stands for time 4 of 10
    inputs, targets = DIFFUSION.examples(module, torch.tensor([[0.0, 1.0, 0.5, 0.5]]), noise)
    kept = DIFFUSION.kept(torch.tensor(4.0))
    clean = torch.tensor([-1.0, 1.0, 0.0, 0.0])
    assert targets.tolist() == noise[:, :4].tolist()
    assert inputs[0, :4].numpy() == pytest.approx((kept.sqrt() * clean + (1 - kept).sqrt() * targets[0]).numpy())
    angles = np.pi * np.arange(1, 4) * 4 / 10
    assert inputs[0, 4:].numpy() == pytest.approx([*np.sin(angles), *np.cos(angles)], abs=1e-6)


def test_every_time_comes_and_none_beyond_the_last() -> None:
    module = denoiser((1, 2, 2), hidden=[5], time_features=FEATURES)
    noise = torch.from_numpy(DIFFUSION.noise(module, PIXELS, 500, np.random.default_rng(0)))
    noise[0, -1] = 0.99999997  # rounds to 1
    inputs, _ = DIFFUSION.examples(module, torch.zeros(500, PIXELS), noise)
    times = torch.acos(inputs[:, PIXELS + FEATURES // 2].clamp(-1, 1)) / torch.pi * 10
    assert sorted({round(time, 2) for time in times.tolist()}) == list(range(1, 11))


def test_the_loss_is_the_mean_square_over_pixels_and_its_gradient_by_hand_that_of_autograd() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs, targets = (torch.randn(2, 3, PIXELS, generator=generator) for _ in range(2))
    batch = Examples(torch.zeros(2, 3, 1), targets)
    leaf = outputs.clone().requires_grad_()
    losses = [diffusion(leaf[index], batch.replicate(index))["loss"] for index in range(2)]
    assert losses[0].tolist() == pytest.approx((outputs - targets)[0].square().mean(-1).tolist())
    torch.stack(losses).mean(dim=1).sum().backward()
    assert leaf.grad is not None
    assert gradient(outputs, batch).numpy() == pytest.approx(leaf.grad.numpy(), abs=1e-6)
