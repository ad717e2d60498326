"""Batched augmentation of training images."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lth_core.shares import ALONE, Share


def crop_flip(
    images: Tensor, stream: np.random.Generator, black: Tensor, padding: int = 4, share: Share = ALONE
) -> Tensor:
    """Pad with black, crop back to the old size at a random place, and flip left-right with probability 1/2.

    The CIFAR augmentation of ResNet (He et al. 2016, section 4.2) and of the lottery-ticket papers, which pad before
    they normalise: so the padding of normalised images is the normalised value of a black pixel.

    Args:
        images: (B, C, H, W).
        stream: gives each image its row offset and its column offset, 0..2 * padding, and its flip.
        black: the value of a black pixel per channel, (C,).
        padding: pixels added on every side.
        share: which part of a minibatch the images are; numbers are drawn for all of it, whoever has the rest.
    """
    examples, channels, height, width = images.shape
    minibatch = examples * share.processes
    rows, columns = stream.integers(0, 2 * padding + 1, size=(2, minibatch))[:, share.slice]
    flip = torch.from_numpy(stream.integers(0, 2, size=minibatch)[share.slice] == 1).to(images.device)
    padded = black.view(1, channels, 1, 1).repeat(examples, 1, height + 2 * padding, width + 2 * padding)
    padded[:, :, padding : padding + height, padding : padding + width] = images
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: (B, C, row offset, column offset, H, W)
    crops = windows[torch.arange(examples), :, torch.from_numpy(rows), torch.from_numpy(columns)]
    return torch.where(flip[:, None, None, None], crops.flip(-1), crops)
