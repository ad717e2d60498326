"""What still matches, in proportion to what lies between the dense network and something simple on the same data.

A tolerance in nats, or in points of a distance, says little by itself: how much of it a network can gain depends on the
data.
"""

from __future__ import annotations

import math

import numpy as np

from lth_core.config import Config
from lth_core.metrics import Metric, percent_text
from lth_core.storage.paths import data_file
from lth_core.storage.tensors import read_tensors

COMPARED = {
    "vae": "the mean test image in place of every image",
    "diffusion": "a network that predicts no noise",
    "gan": "real images in place of drawn ones",
}
"""Objective -> what its networks are compared with."""


def simplest_data(config: Config, task: str) -> list[str]:
    """List the data files that `simplest` reads."""
    settings = config.tasks[task]
    return [data_file(config.results, settings.dataset)] if settings.objective.name == "vae" else []


def simplest(config: Config, task: str) -> float:
    """Return the test metric of what a task's networks are compared with; nan where there is nothing to compute."""
    match config.tasks[task].objective.name:
        case "vae":
            tensors = read_tensors(*simplest_data(config, task))
            return mean_image_nats(tensors["train_images"], tensors["test_images"])
        case "diffusion":  # the noise has a variance of 1
            return 1.0
    return math.nan


def mean_image_nats(train: np.ndarray, test: np.ndarray) -> float:
    """Return the negative ELBO per test image of the best that is the same for all: their mean, without latents.

    Images (N, C, H, W) are as they are stored; black and the brightest training pixel are the pixels 0 and 1.
    """
    low, high = min(0.0, float(train.min())), float(train.max())
    mean = ((test.astype(float) - low) / (high - low)).clip(0, 1).mean(axis=0)
    logarithms = [part * np.log(part, where=part > 0, out=np.zeros_like(part)) for part in (mean, 1 - mean)]
    return -float(np.sum(logarithms))


def distance(config: Config, task: str, dense: float, other: float) -> float:
    """Return by how much the dense network is better than what it is compared with or, a GAN, worse; nan if unknown.

    Lower is better in all the metrics.
    """
    return dense - other if config.tasks[task].objective.name == "gan" else other - dense


def no_better(objective: str) -> str:
    """Say of a dense network that it is not on the side, of what it is compared with, where it should be."""
    return "no worse" if objective == "gan" else "no better"


def in_proportion(config: Config, task: str, metric: Metric, dense: float, other: float, what: str = "") -> str:
    """Say in a caption how much of the difference from what is `simplest` still matches; empty where it is unknown.

    Where the dense network is not on the side of it where it should be, that is said instead. `metric` says what
    matches, and `what` that is; the values `dense` and `other` are as measured.
    """
    apart, matching = distance(config, task, dense, other), metric.matching / metric.scale
    if math.isnan(apart) or not matching:
        return ""
    objective = config.tasks[task].objective.name
    values = f"dense network ({metric.text(dense)})", f"{COMPARED[objective]} ({metric.text(other)})"
    if apart <= 0:
        return f"The {values[0]} is {no_better(objective)} than {values[1]}."
    part = percent_text(matching / apart)
    between = f"the difference between the {values[0]} and {values[1]}"
    return f"{what}{metric.tolerance}, which still matches, is {part}% of {between}."
