"""The networks and recipes whose training steps are compared, and random images for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from lth_core.data.splits import Images, Splits
from lth_core.planning import catalogue
from lth_core.registry import model

catalogue.register()


@dataclass(frozen=True)
class Shape:
    """What a data set's images are like."""

    name: str
    input_shape: tuple[int, int, int]
    sizes: tuple[int, int, int] = (45_000, 5_000, 10_000)
    """Images of the training, validation and test split."""
    classes: int = 10


MNIST = Shape("MNIST", (1, 28, 28), (55_000, 5_000, 10_000))
CIFAR10 = Shape("CIFAR-10", (3, 32, 32))


@dataclass(frozen=True)
class Contest:
    """A network and how it is trained; `cohorts` are numbers of replicates."""

    name: str
    model: str
    shape: Shape
    optimizer: dict[str, Any]
    batch_size: int
    cohorts: tuple[int, ...]
    precisions: tuple[str, ...] = ("float32", "bf16")
    augment: str = "none"
    at_least: float | None = None
    """The target of the largest cohort: times the ordinary loop, per replicate."""

    def network(self) -> nn.Module:
        """Build the network."""
        return model.call(self.model, {"classes": self.shape.classes, "input_shape": self.shape.input_shape}, {})


SGD = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 1e-4}
CONTESTS = (
    Contest("LeNet", "lenet", MNIST, {"name": "adam", "learning_rate": 1.2e-3}, 60, (1, 5, 20), ("float32",)),
    Contest("Conv-2", "conv-2", CIFAR10, {"name": "adam", "learning_rate": 2e-4}, 60, (1, 5)),
    Contest("ResNet-20", "resnet-20", CIFAR10, SGD, 128, (1, 5), augment="crop-flip", at_least=10),
)


def random_splits(shape: Shape) -> Splits:
    """Random images and labels."""
    random = np.random.default_rng(0)
    parts = [
        Images(
            random.integers(0, 256, (size, *shape.input_shape), dtype=np.uint8), random.integers(0, shape.classes, size)
        )
        for size in shape.sizes
    ]
    return Splits(*parts, classes=shape.classes, source=f"random images of {shape.name}'s shape")
