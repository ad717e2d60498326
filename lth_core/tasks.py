"""Tasks: what is trained. The verbs see a task through `Task` alone; image classification is the first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from lth_core.config import Recipe
from lth_core.data.augment import crop_flip
from lth_core.data.reading import ImageData
from lth_core.randomness import stream

Batch = Any

PIECE = 1000
"""Examples that are evaluated at a time."""


class TaskError(ValueError):
    """A task that cannot be trained as configured, in one line."""


class Task(Protocol):
    """A module, its data and its loss. R is the number of replicates of a cohort."""

    module: nn.Module
    recipe: Recipe
    device: torch.device

    def minibatches(self, seeds: Sequence[int], order: int, first_step: int, last_step: int) -> Iterator[Batch]:
        """One batch per step with a leading replicate axis; step t's is a pure function of (seed, order, t)."""

    def evaluation_batches(self, split: str) -> Iterator[Batch]:
        """The split in fixed pieces, shared by all replicates (no replicate axis)."""

    def sample_batches(self, split: str, examples: int | None = None, size: int = PIECE) -> Iterator[Batch]:
        """`examples` of the split (None: all of it), drawn once for all, in random pieces of one size, at most `size`.

        Pieces are like those of evaluation_batches. A smaller sample is part of a larger one.
        """

    def losses(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Per example: the loss (nats) and whether the prediction is right."""

    def output_gradient(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Outputs (R, B, ...) -> the gradient of every replicate's mean loss by its outputs."""


@dataclass(frozen=True)
class ImageBatch:
    """images ([R,] B, C, H, W), normalised float32; labels ([R,] B) int64."""

    images: Tensor
    labels: Tensor

    @property
    def inputs(self) -> Tensor:
        return self.images

    def replicate(self, index: int) -> ImageBatch:
        """The batch of one replicate."""
        return ImageBatch(self.images[index], self.labels[index])


@dataclass(frozen=True)
class ImageClassification:
    """Images and labels under cross-entropy."""

    module: nn.Module
    data: ImageData
    recipe: Recipe
    device: torch.device

    def __post_init__(self) -> None:
        if self.recipe.batch_size > self.data.size("train"):
            found = self.data.size("train")
            raise TaskError(f"train.batch_size: {self.recipe.batch_size} is larger than the {found} training examples")

    def minibatches(self, seeds: Sequence[int], order: int, first_step: int, last_step: int) -> Iterator[ImageBatch]:
        steps = range(first_step, last_step)
        indices = batch_indices(seeds, order, steps, self.data.size("train"), self.recipe.batch_size)
        crops = None
        if self.recipe.augment == "resized-crop-flip":  # while images are decoded
            crops = ([(seed, "augment", order, step) for seed in seeds] for step in steps)
        for step, (images, labels) in zip(steps, self.data.batches("train", indices, crops), strict=True):
            if self.recipe.augment == "crop-flip":
                draws = [(x, stream(seed, "augment", order, step)) for x, seed in zip(images, seeds, strict=True)]
                images = torch.stack([crop_flip(x, s, self.data.black, share=self.data.share) for x, s in draws])
            yield ImageBatch(images, labels)

    def evaluation_batches(self, split: str) -> Iterator[ImageBatch]:
        examples = np.arange(self.data.size(split))
        if split == "train":
            # As many training examples as the validation split has, drawn once for all: files may be sorted by class.
            examples = np.sort(self._drawn(split)[: self.data.size("validation")])
        pieces = (examples[first : first + PIECE] for first in range(0, len(examples), PIECE))
        for images, labels in self.data.batches(split, pieces):
            yield ImageBatch(images, labels)

    def sample_batches(self, split: str, examples: int | None = None, size: int = PIECE) -> Iterator[ImageBatch]:
        sample = self._drawn(split)[:examples]
        # Pieces of equal size, to one example, so that what is measured on each can be averaged over them.
        for images, labels in self.data.batches(split, np.array_split(sample, math.ceil(len(sample) / size))):
            yield ImageBatch(images, labels)

    def _drawn(self, split: str) -> np.ndarray:
        """All examples of a split in an order drawn once for all: the start of it is a random sample."""
        return stream(0, "evaluation", split).permutation(np.arange(self.data.size(split)))

    def losses(self, outputs: Tensor, batch: ImageBatch) -> tuple[Tensor, Tensor]:
        loss = nn.functional.cross_entropy(outputs, batch.labels, reduction="none")
        return loss, outputs.argmax(dim=-1) == batch.labels

    def output_gradient(self, outputs: Tensor, batch: ImageBatch) -> Tensor:
        gradient = outputs.softmax(dim=-1)
        gradient.scatter_add_(-1, batch.labels[..., None], gradient.new_full((), -1.0).expand(*batch.labels.shape, 1))
        return gradient.div_(batch.labels.shape[-1])


def batch_indices(
    seeds: Sequence[int], order: int, steps: range, examples: int, batch_size: int
) -> Iterator[np.ndarray]:
    """Example indices (R, B) of each step: every epoch is a permutation from the stream (seed, "order", order, epoch).

    The incomplete batch at the end of an epoch is dropped.
    """
    per_epoch = examples // batch_size
    epoch, permutations = None, np.empty(0)
    for step in steps:
        if step // per_epoch != epoch:
            epoch = step // per_epoch
            permutations = np.stack([stream(seed, "order", order, epoch).permutation(examples) for seed in seeds])
        first = (step % per_epoch) * batch_size
        yield permutations[:, first : first + batch_size]
