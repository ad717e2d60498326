"""Tasks on images: augmentation, and the order of an image's values in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

from lth_core.data.augment import crop_flip
from lth_core.data.reading import ImageData
from lth_core.models.layout import channels_last, wants_channels_last
from lth_core.randomness import random_generator
from lth_core.tasks.base import Examples, Networks
from lth_core.tasks.examples import ExamplesTask, batch_indices


@dataclass(frozen=True)
class ImageTask(ExamplesTask):
    """Images, perhaps augmented in training, under an objective."""

    data: ImageData

    def minibatches(
        self, seeds: Sequence[int], order: int, first_step: int, last_step: int, networks: Networks | None = None
    ) -> Iterator[Examples]:
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

    def _batches(self, split: str, indices: Iterable[np.ndarray]) -> Iterator[Examples]:
        yield from (self._batch(images, labels) for images, labels in self.data.batches(split, indices))

    def _batch(self, images: Tensor, labels: Tensor) -> Examples:
        return Examples(channels_last(images) if self.channels_last else images, labels)

    @cached_property
    def channels_last(self) -> bool:
        """Tell whether images come with their channels last, as this network is fastest."""
        return wants_channels_last(self.module, self.data.input_shape, self.device, self.recipe.precision)
