"""Batched crop and flip do to each image what the textbook does to one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lth_core.data.augment import crop_flip
from lth_core.randomness import random_generator
from lth_core.runtime.shares import Share

BLACK = torch.tensor([-2.0, -1.0, 0.5])


def one_by_one(images: np.ndarray, rng: np.random.Generator, black: np.ndarray, padding: int) -> np.ndarray:
    """The same augmentation, an image and a channel at a time."""
    count, channels, height, width = images.shape
    rows = rng.integers(0, 2 * padding + 1, size=(2, count))
    flips = rng.integers(0, 2, size=count)
    result = np.empty_like(images)
    for index in range(count):
        top, left = rows[0, index], rows[1, index]
        for channel in range(channels):
            padded = np.pad(images[index, channel], padding, constant_values=black[channel])
            crop = padded[top : top + height, left : left + width]
            result[index, channel] = crop[:, ::-1] if flips[index] else crop
    return result


@pytest.mark.parametrize("padding", [0, 1, 4])
@pytest.mark.parametrize("size", [(6, 6), (5, 9)])
def test_equals_the_augmentation_of_one_image_at_a_time(padding: int, size: tuple[int, int]) -> None:
    """And each replicate's are drawn from its own stream."""
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 40, 3, *size)).astype(np.float32))
    untouched = images.clone()
    actual = crop_flip(images, [random_generator(seed, "augment", 7) for seed in (3, 8)], BLACK, padding)
    for augmented, replicate, seed in zip(actual.numpy(), images.numpy(), (3, 8), strict=True):
        assert np.array_equal(
            augmented, one_by_one(replicate, random_generator(seed, "augment", 7), BLACK.numpy(), padding)
        )
    assert torch.equal(images, untouched)


def test_every_offset_and_both_directions_occur_equally_often() -> None:
    images = torch.zeros(1, 9000, 1, 3, 3)
    images[..., 1, 1], images[..., 1, 2] = 1, 2  # a centre, and what is right of it
    (actual,) = crop_flip(images, [random_generator(0, "augment")], torch.zeros(1), padding=1)
    centres = (actual[:, 0] == 1).flatten(1).float().mean(dim=0)
    assert torch.allclose(centres, torch.full((9,), 1 / 9), atol=0.02)
    unmoved = actual[:, 0, 1, 1] == 1
    right, left = actual[unmoved, 0, 1, 2] == 2, actual[unmoved, 0, 1, 0] == 2
    assert (right | left).all() and abs(right.float().mean() - 0.5) < 0.06


def test_the_border_is_black_in_every_channel() -> None:
    (actual,) = crop_flip(torch.full((1, 50, 3, 2, 2), 9.0), [random_generator(0, "augment")], BLACK)
    for channel, black in enumerate(BLACK):
        assert set(actual[:, channel].unique().tolist()) == {9.0, black.item()}


def test_an_example_is_augmented_alike_whoever_has_it() -> None:
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 12, 3, 5, 5)).astype(np.float32))
    whole = crop_flip(images, [random_generator(3, "augment", 7)], BLACK)
    for share in (Share(rank, 3) for rank in range(3)):
        part = crop_flip(images[:, share.slice], [random_generator(3, "augment", 7)], BLACK, share=share)
        assert torch.equal(part, whole[:, share.slice])
