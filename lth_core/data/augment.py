"""Batched augmentation of training images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lth_core.runtime.shares import ALONE, Share


def crop_flip(
    images: Tensor, rngs: Sequence[np.random.Generator], black: Tensor, padding: int = 4, share: Share = ALONE
) -> Tensor:
    """Pad with black, crop back to the old size at a random place, and flip left-right with probability 1/2.

    The CIFAR augmentation of ResNet (He et al. 2016, section 4.2) and of the lottery-ticket papers, which pad before
    they normalise: so the padding of normalised images is the normalised value of a black pixel.

    Args:
        images: (R, B, C, H, W).
        rngs: one per replicate draws each image's row offset and column offset, 0..2 * padding, and its flip.
        black: the value of a black pixel per channel, (C,).
        padding: pixels added on every side.
        share: which part of a minibatch the images are; numbers are drawn for all of it, whoever has the rest.
    """
    replicates, batch, channels, height, width = images.shape
    examples = replicates * batch
    drawn = np.concatenate([_draw(rng, batch * share.processes, padding)[:, share.slice] for rng in rngs], axis=1)
    # One copy to the device, which is not waited for.
    rows, columns, flip = torch.from_numpy(drawn).to(images.device, non_blocking=True)
    padded = black.view(1, channels, 1, 1).repeat(examples, 1, height + 2 * padding, width + 2 * padding)
    padded[:, :, padding : padding + height, padding : padding + width] = images.flatten(0, 1)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: (R * B, C, row offset, column offset, H, W)
    crops = windows[torch.arange(examples, device=images.device), :, rows, columns]
    return torch.where(flip.bool()[:, None, None, None], crops.flip(-1), crops).view_as(images)


def _draw(rng: np.random.Generator, examples: int, padding: int) -> np.ndarray:
    """Row offset, column offset and flip (3, B)."""
    offsets = rng.integers(0, 2 * padding + 1, size=(2, examples))
    return np.concatenate([offsets, rng.integers(0, 2, size=(1, examples))])
