"""Image classification: images and labels under cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from lth_core.config import Recipe
from lth_core.data.augment import crop_flip
from lth_core.data.reading import ImageData
from lth_core.models.layout import channels_last, wants_channels_last
from lth_core.randomness import random_generator
from lth_core.runtime.shares import Share
from lth_core.tasks.base import PIECE, TaskError


@dataclass(frozen=True)
class ImageBatch:
    """images ([R,] B, C, H, W), normalised float32; labels ([R,] B) int64."""

    images: Tensor
    labels: Tensor

    @property
    def inputs(self) -> Tensor:
        return self.images

    def replicate(self, index: int) -> ImageBatch:
        """Take the batch of one replicate."""
        return ImageBatch(self.images[index], self.labels[index])


@dataclass(frozen=True)
class ImageClassification:
    """Images and labels under cross-entropy."""

    module: nn.Module
    data: ImageData
    recipe: Recipe
    device: torch.device

    @property
    def share(self) -> Share:
        return self.data.share

    def __post_init__(self) -> None:
        if self.recipe.batch_size > self.data.size("train"):
            examples = self.data.size("train")
            raise TaskError(
                f"train.batch_size: {self.recipe.batch_size} must be at most the {examples} training examples"
            )

    def minibatches(self, seeds: Sequence[int], order: int, first_step: int, last_step: int) -> Iterator[ImageBatch]:
        steps = range(first_step, last_step)
        indices = batch_indices(seeds, order, steps, self.data.size("train"), self.recipe.batch_size)
        crops = None
        if self.recipe.augment == "resized-crop-flip":  # while images are decoded
            crops = ([(seed, "augment", order, step) for seed in seeds] for step in steps)
        for step, (images, labels) in zip(steps, self.data.batches("train", indices, crops), strict=True):
            if self.recipe.augment == "crop-flip":
                rngs = [random_generator(seed, "augment", order, step) for seed in seeds]
                images = crop_flip(images, rngs, self.data.black, share=self.data.share)
            yield self._batch(images, labels)

    def evaluation_batches(self, split: str, size: int = PIECE) -> Iterator[ImageBatch]:
        examples = self._training_sample if split == "train" else np.arange(self.data.size(split))
        pieces = (examples[first : first + size] for first in range(0, len(examples), size))
        yield from self._batches(split, pieces)

    def sample_batches(self, split: str, examples: int | None = None, size: int = PIECE) -> Iterator[ImageBatch]:
        sample = self._drawn(split)[:examples]
        # Pieces of equal size, to one example, so that what is measured on each can be averaged over them.
        yield from self._batches(split, np.array_split(sample, math.ceil(len(sample) / size)))

    def _batches(self, split: str, indices: Iterable[np.ndarray]) -> Iterator[ImageBatch]:
        for images, labels in self.data.batches(split, indices):
            yield self._batch(images, labels)

    def _batch(self, images: Tensor, labels: Tensor) -> ImageBatch:
        return ImageBatch(channels_last(images) if self.channels_last else images, labels)

    @cached_property
    def channels_last(self) -> bool:
        """Tell whether images come with their channels last, as this network is fastest."""
        return wants_channels_last(self.module, self.data.input_shape, self.device, self.recipe.precision)

    @cached_property
    def _training_sample(self) -> np.ndarray:
        """As many training examples as the validation split has, drawn once for all: files may be sorted by class."""
        return np.sort(self._drawn("train")[: self.data.size("validation")])

    def _drawn(self, split: str) -> np.ndarray:
        """All examples of a split in an order drawn once for all: the start of it is a random sample."""
        return random_generator(0, "evaluation", split).permutation(np.arange(self.data.size(split)))

    def losses(self, outputs: Tensor, batch: ImageBatch) -> tuple[Tensor, Tensor]:
        loss = nn.functional.cross_entropy(outputs, batch.labels, reduction="none")
        return loss, outputs.argmax(dim=-1) == batch.labels

    def output_gradient(self, outputs: Tensor, batch: ImageBatch) -> Tensor:
        gradient = outputs.mT.softmax(dim=-2).mT  # few classes: vectors of examples are three times as fast
        gradient.scatter_(-1, batch.labels[..., None], -1.0, reduce="add")
        return gradient.div_(batch.labels.shape[-1])


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
