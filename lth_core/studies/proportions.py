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
    "gan": "training images in place of drawn ones",
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


def share(matching: float, dense: float, other: float) -> float:
    """Return what still matches as a part of the difference of two metrics; nan where that is unknown or 0."""
    return matching / abs(dense - other) if dense != other else math.nan


def in_proportion(config: Config, task: str, metric: Metric, dense: float, other: float, what: str = "") -> str:
    """Say in a caption how much of the difference from what is `simplest` still matches; empty where it is unknown.

    `metric` says what matches, and `what` that is; the values `dense` and `other` are as measured.
    """
    part = share(metric.matching / metric.scale, dense, other)
    if math.isnan(part) or not part:
        return ""
    compared = COMPARED[config.tasks[task].objective.name]
    return (
        f"{what}{metric.tolerance}, which still matches, is {percent_text(part)}% of the difference between the dense "
        f"network ({metric.text(dense)}) and {compared} ({metric.text(other)})."
    )
