"""Tasks of networks that make images: pixels and noise in batches, images drawn, and what cannot be trained so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.config import Choice, Initialization, Recipe
from lth_core.data.reading import open_data
from lth_core.engine.cohort import Cohort
from lth_core.models.initialization import initialize_cohort
from lth_core.models.networks.denoiser import denoiser
from lth_core.models.networks.lenet import lenet
from lth_core.models.networks.vae import vae
from lth_core.models.requirements import ModelError
from lth_core.runtime.shares import Share
from lth_core.storage.tensors import read_tensors
from lth_core.tasks.base import TaskError
from lth_core.tasks.fitting import check_measures, check_network
from lth_core.tasks.generative import GenerativeTask
from lth_core.tasks.opening import build_task
from lth_core.training.loop import train
from lth_core.training.state import start_state

SHAPE, PIXELS, LATENTS = (1, 6, 6), 36, 2
FACTS = {"classes": 3, "input_shape": SHAPE}
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "vae": lambda: vae(SHAPE, hidden=10, latents=LATENTS),
    "diffusion": lambda: denoiser(SHAPE, hidden=[12], time_features=4),
}
RECIPE = Recipe.model_validate(
    {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 10, "steps": 40, "evaluate_every": 20}
)

Make = Callable[..., GenerativeTask]


@pytest.fixture
def make(data_file: Path) -> Make:
    def task(objective: str, share: Share | None = None, **options: Any) -> GenerativeTask:
        data = open_data(data_file) if share is None else open_data(data_file, share=share)
        choice = Choice.of(objective, **options)
        made = build_task(NETWORKS[objective](), data, RECIPE, torch.device("cpu"), choice)
        assert isinstance(made, GenerativeTask)
        return made

    return task


@pytest.fixture(params=list(NETWORKS))
def task(make: Make, request: pytest.FixtureRequest) -> GenerativeTask:
    return make(request.param)


def drawn_weights(task: GenerativeTask, seeds: list[int]) -> dict[str, np.ndarray]:
    return initialize_cohort(NETWORKS[task.objective.name], Initialization(), seeds)


def test_pixels_go_from_black_to_the_brightest_of_training(make: Make, data_file: Path) -> None:
    stored = read_tensors(data_file)
    (batch,) = make("vae").evaluation_batches("test")
    expected = stored["test_images"].reshape(30, PIXELS) / stored["train_images"].max()
    assert batch.targets.numpy() == pytest.approx(np.minimum(expected, 1), abs=1e-6)
    assert batch.inputs[:, :PIXELS].equal(batch.targets) and batch.inputs.shape == (30, PIXELS + LATENTS)
    assert make("vae").real("test", 4) == pytest.approx(batch.targets[:4].numpy())


def test_pixels_beyond_those_of_training_are_cut_off(make: Make) -> None:
    task = make("vae")
    pixels = task.pixels_of(torch.tensor([-1e3, 1e3]).reshape(2, 1, 1, 1))
    assert pixels.flatten().tolist() == [0.0, 1.0]


def test_an_example_meets_the_same_noise_in_every_evaluation_and_piece(task: GenerativeTask) -> None:
    (whole,), pieces = task.evaluation_batches("test"), [*task.evaluation_batches("test", size=7)]
    assert torch.cat([piece.inputs for piece in pieces]).equal(whole.inputs)
    sampled = torch.cat([piece.inputs for piece in task.sample_batches("test", size=8)])
    assert sorted(map(tuple, sampled.tolist())) == sorted(map(tuple, whole.inputs.tolist()))


def test_examples_splits_steps_seeds_and_orders_have_noise_of_their_own(make: Make) -> None:
    task = make("vae")

    def noise(seed: int, order: int, step: int) -> tuple[float, ...]:
        (batch,) = task.minibatches([seed], order, step, step + 1)
        return tuple(batch.inputs[0, :, PIXELS:].flatten().tolist())

    assert len({noise(*key) for key in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))}) == 4
    evaluated = [next(task.evaluation_batches(split)).inputs[:30, PIXELS:] for split in ("validation", "test")]
    assert len(torch.cat(evaluated).unique(dim=0)) == 60


def test_a_minibatch_depends_on_its_seed_and_step_alone(task: GenerativeTask) -> None:
    _, second = task.minibatches([5, 6], 0, 0, 2)
    (alone,) = task.minibatches([6], 0, 1, 2)
    assert second.inputs[1].equal(alone.inputs[0]) and second.targets[1].equal(alone.targets[0])


def test_training_lessens_the_loss_and_a_cohort_trains_as_its_replicates(task: GenerativeTask) -> None:
    weights = drawn_weights(task, [0, 1])
    state = start_state(task, weights, {})
    before = state.cohort.evaluate("test")["loss"]
    trained = train(task, state, [0, 1], RECIPE.steps).weights
    after = state.cohort.evaluate("test")
    assert all(one < other for one, other in zip(after["loss"], before, strict=True))
    assert set(after) == {"loss", *(metric.name for metric in task.metrics)}
    alone = start_state(task, drawn_weights(task, [1]), {})
    again = train(task, alone, [1], RECIPE.steps).weights
    assert all(np.array_equal(again[name][0], trained[name][1]) for name in trained)


def test_denoisers_have_their_gradients_computed_by_hand(make: Make) -> None:
    task = make("diffusion")
    cohort = Cohort(task, {name: torch.from_numpy(value) for name, value in drawn_weights(task, [0]).items()})
    assert cohort.by_hand


def test_images_follow_from_weights_and_seed(task: GenerativeTask) -> None:
    weights = {name: value[0] for name, value in drawn_weights(task, [0]).items()}
    first, again, other = (task.draw(weights, 5, seed) for seed in (0, 0, 1))
    assert first.shape == (5, *SHAPE) and first.min() >= 0 and first.max() <= 1
    assert first.equal(again) and not first.equal(other)


def test_images_of_weights_that_are_not_numbers_are_none(task: GenerativeTask) -> None:
    weights = {name: np.full_like(value[0], np.nan) for name, value in drawn_weights(task, [0]).items()}
    assert not task.draw(weights, 3, 0).isfinite().any()


def test_options_of_the_objective_say_how_images_are_drawn(make: Make) -> None:
    assert make("diffusion", noise_steps=7).generation == replace(make("diffusion").generation, noise_steps=7)  # pyright: ignore


# ---------------------------------------------------------------- what does not fit


def test_objectives_read_what_their_networks_return(task: GenerativeTask) -> None:
    check_network(task.module, task.objective.name, FACTS)
    check_measures(task, Choice(name=task.objective.name))


NEEDS = {
    "vae": "objective 'vae' needs an encoder and a decoder: choose a model like 'vae', or another objective",
    "gan": "objective 'gan' needs a generator and a discriminator: choose a model like 'gan', or another objective",
    "diffusion": "objective 'diffusion' needs a network that predicts the noise in an image: choose a model like",
}

BAD = [
    ("vae", lambda: lenet(3, SHAPE), NEEDS["vae"]),
    ("vae", NETWORKS["diffusion"], NEEDS["vae"]),
    ("gan", lambda: lenet(3, SHAPE), NEEDS["gan"]),
    ("gan", NETWORKS["vae"], NEEDS["gan"]),
    ("diffusion", lambda: lenet(3, SHAPE), NEEDS["diffusion"]),
    ("diffusion", lambda: denoiser(SHAPE, [4], time_features=3), "(it needs an even number of `time_features`)"),
    ("diffusion", NETWORKS["vae"], "float32 of shape (2, 36 numbers (the noise of every pixel)) is needed"),
    ("classification", NETWORKS["vae"], "makes images, which objective 'classification' does not train: choose"),
]


@pytest.mark.parametrize(("objective", "network", "problem"), BAD)
def test_another_network_is_one_line(objective: str, network: Callable[[], nn.Module], problem: str) -> None:
    with pytest.raises(ModelError) as raised:
        check_network(network(), objective, FACTS)
    assert problem in str(raised.value) and "\n" not in str(raised.value)


def test_several_processes_cannot_share_the_noise(make: Make) -> None:
    with pytest.raises(TaskError, match="processes: 2 cannot share the noise of a batch: set 1"):
        make("vae", share=Share(0, 2))
