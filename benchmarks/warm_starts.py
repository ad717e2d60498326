"""The pilot of config/warm-start.yaml: on which small versions of digits does a warm start harm a dense network?

Every setting is looked at on the validation split and the training images that the setting leaves out, all with true
labels; the test split is not. Per setting, over 20 seeds: the gap, validation accuracy from initialization minus that
after training on half of the examples first, with its 95% interval, at the end and at the first evaluation with 99%
training accuracy. The networks, of ReLU and linear layers in plain PyTorch, are stacked.

    python -m benchmarks.warm_starts
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lth_core.analysis.claims import mean_interval
from lth_core.data.sets.digits import digits

SEEDS, BATCH, EVERY = 20, 50, 25
OPTIMIZERS: dict[str, Callable[[list[Tensor]], torch.optim.Optimizer]] = {
    "Adam 1e-3": partial(torch.optim.Adam, lr=1e-3),
    "Adam 3e-3": partial(torch.optim.Adam, lr=3e-3),
    "Adam 1e-2": partial(torch.optim.Adam, lr=1e-2),
    "SGD 0.1": partial(torch.optim.SGD, lr=0.1),
    "SGD 0.1, momentum 0.9": partial(torch.optim.SGD, lr=0.1, momentum=0.9),
}
DEEP, WIDE = (100, 100, 100), (300, 100)
GRID = [  # examples, fraction of random labels, optimizer, steps, hidden layers
    (100, 0.0, "Adam 3e-3", 200, DEEP),
    (100, 0.2, "Adam 3e-3", 300, DEEP),
    (300, 0.0, "Adam 3e-3", 300, DEEP),
    (300, 0.2, "Adam 1e-3", 600, DEEP),
    (300, 0.2, "Adam 3e-3", 400, DEEP),
    (300, 0.2, "Adam 3e-3", 400, WIDE),
    (300, 0.2, "Adam 1e-2", 400, DEEP),
    (300, 0.2, "SGD 0.1", 800, DEEP),
    (300, 0.4, "Adam 3e-3", 500, DEEP),
    (300, 0.4, "SGD 0.1, momentum 0.9", 500, DEEP),
    (600, 0.2, "Adam 3e-3", 600, DEEP),
    (600, 0.4, "Adam 1e-3", 1000, DEEP),
]


class Examples(NamedTuple):
    """Inputs (N, pixels) and labels (N,)."""

    inputs: Tensor
    labels: Tensor


def split(count: int, noise: float) -> tuple[Examples, Examples]:
    """Return `count` training examples, some with random labels, and those to validate on."""
    data, rng = digits(), np.random.default_rng(2)
    order = np.random.default_rng(1).permutation(len(data.train.labels))
    chosen, left = data.train.take(order[:count]), data.train.take(order[count:])
    labels = chosen.labels.copy()
    changed = round(noise * count)
    labels[rng.permutation(count)[:changed]] = rng.integers(0, 10, changed)
    pixels = torch.tensor(chosen.images.reshape(count, -1), dtype=torch.float32)
    images = np.concatenate([data.validation.images, left.images])
    others = torch.tensor(images.reshape(len(images), -1), dtype=torch.float32)
    mean, std = pixels.mean(), pixels.std()
    validation = Examples((others - mean) / std, torch.tensor(np.concatenate([data.validation.labels, left.labels])))
    return Examples((pixels - mean) / std, torch.tensor(labels)), validation


def initialize(sizes: Sequence[int], generator: torch.Generator) -> list[Tensor]:
    """Draw the weights of all layers (SEEDS, inputs, outputs), Glorot-normal, then their biases of 0."""
    pairs = list(pairwise(sizes))
    weights = [torch.randn(SEEDS, *pair, generator=generator) * (2 / sum(pair)) ** 0.5 for pair in pairs]
    return [*weights, *(torch.zeros(SEEDS, 1, after) for _, after in pairs)]


def outputs(parameters: Sequence[Tensor], inputs: Tensor) -> Tensor:
    """Compute (SEEDS, B, classes) of inputs (SEEDS, B, pixels)."""
    layers = len(parameters) // 2
    for number in range(layers):
        inputs = torch.baddbmm(parameters[layers + number], inputs, parameters[number])
        inputs = inputs.relu() if number < layers - 1 else inputs
    return inputs


@torch.no_grad()
def accuracy(parameters: Sequence[Tensor], examples: Examples) -> np.ndarray:
    """Return accuracies (SEEDS,)."""
    inputs = examples.inputs.expand(SEEDS, *examples.inputs.shape)
    return (outputs(parameters, inputs).argmax(-1) == examples.labels).float().mean(1).numpy()


def train(
    parameters: list[Tensor],
    examples: Examples,
    validation: Examples,
    optimizer: str,
    steps: int,
    generator: torch.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Train in place; return validation accuracies (SEEDS,) at the end and where 99% of the training is right."""
    for parameter in parameters:
        parameter.requires_grad_()
    update, count = OPTIMIZERS[optimizer](parameters), len(examples.labels)
    batch, position, order = min(BATCH, count), count, torch.empty(0)
    converged = np.full(SEEDS, np.nan)
    for step in range(1, steps + 1):
        if position + batch > count:
            order, position = torch.stack([torch.randperm(count, generator=generator) for _ in range(SEEDS)]), 0
        chosen = order[:, position : position + batch]
        position += batch
        predicted = outputs(parameters, examples.inputs[chosen]).flatten(0, 1)
        loss = cross_entropy(predicted, examples.labels[chosen].flatten(), reduction="sum") / batch
        update.zero_grad()
        loss.backward()
        update.step()
        if step % EVERY == 0 and np.isnan(converged).any():
            reached = np.isnan(converged) & (accuracy(parameters, examples) >= 0.99)
            converged[reached] = accuracy(parameters, validation)[reached]
    return accuracy(parameters, validation), converged


def gaps(count: int, noise: float, optimizer: str, steps: int, hidden: Sequence[int]) -> list[np.ndarray]:
    """Return the gaps (SEEDS,) in percentage points, at the end and at 99% training accuracy."""
    examples, validation = split(count, noise)
    generator = torch.Generator().manual_seed(0)
    warm = initialize([examples.inputs.shape[1], *hidden, 10], generator)
    cold = [parameter.clone() for parameter in warm]
    half = Examples(*(part[: count // 2] for part in examples))
    train(warm, half, validation, optimizer, steps // 2, generator)
    after, before = (train(one, examples, validation, optimizer, steps, generator) for one in (warm, cold))
    return [100 * (of_cold - of_warm) for of_cold, of_warm in zip(before, after, strict=True)]


def main() -> None:
    for setting in GRID:
        texts = ["{:+.2f} [{:+.2f}, {:+.2f}]".format(*mean_interval(gap)) for gap in gaps(*setting)]
        count, noise, optimizer, steps, hidden = setting
        what = f"{count} examples, {noise:.0%} random labels, {optimizer}, {steps} steps, hidden layers {hidden}"
        print(f"{what}: gap at the end {texts[0]}, at 99% training accuracy {texts[1]}", flush=True)


if __name__ == "__main__":
    main()
