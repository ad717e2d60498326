"""What still matches, in proportion: the mean image has the nats that a constant autoencoder has."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from lth_core.config import Choice, Config, Recipe
from lth_core.data.reading import open_data
from lth_core.metrics import Metric
from lth_core.models.networks.vae import vae
from lth_core.storage.tensors import read_tensors
from lth_core.studies.proportions import in_proportion, mean_image_nats, simplest, simplest_data
from lth_core.tasks.opening import build_task

RECIPE = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 10, "steps": 40, "evaluate_every": 20}
MODELS = {"vae": {"name": "vae", "hidden": 4, "latents": 2}, "diffusion": "denoiser", "gan": "gan"}
NATS = Metric("nats", "negative ELBO", "nats", higher_is_better=False, matching=1.0)


def config(results: str = "results") -> Config:
    tasks = {name: {"dataset": "digits", "objective": name, "model": model} for name, model in MODELS.items()}
    return Config.model_validate(
        {
            "results": results,
            "tasks": {name: task | {"train": RECIPE, "cohorts": ["0-1"]} for name, task in tasks.items()},
            "methods": {"imp": {"levels": 1}},
            "studies": {"generative-tickets": {"tasks": {"vae": "imp"}}},
        }
    )


def test_the_mean_image_has_the_nats_of_a_network_that_always_returns_it(data_file: Path) -> None:
    tensors = read_tensors(data_file)
    task = build_task(
        vae((1, 6, 6), hidden=4, latents=2),
        open_data(data_file),
        Recipe.model_validate(RECIPE),
        torch.device("cpu"),
        Choice(name="vae"),
    )
    (batch,) = task.evaluation_batches("test")
    mean = batch.targets.double().mean(dim=0)
    constant = torch.cat([mean.logit(), torch.zeros(4)]).expand(len(batch.targets), -1)

    def nats(outputs: torch.Tensor) -> float:
        return float(task.measures(outputs.float(), batch)["negative_elbo"].mean())

    found_out = mean_image_nats(tensors["train_images"], tensors["test_images"])
    assert found_out == pytest.approx(nats(constant), rel=1e-5)
    assert found_out < min(nats(constant + 0.1), nats(constant - 0.1)), "no other image is as near to all"


def test_pixels_that_are_always_black_or_white_have_no_nats() -> None:
    images = np.zeros((4, 1, 2, 2), np.uint8)
    images[:, 0, 0, 0], images[:2, 0, 1, 1] = 200, 200
    assert mean_image_nats(images, images) == pytest.approx(math.log(2))  # of the one that is white in half of them


def test_networks_are_compared_with_what_is_simplest_on_their_data(data_file: Path, tmp_path: Path) -> None:
    settings = config()
    assert simplest_data(settings, "vae") == ["results/data/digits.safetensors"]
    assert simplest_data(settings, "diffusion") == simplest_data(settings, "gan") == []
    assert simplest(settings, "diffusion") == 1.0 and math.isnan(simplest(settings, "gan"))


def test_a_tolerance_is_a_part_of_what_lies_between() -> None:
    assert in_proportion(config(), "vae", NATS, 24.5, 27.0) == (
        "1 nat, which still matches, is 40% of the difference between the dense network (24.5) and the mean test image "
        "in place of every image (27)."
    )
    assert in_proportion(config(), "vae", NATS, 24.5, math.nan) == ""


@pytest.mark.parametrize("dense", [27.0, 28.0])
def test_a_dense_network_that_is_no_better_than_the_mean_image_has_no_part(dense: float) -> None:
    said = f"The dense network ({dense:g}) is no better than the mean test image in place of every image (27)."
    assert in_proportion(config(), "vae", NATS, dense, 27.0) == said


def test_a_gan_has_a_part_only_where_its_images_are_worse_than_real_ones() -> None:
    assert "is 20% of the difference between the dense network (8) and real" in in_proportion(
        config(), "gan", NATS, 8.0, 3.0
    )
    said = "The dense network (2) is no worse than real images in place of drawn ones (3)."
    assert in_proportion(config(), "gan", NATS, 2.0, 3.0) == said
