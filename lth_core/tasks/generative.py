"""Tasks whose networks learn to make images: pixels in [0, 1] and noise, under an objective that can draw images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lth_core.data.reading import StoredImages
from lth_core.models.tensors import load_tensors
from lth_core.randomness import random_generator
from lth_core.tasks.base import Examples, Networks, TaskError
from lth_core.tasks.fitting import input_shape
from lth_core.tasks.generation import Generation
from lth_core.tasks.images import ImageTask


@dataclass(frozen=True)
class GenerativeTask(ImageTask):
    """Images and noise under an objective that draws images.

    The noise of a training step comes from (seed, order, step); that of evaluations is fixed for every example.
    """

    data: StoredImages

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.share.processes > 1:
            raise TaskError(f"processes: {self.share.processes} cannot share the noise of a batch: set 1")
        if not isinstance(self.data, StoredImages):
            raise TaskError(f"objective '{self.objective.name}' needs all pixels at hand: its data must not 'stream'")

    @property
    def generation(self) -> Generation:
        """Return how batches are made, and images drawn."""
        assert self.objective.generation is not None
        return self.objective.generation

    @property
    def pixels(self) -> int:
        """Count the numbers of an image, all channels together."""
        return math.prod(self.data.input_shape)

    @property
    def input_shape(self) -> Sequence[int]:
        return input_shape(self.data.facts, self.module)

    # ------------------------------------------------------------ batches

    def minibatches(
        self, seeds: Sequence[int], order: int, first_step: int, last_step: int, networks: Networks | None = None
    ) -> Iterator[Examples]:
        batches = super().minibatches(seeds, order, first_step, last_step, networks)
        for step, batch in zip(range(first_step, last_step), batches, strict=True):
            rngs = (random_generator(seed, "generation noise", order, step) for seed in seeds)
            yield self._examples(batch.inputs, np.stack([self._noise(batch.inputs.shape[1], rng) for rng in rngs]))

    def _batches(self, split: str, indices: Iterable[np.ndarray]) -> Iterator[Examples]:
        pieces = list(indices)
        for index, (images, _) in zip(pieces, self.data.batches(split, pieces), strict=True):
            # Of every example alone, so that pieces and samples of a split meet the same noise.
            rngs = (random_generator(0, "evaluation noise", split, int(example)) for example in index)
            yield self._examples(images, np.concatenate([self._noise(1, rng) for rng in rngs]))

    def _noise(self, count: int, rng: np.random.Generator) -> np.ndarray:
        return self.generation.noise(self.module, self.pixels, count, rng)

    def _examples(self, images: Tensor, noise: np.ndarray) -> Examples:
        pixels = self.pixels_of(images).flatten(-3)
        return Examples(*self.generation.examples(self.module, pixels, torch.from_numpy(noise).to(pixels.device)))

    def pixels_of(self, images: Tensor) -> Tensor:
        """Turn normalised images (..., C, H, W) into pixels in [0, 1]: from black to the brightest training pixel."""
        low, high = self._range
        stored = (images - self.data.black[:, None, None]) / self.data.scale
        return ((stored - low) / (high - low)).clamp(0, 1)

    def images_of(self, pixels: Tensor) -> Tensor:
        """Turn pixels in [0, 1] (..., C, H, W) into normalised images, which classifiers take."""
        low, high = self._range
        return (low + pixels * (high - low)) * self.data.scale + self.data.black[:, None, None]

    @cached_property
    def _range(self) -> tuple[float, float]:
        """The darkest training pixel, 0 at most, and the brightest."""
        images = self.data.images["train"]
        return min(0.0, float(images.min())), float(images.max())

    # ------------------------------------------------------------ images

    def real(self, split: str, count: int, rng: np.random.Generator | None = None) -> np.ndarray:
        """Take at most `count` images (N, pixels) of a split: drawn by `rng` or, without, those that come first."""
        order = rng.permutation(self.data.size(split)) if rng else np.arange(self.data.size(split))
        ((images, _),) = self.data.batches(split, [order[:count]])
        return self.pixels_of(images).flatten(1).cpu().numpy()

    @torch.no_grad()
    def draw(self, weights: Mapping[str, np.ndarray], count: int, seed: int) -> Tensor:
        """Draw images (count, C, H, W) with the weights of one replicate, on the CPU; `seed` decides the draw.

        Pixels are in [0, 1], or not finite where sampling diverges.
        """
        load_tensors(self.module.to(self.device), dict(weights))
        rng = random_generator(seed, "samples")
        images = self.generation.draw(self.module.eval(), self.pixels, count, rng)
        return images.reshape(count, *self.data.input_shape).cpu()
