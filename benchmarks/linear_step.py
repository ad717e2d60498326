"""Training steps of LeNet-300-100 on MNIST with Adam, on one core: ratios of times measured in turns.

Dense steps are compared with the loop of an ordinary PyTorch script, and with the step's matrix products alone. Sparse
training and evaluation, on the kept weights alone, are compared with masked dense ones. Times are the processor time of
the one thread.

    python -m benchmarks linear_step [--root data] [--repetitions 5]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.rows import Row, in_new_process
from lth_core.config import Initialization, Recipe
from lth_core.data.reading import ImageData, open_data
from lth_core.engine import sparse_network
from lth_core.engine.linear_network import linear
from lth_core.jobs.prepare_data import prepare as prepare_data
from lth_core.jobs.support.trainings import prepare
from lth_core.models.initialization import initialize_cohort
from lth_core.planning import catalogue
from lth_core.registry import model
from lth_core.storage.tensors import Tensors
from lth_core.tasks.opening import build_task
from lth_core.training import history
from lth_core.training.loop import train
from lth_core.training.state import start_state

catalogue.register()

LEARNING_RATE = 1.2e-3
SIZES = (784, 300, 100, 10)
STEPS = 150
"""Of every timed piece of training."""
LATE = 4000
"""Steps after which a training is late: some units are dead, and what the optimizer remembers of them decays."""
BATCHES = (60, 128)
DENSITIES = (0.03, 0.05, 0.1, 0.2, 0.33)
"""The sparse path is chosen at all of them for steps, and for evaluations but at the last."""
ORDINARY_TARGETS = {128: 8.0}
"""Times the ordinary loop's examples per second, by batch."""
SPARSE_TARGETS = {(128, 0.03): 3.0, (128, 0.05): 2.5, (60, 0.05): 2.0, (60, 0.33): 1.0, (128, 0.33): 1.0}
"""Times as fast as a masked dense step, by batch and density."""

Timed = Callable[[], float]
"""Does some work and returns the seconds that one unit of it took."""


