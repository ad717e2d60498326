"""Training steps of LeNet-300-100 on MNIST with Adam, on one core: ratios of times measured in turns.

Dense: against the loop of an ordinary PyTorch script, and against the step's matrix products alone. Sparse: training
and evaluation on the kept weights alone against masked dense ones. Time is the processor time of the one thread.

    python -m benchmarks.linear_step [--root data] [--repetitions 7]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

import lth_core.models  # noqa: F401 (registers the models)
from benchmarks.mnist_epoch import BATCH_SIZE, LEARNING_RATE, Epoch, ordinary_epoch
from lth_core import sparse_network
from lth_core.artifacts import Tensors
from lth_core.config import Initialization, Recipe
from lth_core.data.reading import ImageData, open_data
from lth_core.jobs.prepare_data import prepare
from lth_core.linear_network import linear
from lth_core.memory import keep_freed_memory
from lth_core.models.initialization import initialize_cohort
from lth_core.registry import model
from lth_core.tasks import ImageClassification
from lth_core.training import evaluate_into, start_state, train

SIZES = (784, 300, 100, 10)
STEPS = 150
"""Of every timed piece of training."""
BATCHES = (60, 128)
DENSITIES = (0.03, 0.05, 0.1, 0.2)

Timed = Callable[[], float]
"""Does some work and returns the seconds that one unit of it took."""


@dataclass(frozen=True)
class Row:
    """One comparison: how many times as long the one takes as the other, in every repetition."""

    name: str
    ratios: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)


def seconds(work: Callable[[], object]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start


def compare(name: str, slow: Timed, fast: Timed, repetitions: int) -> Row:
    """The ratio of two times, which are taken in turns."""
    slow(), fast()
    return Row(name, [slow() / fast() for _ in range(repetitions)])


def ordinary_step(epoch: Epoch) -> float:
    """Seconds of one step of an ordinary loop, which trains on BATCH_SIZE examples."""
    start = time.thread_time()
    examples = epoch()
    return BATCH_SIZE * (time.thread_time() - start) / examples


class Lenet:
    """LeNet-300-100 on the data, at one batch size."""

    def __init__(self, images: ImageData, batch: int):
        factory = partial(model.call, "lenet", {"classes": images.classes, "input_shape": images.input_shape}, {})
        self.initial = initialize_cohort(factory, Initialization(), [0])
        recipe = Recipe(
            optimizer={"name": "adam", "learning_rate": LEARNING_RATE},
            batch_size=batch,
            steps=STEPS,
            evaluate_every=STEPS,
        )
        self.batch = batch
        self.task = ImageClassification(factory(), images, recipe, torch.device("cpu"))

    def mask(self, density: float) -> Tensors:
        random = np.random.default_rng(0)
        return {n: random.random(w.shape) < density for n, w in self.initial.items() if n.endswith("weight")}

    def step(self, mask: Tensors) -> float:
        """Seconds of one training step."""
        weights = {name: value * mask.get(name, np.float32(1)) for name, value in self.initial.items()}
        state = start_state(self.task, weights, mask)
        return seconds(lambda: train(self.task, state, [0], STEPS, evaluate=False)) / STEPS

    def evaluation(self, mask: Tensors) -> float:
        """Seconds of one evaluation on all splits."""
        weights = {name: value * mask.get(name, np.float32(1)) for name, value in self.initial.items()}
        state = start_state(self.task, weights, mask)
        return seconds(lambda: evaluate_into(state))

    def products(self, product: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> float:
        """Seconds of the matrix products of one step alone; product(a, b) is a @ b^T."""
        layers = [
            (torch.randn(self.batch, i), torch.randn(o, i), torch.randn(self.batch, o)) for i, o in pairwise(SIZES)
        ]

        def work() -> None:
            for _ in range(STEPS):
                for position, (inputs, weight, gradient) in enumerate(layers):
                    product(inputs, weight)
                    product(gradient.T, inputs.T)
                    if position:
                        product(gradient, weight.T)

        return seconds(work) / STEPS


def with_densest(densest: float, work: Callable[[Tensors], float], mask: Tensors) -> float:
    """The work where networks up to this density are trained on their kept weights alone."""
    usual, sparse_network.DENSEST = sparse_network.DENSEST, densest
    try:
        return work(mask)
    finally:
        sparse_network.DENSEST = usual


def dense_rows(lenet: Lenet, repetitions: int) -> Iterator[Row]:
    products = {"torch.mm": lambda a, b: torch.mm(a, b.T), "the faster of torch.mm and oneDNN": linear}
    for name, product in products.items():
        for what, mask in (("dense", {}), ("masked", lenet.mask(0.5))):
            title = f"{what} step, batch {lenet.batch} / its matrix products alone ({name})"
            yield compare(title, partial(lenet.step, mask), partial(lenet.products, product), repetitions)


def sparse_rows(name: str, work: Callable[[Tensors], float], lenet: Lenet, repetitions: int) -> Iterator[Row]:
    for density in DENSITIES:
        masked, alone = (partial(with_densest, densest, work, lenet.mask(density)) for densest in (-1.0, 1.0))
        yield compare(f"{name}, density {density}: masked dense / kept weights alone", masked, alone, repetitions)


def measure(root: str = "data", repetitions: int = 7) -> Iterator[Row]:
    """Every comparison, one after the other. MNIST is read from ROOT/MNIST/raw, or downloaded there."""
    torch.set_num_threads(1)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder, "mnist.safetensors"))
        prepare("mnist", {"source": {"name": "mnist"}}, root, data)
        images = open_data(data)
        lenet = Lenet(images, BATCH_SIZE)
        ordinary = partial(ordinary_step, ordinary_epoch(root))
        yield compare("ordinary loop / dense step, batch 128", ordinary, partial(lenet.step, {}), repetitions)
        yield from sparse_rows("evaluation", lenet.evaluation, lenet, repetitions)
        for batch in BATCHES:
            lenet = Lenet(images, batch)
            yield from dense_rows(lenet, repetitions)
            yield from sparse_rows(f"step, batch {batch}", lenet.step, lenet, repetitions)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--root", default="data", help="the folder of data sets")
    arguments.add_argument("--repetitions", type=int, default=7, help="how often each is timed")
    options = arguments.parse_args()
    for row in measure(options.root, options.repetitions):
        print(f"{row.median:6.2f} ({min(row.ratios):.2f} to {max(row.ratios):.2f})  {row.name}", flush=True)


if __name__ == "__main__":
    main()
