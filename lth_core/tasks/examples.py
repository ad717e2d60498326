"""Tasks of independent examples, whose batches are drawn from a data set: all but control."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lth_core.data.kinds import outputs_of
from lth_core.data.reading import Data
from lth_core.metrics import counted
from lth_core.randomness import random_generator
from lth_core.tasks.base import PIECE, Examples, Networks, TaskError
from lth_core.tasks.data_task import DataTask
from lth_core.tasks.fitting import input_shape
from lth_core.tasks.objective import gradient_of


@dataclass(frozen=True)
class ExamplesTask(DataTask):
    """Examples of a data set under an objective."""

    data: Data

    def __post_init__(self) -> None:
        if self.recipe.batch_size > self.data.size("train"):
            examples = counted(self.data.size("train"), "training examples")
            raise TaskError(f"train.batch_size: {self.recipe.batch_size} must be at most the {examples}")
        if self.recipe.test_folds > (examples := self.data.size("test")):
            raise TaskError(
                f"train.test_folds: {self.recipe.test_folds} must be at most the {counted(examples, 'test examples')}"
            )

    @property
    def acts(self) -> bool:
        return False

    @property
    def steps_per_epoch(self) -> int:
        return self.data.size("train") // self.recipe.batch_size

    @property
    def input_shape(self) -> Sequence[int]:
        return input_shape(self.data.facts)

    # ------------------------------------------------------------ batches

    def minibatches(
        self, seeds: Sequence[int], order: int, first_step: int, last_step: int, networks: Networks | None = None
    ) -> Iterator[Examples]:
        steps = range(first_step, last_step)
        indices = batch_indices(seeds, order, steps, self.data.size("train"), self.recipe.batch_size)
        yield from self._batches("train", indices)

    def evaluation_batches(self, split: str, size: int = PIECE) -> Iterator[Examples]:
        examples = self._training_sample if split == "train" else np.arange(self.data.size(split))
        pieces = (examples[first : first + size] for first in range(0, len(examples), size))
        yield from self._batches(split, pieces)

    def sample_batches(self, split: str, examples: int | None = None, size: int = PIECE) -> Iterator[Examples]:
        sample = self._drawn(split)[:examples]
        # Pieces of equal size, to one example, so that what is measured on each can be averaged over them.
        yield from self._batches(split, np.array_split(sample, math.ceil(len(sample) / size)))

    def scored_batches(
        self, seed: int, per_class: int, size: int, at_most: int | None = None, networks: Networks | None = None
    ) -> list[Examples]:
        drawn = self._drawn_by_class(random_generator(seed, "scored examples"), per_class)[:at_most]
        return list(self._batches("train", np.array_split(drawn, math.ceil(len(drawn) / size))))

    def _drawn_by_class(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """The positions of `count` random training examples of each class; without classes, for each output."""
        labels, outputs = self.data.labels_of("train"), outputs_of(self.data.facts)
        if labels is None:
            examples = self.data.size("train")
            return rng.permutation(examples)[: count * outputs]
        for label in range(outputs):
            if (there := int((labels == label).sum())) < count:
                have = counted(there, "training examples")
                raise TaskError(f"examples_per_class: {count} must be at most the {have} of class {label}")
        return np.concatenate([rng.permutation(np.flatnonzero(labels == label))[:count] for label in range(outputs)])

    def _batches(self, split: str, indices: Iterable[np.ndarray]) -> Iterator[Examples]:
        yield from (Examples(inputs, targets) for inputs, targets in self.data.batches(split, indices))

    @cached_property
    def _training_sample(self) -> np.ndarray:
        """As many training examples as the validation split has, drawn once for all: files may be sorted by class."""
        return np.sort(self._drawn("train")[: self.data.size("validation")])

    def _drawn(self, split: str) -> np.ndarray:
        """All examples of a split in an order drawn once for all: the start of it is a random sample."""
        return random_generator(0, "evaluation", split).permutation(np.arange(self.data.size(split)))

    # ------------------------------------------------------------ the objective

    def losses(self, outputs: Tensor, batch: Examples) -> Tensor:
        return self.objective(outputs, batch, self.recipe.label_smoothing)["loss"]

    def measures(self, outputs: Tensor, batch: Examples) -> dict[str, Tensor]:
        return self.objective(outputs, batch)

    def predictions(self, outputs: Tensor, batch: Examples) -> Tensor | None:
        return None if batch.targets.is_floating_point() else outputs.argmax(dim=-1)

    def output_gradient(self, outputs: Tensor, batch: Examples) -> Tensor:
        if self.objective.gradient:
            return self.objective.gradient(outputs, batch, self.recipe.label_smoothing)
        return gradient_of(self.losses, outputs, batch)

    def evaluate(self, split: str, networks: Networks) -> dict[str, Tensor]:
        names = ["loss", *(metric.name for metric in self.metrics)]
        folds = self.recipe.test_folds if split == "test" else 0
        sums = torch.zeros(len(names), networks.size, dtype=torch.float64, device=self.device)
        by_fold = sums.new_zeros(folds, networks.size)
        examples = 0
        for piece, batch in enumerate(self.evaluation_batches(split, networks.piece)):
            measured = networks.evaluated(batch, examples)
            sums += torch.stack([measured[name].double().sum(dim=1) for name in names])
            if folds:
                positions = [piece * networks.piece + self.share.position(index) for index in range(len(batch.inputs))]
                by_fold += _sums_by_fold(measured[self.metrics[0].name], positions, folds)
            examples += len(batch.inputs)
        totals, examples = networks.totals(torch.cat([sums, by_fold]), examples)
        sums, by_fold = totals[: len(names)], totals[len(names) :]
        means = dict(zip(names, sums / examples, strict=True))
        for fold, of_fold in enumerate(by_fold):
            left = examples - len(range(fold, examples, folds))
            means[self.metrics[0].without(fold)] = (sums[1] - of_fold) / left
        return means


def _sums_by_fold(values: Tensor, positions: Sequence[int], folds: int) -> Tensor:
    """Sum values (R, B) of the examples at these positions of a split by fold: (folds, R).

    Folds take turns from one example to the next, so that each has some of every class where files are sorted, too.
    """
    fold = torch.tensor(positions, device=values.device) % folds
    is_in = fold == torch.arange(folds, device=values.device)[:, None]
    return is_in.double() @ values.double().T


def batch_indices(
    seeds: Sequence[int], order: int, steps: range, examples: int, batch_size: int
) -> Iterator[np.ndarray]:
    """Go through the example indices (R, B) of each step.

    Every epoch is a permutation, drawn by the key (seed, "order", order, epoch). The incomplete batch at the end of an
    epoch is dropped.
    """
    per_epoch = examples // batch_size
    epoch, permutations = None, np.empty(0)
    for step in steps:
        if step // per_epoch != epoch:
            epoch = step // per_epoch
            permutations = np.stack(
                [random_generator(seed, "order", order, epoch).permutation(examples) for seed in seeds]
            )
        first = (step % per_epoch) * batch_size
        yield permutations[:, first : first + batch_size]