def seconds(work: Callable[[], object]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start


def compare(name: str, slow: Timed, fast: Timed, repetitions: int, **target: float | None) -> Row:
    """The ratio of two times, which are taken in turns."""
    slow(), fast()
    return Row(name, [slow() / fast() for _ in range(repetitions)], **target)


def ordinary_step(root: str, batch: int) -> float:
    """Seconds of one step in the loop of an ordinary PyTorch script."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    data = datasets.MNIST(root, train=True, download=True, transform=transform)
    loader = DataLoader(data, batch_size=batch, shuffle=True)
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def work() -> None:
        for images, labels in islice(loader, STEPS):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images), labels).backward()
            optimizer.step()

    return seconds(work) / STEPS


class Lenet:
    """A cohort of LeNet-300-100 on the data, at one batch size."""

    def __init__(self, images: ImageData, batch: int, replicates: int = 1):
        factory = partial(model.call, "lenet", {"classes": images.classes, "input_shape": images.input_shape}, {})
        self.seeds = list(range(replicates))
        self.initial = initialize_cohort(factory, Initialization(), self.seeds)
        recipe = Recipe(
            optimizer={"name": "adam", "learning_rate": LEARNING_RATE},
            batch_size=batch,
            steps=STEPS,
            evaluate_every=STEPS,
        )
        self.batch = batch
        self.task = build_task(factory(), images, recipe, torch.device("cpu"))

    def mask(self, density: float) -> Tensors:
        random = np.random.default_rng(0)
        return {n: random.random(w.shape) < density for n, w in self.initial.items() if n.endswith("weight")}

    def step(self, mask: Tensors) -> float:
        """Seconds of one training step."""
        weights = {name: value * mask.get(name, np.float32(1)) for name, value in self.initial.items()}
        state = start_state(self.task, weights, mask)
        return seconds(lambda: train(self.task, state, self.seeds, STEPS)) / STEPS

    def late_step(self, flush: bool) -> Timed:
        """Of a training that has come far, with numbers below 1.2e-38 as they are, or taken as 0."""
        state = start_state(self.task, self.initial, {})

        def advance(steps: int) -> None:
            torch.set_flush_denormal(flush)
            train(self.task, state, self.seeds, state.step + steps)
            torch.set_flush_denormal(True)

        advance(LATE)
        return lambda: seconds(partial(advance, STEPS)) / STEPS

    def evaluation(self, mask: Tensors) -> float:
        """Seconds of one evaluation on all splits."""
        weights = {name: value * mask.get(name, np.float32(1)) for name, value in self.initial.items()}
        state = start_state(self.task, weights, mask)
        return seconds(lambda: history.log(state))

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
    """The work where networks up to this density are trained, and evaluated, on their kept weights alone."""
    with (
        mock.patch.object(sparse_network, "DENSEST", densest),
        mock.patch.object(sparse_network, "DENSEST_EVALUATED", densest),
    ):
        return work(mask)


def dense_rows(lenet: Lenet, repetitions: int) -> Iterator[Row]:
    products = {"torch.mm": lambda a, b: torch.mm(a, b.T), "the faster of torch.mm and oneDNN": linear}
    for name, product in products.items():
        for what, mask in (("dense", {}), ("masked", lenet.mask(0.5))):
            title = f"{what} step, batch {lenet.batch} / its matrix products alone ({name})"
            target = 1.3 if lenet.batch == 128 else None
            yield compare(
                title, partial(lenet.step, mask), partial(lenet.products, product), repetitions, at_most=target
            )


def sparse_rows(
    name: str,
    work: Callable[[Tensors], float],
    lenet: Lenet,
    repetitions: int,
    targets: Mapping[tuple[int, float], float],
    densities: Sequence[float] = DENSITIES,
) -> Iterator[Row]:
    for density in densities:
        masked, alone = (partial(with_densest, densest, work, lenet.mask(density)) for densest in (-1.0, 1.0))
        title = f"{name}, density {density}: masked dense / kept weights alone"
        yield compare(title, masked, alone, repetitions, at_least=targets.get((lenet.batch, density)))


@contextmanager
def mnist(root: str) -> Iterator[ImageData]:
    """MNIST as jobs read it, from ROOT/MNIST/raw, or downloaded there; one thread computes."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder, "mnist.safetensors"))
        prepare_data("mnist", {"source": {"name": "mnist"}}, root, data)
        yield open_data(data)


def as_job(work: Timed) -> float:
    """The work's seconds, once warm, in a process with a job's settings."""
    prepare(torch.device("cpu"))
    return warm(work)


def warm(work: Timed) -> float:
    work()
    return work()


def measure(root: str = "data", repetitions: int = 5) -> Iterator[Row]:
    """Every comparison, one after the other."""
    with mnist(root) as images:
        lenets = [Lenet(images, batch) for batch in BATCHES]
        for lenet in lenets:  # each in a new process, because an ordinary script does not have the settings of jobs
            ordinary = partial(in_new_process, partial(warm, partial(ordinary_step, root, lenet.batch)))
            project = partial(in_new_process, partial(as_job, partial(lenet.step, {})))
            title, target = f"ordinary loop / dense step, batch {lenet.batch}", ORDINARY_TARGETS.get(lenet.batch)
            yield compare(title, ordinary, project, repetitions, at_least=target)
        prepare(torch.device("cpu"))
        for lenet in lenets:
            yield from dense_rows(lenet, repetitions)
            title = f"dense step after {LATE:,} steps, batch {lenet.batch}: numbers below 1.2e-38 kept / taken as 0"
            yield compare(title, lenet.late_step(flush=False), lenet.late_step(flush=True), repetitions)
            yield from sparse_rows(f"step, batch {lenet.batch}", lenet.step, lenet, repetitions, SPARSE_TARGETS)
        yield from sparse_rows("evaluation", lenets[0].evaluation, lenets[0], repetitions, {}, DENSITIES[:-1])
