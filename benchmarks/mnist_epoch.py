"""Training speed on one core: one epoch of LeNet-300-100 on MNIST, batch 128, Adam.

The project's loop (`lth_core.training.train`, from its data file) next to the loop of an ordinary PyTorch script
(torchvision transforms, DataLoader, nn.Module, torch.optim.Adam). They take turns in this process; medians count. Time
is the processor time of the one thread, so that other programs on the machine matter little.

    python -m benchmarks.mnist_epoch [--root data] [--repetitions 5]

MNIST is read from ROOT/MNIST/raw, or downloaded there.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

import lth_core.models  # noqa: F401 (registers the models)
from lth_core.config import Initialization, Recipe
from lth_core.data.reading import open_data
from lth_core.jobs.prepare_data import prepare
from lth_core.models.initialization import initialize_cohort
from lth_core.registry import model
from lth_core.tasks import ImageClassification
from lth_core.training import start_state, train

BATCH_SIZE = 128
LEARNING_RATE = 1.2e-3

Epoch = Callable[[], int]
"""Trains one epoch and returns the number of examples that it trained on."""


def ordinary_epoch(root: str) -> Epoch:
    """The loop of an ordinary PyTorch script."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    loader = DataLoader(
        datasets.MNIST(root, train=True, download=True, transform=transform), batch_size=BATCH_SIZE, shuffle=True
    )

    def epoch() -> int:
        network = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        examples = 0
        for images, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images), labels).backward()
            optimizer.step()
            examples += len(labels)
        return examples

    return epoch


def project_epoch(data: str, seeds: list[int]) -> Epoch:
    """The project's loop on a cohort; every replicate's examples count."""
    images = open_data(data)
    factory = partial(model.call, "lenet", {"classes": images.classes, "input_shape": images.input_shape}, {})
    weights = initialize_cohort(factory, Initialization(), seeds)
    steps = images.size("train") // BATCH_SIZE
    recipe = Recipe(
        optimizer={"name": "adam", "learning_rate": LEARNING_RATE},
        batch_size=BATCH_SIZE,
        steps=steps,
        evaluate_every=steps,
    )
    task = ImageClassification(factory(), images, recipe, torch.device("cpu"))

    def epoch() -> int:
        train(task, start_state(task, weights, {}), seeds, steps, evaluate=False)
        return steps * BATCH_SIZE * len(seeds)

    return epoch


def examples_per_second(epoch: Epoch) -> float:
    start = time.process_time()
    examples = epoch()
    return examples / (time.process_time() - start)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--root", default="data", help="the folder of data sets")
    arguments.add_argument("--repetitions", type=int, default=5, help="epochs per loop")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder, "mnist.safetensors"))
        prepare("mnist", {"source": {"name": "mnist"}}, options.root, data)
        loops = {
            "ordinary PyTorch loop": ordinary_epoch(options.root),
            "lth, one network": project_epoch(data, [0]),
            "lth, cohort of 5": project_epoch(data, [0, 1, 2, 3, 4]),
        }
        speeds: dict[str, list[float]] = {name: [] for name in loops}
        for repetition in range(1, options.repetitions + 1):
            for name, epoch in loops.items():
                speed = examples_per_second(epoch)
                speeds[name].append(speed)
                print(f"{repetition}/{options.repetitions}  {name:22} {speed:10,.0f} examples/s", flush=True)
    medians = {name: statistics.median(measured) for name, measured in speeds.items()}
    base, *others = medians
    print("medians:")
    for name, speed in medians.items():
        print(f"  {name:22} {speed:10,.0f} examples/s")
    for name in others:
        print(f"{name}: {medians[name] / medians[base]:.1f} times as fast as the {base}")


if __name__ == "__main__":
    main()
