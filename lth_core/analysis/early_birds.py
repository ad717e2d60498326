"""Early birds: when the channel masks of successive epochs have settled (You et al. 2020, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def parse_channels(lines: Sequence[str]) -> np.ndarray:
    """Read which channels masks keep, (epochs, channels): those of the letter K, as job `channel_masks` writes."""
    return np.array([[letter == "K" for letter in line if letter != " "] for line in lines], dtype=bool)


def group_sizes(line: str) -> list[int]:
    """Count the channels of each group of a line that job `channel_masks` writes."""
    return [len(group) for group in line.split(" ")]


def mask_distances(masks: np.ndarray) -> np.ndarray:
    """Compute the mask distance of all pairs, (epochs, epochs), of masks (epochs, channels).

    It is the part of channels in which they differ (the normalized Hamming distance).
    """
    signs = 2.0 * masks - 1
    return (1 - signs @ signs.T / masks.shape[1]) / 2


def independent_distances(first: np.ndarray, second: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Compute the mask distance to expect, (epochs,), of random masks that keep as many channels of each group.

    `first` and `second` are masks (epochs, channels), `sizes` the channels of each group. Of two independent draws that
    keep a and b of n channels, the hypergeometric mean of those in which they differ is a (n - b) / n + b (n - a) / n.
    """
    starts, n = np.cumsum([0, *sizes[:-1]]), np.array(sizes)
    a, b = (np.add.reduceat(masks.astype(int), starts, axis=1) for masks in (first, second))
    return ((a * (n - b) + b * (n - a)) / n).sum(axis=1) / n.sum()


def queue_distances(distances: np.ndarray, queue: int) -> np.ndarray:
    """Return the largest distance of each epoch's mask to the `queue` - 1 before it; nan while there are fewer."""
    largest = np.full(len(distances), np.nan)
    for newest in range(queue - 1, len(distances)):
        largest[newest] = distances[newest, newest - queue + 1 : newest].max()
    return largest


def detected(largest: np.ndarray, epsilon: float) -> int | None:
    """Return the index of the first epoch whose mask is within `epsilon` of those before it in the queue, or None."""
    settled = np.flatnonzero(largest <= epsilon + 1e-12)
    return int(settled[0]) if len(settled) else None
