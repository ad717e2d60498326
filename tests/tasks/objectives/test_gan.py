"""Two players in one loss: each has the gradient of its own, alone and in cohorts, with noise from the batch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from lth_core.config import Choice, Initialization, Recipe
from lth_core.data.reading import open_data
from lth_core.models.initialization import initialize_cohort
from lth_core.models.networks.gan import gan as network
from lth_core.models.requirements import ModelError
from lth_core.pruning.exclusions import prunable
from lth_core.tasks.base import Examples
from lth_core.tasks.objectives.gan import gan
from lth_core.tasks.opening import build_task
from lth_core.training.state import start_state
from tests.support.small_trainings import run, same_bits

ADAM = {"name": "adam", "learning_rate": 1e-3, "betas": [0.5, 0.999]}
SIZES = {"hidden": 12, "latents": 4, "discriminator_hidden": 8}


def build() -> Any:
    return network((1, 6, 6), **SIZES)


@pytest.fixture
def task(data_file: Path) -> Any:
    recipe = Recipe.model_validate({"optimizer": ADAM, "batch_size": 10, "steps": 20, "evaluate_every": 10})
    return build_task(build(), open_data(data_file), recipe, torch.device("cpu"), Choice(name="gan"))


@pytest.fixture
def weights() -> dict[str, np.ndarray]:
    return initialize_cohort(build, Initialization(), [0, 1, 2])


def test_the_loss_is_that_of_both_players() -> None:
    """Scores of log(3) are a probability of 3/4 of being real."""
    outputs = torch.tensor([[math.log(3), -math.log(3), -math.log(3)], [0.0, 0.0, 0.1]])
    measured = gan(outputs, Examples(torch.zeros(2, 5), torch.zeros(2, 4)))
    expected = [-math.log(3 / 4) - math.log(3 / 4) - math.log(1 / 4), 2 * math.log(2) + math.log1p(math.exp(-0.1))]
    assert measured["loss"].tolist() == pytest.approx(expected)
    assert measured["fooled"].tolist() == [False, True]


def test_each_player_has_the_gradient_of_its_own_loss(task: Any) -> None:
    """As in an ordinary loop with two losses, each differentiated by one player's weights."""
    module, (batch,) = task.module, task.minibatches([0], 0, 0, 1)
    batch = batch.replicate(0)
    real, latents = batch.inputs[:, :36], batch.inputs[:, 36:]
    critic, fakes = module.discriminator, module.generator(latents).sigmoid()
    of_critic = softplus(-critic(real)).mean() + softplus(critic(fakes.detach())).mean()
    expected = [
        *torch.autograd.grad(softplus(-critic(fakes)).mean(), [*module.generator.parameters()]),
        *torch.autograd.grad(of_critic, [*critic.parameters()]),
    ]
    task.losses(module(batch.inputs), batch).mean().backward()
    for (name, parameter), gradient in zip(module.named_parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, msg=name)


def test_real_pixels_are_between_0_and_1_and_latent_numbers_are_each_seeds_own(task: Any) -> None:
    (batch,) = task.minibatches([0, 1], 0, 3, 4)
    (alone,) = task.minibatches([1], 0, 3, 4)
    assert torch.equal(alone.inputs[0], batch.inputs[1])
    assert batch.inputs[..., :36].min() >= 0 and batch.inputs[..., :36].max() <= 1
    latents = batch.inputs[..., 36:]
    assert latents.shape == (2, 10, 4) and not torch.equal(latents[0], latents[1])


def test_a_cohort_is_computed_at_once_as_in_turn(task: Any, weights: Any) -> None:
    cohorts = [start_state(task, weights, {}, together=together).cohort for together in (False, True)]
    assert cohorts[0].stacks()
    (batch,) = task.minibatches([0, 1, 2], 0, 0, 1)
    in_turn, at_once = (cohort.gradients(batch, [0, 0, 0]) for cohort in cohorts)
    names = cohorts[0].trainable
    for index, name in enumerate(names):
        turns = torch.stack([in_turn[replicate * len(names) + index] for replicate in range(3)])
        torch.testing.assert_close(at_once[index], turns, rtol=1e-4, atol=1e-6, msg=name)


def test_both_players_learn_and_what_is_pruned_stays_0(task: Any, weights: Any) -> None:
    random = np.random.default_rng(0)
    mask = {
        name: random.random(weights[name].shape) < 0.5 for name in prunable(task.module.prunable, ["discriminator.*"])
    }
    assert list(mask) == ["generator.0.weight", "generator.2.weight"]
    first, again = (run(task, weights, mask, [0, 1, 2]) for _ in range(2))
    assert same_bits(first.weights, again.weights)
    for name, value in first.weights.items():
        assert not np.array_equal(value, weights[name]), name
        if name in mask:
            assert not value[~mask[name]].any()


def test_images_are_drawn_by_the_generator_alone(task: Any, weights: Any) -> None:
    one = {name: value[0] for name, value in weights.items()}
    images = task.draw(one, 5, seed=3)
    other = {name: value + 1 if name.startswith("discriminator") else value for name, value in one.items()}
    assert images.shape == (5, 1, 6, 6) and images.min() >= 0 and images.max() <= 1
    assert torch.equal(images, task.draw(other, 5, seed=3))


def test_a_network_without_two_players_is_refused(task: Any) -> None:
    from lth_core.models.networks.vae import vae

    with pytest.raises(ModelError, match="real image"):
        task.generation.check(vae((1, 6, 6), hidden=12, latents=4), 36)
