"""Training steps of convolutional networks on their kept weights alone, on one core.

The project's loop (`lth_core.training.loop.train`, from its data file, float32) trains a pruned network as it does by
default, and as a masked dense one. Every measurement runs in a new process, which inherits the data; the two take
turns. Times are processor times; memory is the most that training adds to what the process holds with all kernels
imported. Masks are random and equally dense in all layers but the output layer and shortcuts, which are not pruned. The
images are CIFAR-10's if ROOT has them, otherwise random ones of the same shape.

    python -m benchmarks sparse_conv_step [--root data] [--repetitions 3]
"""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.conv_step import EXAMPLES, Contest, network, photographs
from benchmarks.rows import Row, in_new_process
from lth_core.config import Initialization, Recipe
from lth_core.data.reading import open_data
from lth_core.data.splits import Splits
from lth_core.engine.batch_norm import precise
from lth_core.engine.convolutions import choice
from lth_core.jobs.support.trainings import prepare
from lth_core.models.initialization import initialize_cohort
from lth_core.models.layers import prunable_layers
from lth_core.planning import catalogue
from lth_core.storage.tensors import Tensors, write_tensors
from lth_core.tasks.opening import build_task
from lth_core.training.loop import train
from lth_core.training.state import start_state

catalogue.register()

WARM_UP = 2
SHAPE = (3, 32, 32)
SGD = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 1e-4}


@dataclass(frozen=True)
class SparseContest(Contest):
    """A network and its recipe; by density, how many times as fast a step should be."""

    targets: dict[float, float]


CONTESTS = (
    SparseContest("Conv-2", "conv-2", {"name": "adam", "learning_rate": 2e-4}, 60, "none", 12, {0.05: 3.0, 0.2: 1.0}),
    SparseContest("ResNet-20", "resnet-20", SGD, 128, "crop-flip", 6, {0.05: 3.5, 0.1: 2.2, 0.2: 1.0}),
    SparseContest("VGG-16", "vgg-16", SGD, 64, "crop-flip", 4, {0.03: 4.0, 0.2: 1.0}),
)


@dataclass(frozen=True)
class Spent:
    """What some steps, or an evaluation, took: seconds, and the most memory (megabytes)."""

    training: float
    evaluation: float
    memory: float


def masks(module: nn.Module, density: float, shape: tuple[int, ...] = SHAPE, replicates: int = 1) -> Tensors:
    """Random masks (R, ...) of all layers but the output layer and shortcuts."""
    random, weights = np.random.default_rng(0), dict(module.named_parameters())
    layers = [name for name, kind in prunable_layers(module, shape).items() if kind != "output"]
    pruned = [name for name in layers if "shortcut" not in name]
    return {name: random.random((replicates, *weights[name].shape)) < density for name in pruned}


def spent(contest: SparseContest, data: str, density: float, dense: bool) -> Spent:
    """Train, then evaluate."""
    if dense:
        choice.DENSEST = -1.0
    prepare(torch.device("cpu"))
    for kernels in ("convolutions.layer_kernels", "convolutions.map_kernels", "batch_norm_kernels"):
        importlib.import_module(f"lth_core.engine.{kernels}")
    before = megabytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the most from here on
    recipe = Recipe(
        optimizer=contest.optimizer,
        batch_size=contest.batch_size,
        steps=WARM_UP + contest.steps,
        evaluate_every=WARM_UP + contest.steps,
        augment=contest.augment,
    )
    task = build_task(precise(network(contest)), open_data(data), recipe, torch.device("cpu"))
    mask = masks(task.module, density)
    weights = initialize_cohort(partial(network, contest), Initialization(), [0])
    state = start_state(task, {name: value * mask.get(name, 1) for name, value in weights.items()}, mask)
    if bool(state.cohort.convolutions) == dense:
        raise RuntimeError(f"{contest.name} at {density:.0%} took the other path")
    train(task, state, [0], WARM_UP)
    start = time.process_time()
    train(task, state, [0], recipe.steps)
    trained = time.process_time()
    state.cohort.evaluate("validation")
    return Spent(trained - start, time.process_time() - trained, megabytes("VmHWM") - before)


def megabytes(key: str) -> float:
    """What Linux says of this process's memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def measure(root: str = "data", repetitions: int = 3) -> list[Row]:
    """Rows per network and density."""
    torch.set_num_threads(1)
    images = photographs(root, EXAMPLES)
    some = images.take(np.arange(1000))
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder, "images.safetensors"))
        splits = Splits(images, some, some, classes=10, source="CIFAR-10")
        write_tensors(data, splits.tensors(), splits.facts())
        return [row for contest in CONTESTS for row in compare(contest, data, repetitions)]


def compare(contest: SparseContest, data: str, repetitions: int) -> Iterator[Row]:
    """Masked dense against the kept weights alone, in turns."""
    for density, target in contest.targets.items():
        pairs = [
            [in_new_process(partial(spent, contest, data, density, dense)) for dense in (True, False)]
            for _ in range(repetitions)
        ]
        title = f"{contest.title}, {density:.0%} of the weights"
        yield Row(f"{title}: a step", [slow.training / fast.training for slow, fast in pairs], at_least=target)
        yield Row(f"{title}: evaluation", [slow.evaluation / fast.evaluation for slow, fast in pairs], at_least=1.0)
        yield Row(f"{title}: memory", [fast.memory / slow.memory for slow, fast in pairs], at_most=1.0)
