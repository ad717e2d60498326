"""Accuracies of convolutional networks that are trained on their kept weights alone, and masked dense.

ResNet-8 on scikit-learn's digits, 8 seeds, 300 steps of SGD with momentum and weight decay, with the same start, mask
and batches both ways. Masks are random and keep 15% of all layers but the output layer and shortcuts. Rounding
drives two trainings of one seed apart; their accuracies should differ by no more than those of two seeds.
Ranges are over seeds.

    python -m benchmarks sparse_accuracy [--repetitions 8]
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from statistics import mean, stdev

import torch
from torch import nn

from benchmarks.rows import Row, in_new_process
from benchmarks.sparse_conv_step import masks
from lth_core.config import Initialization, Recipe
from lth_core.data.reading import open_data
from lth_core.data.sets.digits import digits
from lth_core.engine.batch_norm import precise
from lth_core.engine.convolutions import choice
from lth_core.jobs.support.trainings import prepare
from lth_core.models.initialization import initialize_cohort
from lth_core.planning import catalogue
from lth_core.registry import model
from lth_core.storage.tensors import write_tensors
from lth_core.tasks.opening import build_task
from lth_core.training.loop import train
from lth_core.training.state import start_state

catalogue.register()

STEPS, DENSITY, SHAPE = 300, 0.15, (1, 8, 8)
SGD = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-4}


def network() -> nn.Module:
    return model.call("resnet-8", {"classes": 10, "input_shape": SHAPE}, {})


def accuracies(data: str, seeds: list[int], dense: bool) -> list[float]:
    """The test accuracy of every seed, in percent."""
    if dense:
        choice.DENSEST = -1.0
    prepare(torch.device("cpu"))
    recipe = Recipe(optimizer=SGD, batch_size=64, steps=STEPS, evaluate_every=STEPS)
    task = build_task(precise(network()), open_data(data), recipe, torch.device("cpu"))
    weights = initialize_cohort(network, Initialization(), seeds)
    mask = masks(task.module, DENSITY, SHAPE, len(seeds))
    state = start_state(task, {name: value * mask.get(name, 1) for name, value in weights.items()}, mask)
    if bool(state.cohort.convolutions) == dense:
        raise RuntimeError("the other path was taken")
    train(task, state, seeds, STEPS)
    return [100 * accuracy for accuracy in state.cohort.evaluate("test")["accuracy"]]


def measure(root: str = "data", repetitions: int = 8) -> list[Row]:
    """Rows of accuracies, and of how far they are apart; ROOT is not read. Repetitions are seeds."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data, splits, seeds = str(Path(folder, "digits.safetensors")), digits(), list(range(repetitions))
        write_tensors(data, splits.tensors(), splits.facts())
        sparse, masked = (in_new_process(partial(accuracies, data, seeds, dense)) for dense in (False, True))
    apart, of_seeds = abs(mean(sparse) - mean(masked)), round(stdev(masked), 2)
    return [
        Row("test accuracy, on the kept weights alone", sparse, "%"),
        Row("test accuracy, masked dense", masked, "%"),
        Row("standard deviation of the seeds, masked dense", [of_seeds], "points"),
        Row("distance of the mean accuracies", [apart], "points", at_most=of_seeds),
    ]
