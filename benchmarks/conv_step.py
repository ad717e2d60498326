"""Training steps of convolutional networks on one core: Conv-2 (batch 60, Adam) and ResNet-20 (batch 128, augmented).

The project's loop (`lth_core.training.loop.train`, from its data file), in float32 and in bf16, is compared with the
loop of an ordinary PyTorch script (torchvision transforms, DataLoader, nn.Module, torch.optim) with the same network.
Times are processor times. Every measurement runs in a new process, which inherits the data; the loops take turns. The
images are CIFAR-10's if ROOT has them, otherwise random ones of the same shape.

    python -m benchmarks conv_step [--root data] [--repetitions 3]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms

from benchmarks.rows import Row, in_new_process
from lth_core.config import Initialization, Recipe
from lth_core.data.reading import open_data
from lth_core.data.splits import Images, Splits
from lth_core.engine.batch_norm import precise
from lth_core.jobs.support.trainings import prepare
from lth_core.models.initialization import initialize_cohort
from lth_core.planning import catalogue
from lth_core.registry import model
from lth_core.storage.tensors import Tensors, write_tensors
from lth_core.tasks.base import Task
from lth_core.tasks.opening import build_task
from lth_core.training.loop import train
from lth_core.training.state import TrainingState, start_state

catalogue.register()

EXAMPLES = 4000
WARM_UP = 3
TARGETS = {"float32": 1.0, "bf16": 1.8}
MEAN, STD = (0.491, 0.482, 0.447), (0.247, 0.243, 0.262)


@dataclass(frozen=True)
class Contest:
    """A network and its recipe. `steps` are measured, some more come before."""

    name: str
    model: str
    optimizer: dict[str, Any]
    batch_size: int
    augment: str
    steps: int

    @property
    def title(self) -> str:
        return f"{self.name}, batch {self.batch_size}"


CONTESTS = (
    Contest("Conv-2", "conv-2", {"name": "adam", "learning_rate": 2e-4}, 60, "none", 20),
    Contest("ResNet-20", "resnet-20", {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}, 128, "crop-flip", 8),
)


def photographs(root: str, count: int) -> Images:
    """Images (N, 3, 32, 32) of CIFAR-10 from torchvision's files or from a folder per class, else random ones."""
    if Path(root, "cifar-10-batches-py").exists():
        stored = datasets.CIFAR10(root)
        return Images(stored.data[:count].transpose(0, 3, 1, 2), np.array(stored.targets[:count]))
    if Path(root, "cifar10", "train").exists():
        folder = datasets.ImageFolder(Path(root, "cifar10", "train"))
        chosen = [folder[index] for index in range(0, len(folder), len(folder) // count)][:count]
        images = np.stack([np.asarray(image) for image, _ in chosen])
        return Images(images.transpose(0, 3, 1, 2), np.array([label for _, label in chosen]))
    random = np.random.default_rng(0)
    return Images(random.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), random.integers(0, 10, count))


class InMemory(Dataset):
    """Images as torchvision's CIFAR10 holds and gives them."""

    def __init__(self, images: Images, transform: Callable[[Image.Image], torch.Tensor]):
        self.pixels, self.labels, self.transform = images.images.transpose(0, 2, 3, 1).copy(), images.labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), int(self.labels[index])


def network(contest: Contest) -> nn.Module:
    return model.call(contest.model, {"classes": 10, "input_shape": (3, 32, 32)}, {})


def ordinary_loop(contest: Contest, images: Images) -> float:
    """Seconds of the steps in an ordinary PyTorch script."""
    augmentation = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
    transform = transforms.Compose(
        [
            *(augmentation if contest.augment == "crop-flip" else []),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    loader = DataLoader(InMemory(images, transform), batch_size=contest.batch_size, shuffle=True)
    module, options = network(contest), dict(contest.optimizer)
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[options.pop("name")]
    optimizer = kind(module.parameters(), lr=options.pop("learning_rate"), **options)
    batches = iter(loader)

    def run(steps: int) -> None:
        for inputs, labels in islice(batches, steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(inputs), labels).backward()
            optimizer.step()

    run(WARM_UP)
    start = time.process_time()
    run(contest.steps)
    return time.process_time() - start


def project_loop(contest: Contest, data: str, precision: str) -> float:
    """Seconds of the steps in this project's loop."""
    task = project_task(contest, data, precision)
    return seconds_of_steps(task, start_state(task, first_weights(contest), {}), contest)


def project_task(contest: Contest, data: str, precision: str = "float32") -> Task:
    """The contest as this project trains it, with steps to warm up."""
    prepare(torch.device("cpu"))
    last = WARM_UP + contest.steps
    recipe = Recipe(
        optimizer=contest.optimizer,
        batch_size=contest.batch_size,
        steps=last,
        evaluate_every=last,
        augment=contest.augment,
        precision=precision,
    )
    return build_task(precise(network(contest)), open_data(data), recipe, torch.device("cpu"))


def first_weights(contest: Contest) -> Tensors:
    """theta_0 (1, ...) of the contest's network."""
    return initialize_cohort(partial(network, contest), Initialization(), [0])


def seconds_of_steps(task: Task, state: TrainingState, contest: Contest) -> float:
    """Seconds of the contest's steps after those to warm up."""
    train(task, state, [0], WARM_UP)
    start = time.process_time()
    train(task, state, [0], WARM_UP + contest.steps)
    return time.process_time() - start


@contextmanager
def stored(images: Images) -> Iterator[str]:
    """The data file that this project reads images from, for a while."""
    few = images.take(np.arange(100))
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder, "images.safetensors"))
        splits = Splits(images, few, few, classes=10, source="CIFAR-10")
        write_tensors(data, splits.tensors(), splits.facts())
        yield data


def measure(root: str = "data", repetitions: int = 3) -> list[Row]:
    """A row per network and precision."""
    torch.set_num_threads(1)
    images = photographs(root, EXAMPLES)
    with stored(images) as data:
        return [row for contest in CONTESTS for row in compare(contest, images, data, repetitions)]


def compare(contest: Contest, images: Images, data: str, repetitions: int) -> Iterator[Row]:
    ratios: dict[str, list[float]] = {"float32": [], "bf16": []}
    for _ in range(repetitions):
        base = in_new_process(partial(ordinary_loop, contest, images))
        for precision, values in ratios.items():
            values.append(base / in_new_process(partial(project_loop, contest, data, precision)))
    for precision, values in ratios.items():
        yield Row(f"{contest.title}, {precision}", values, at_least=TARGETS[precision])
