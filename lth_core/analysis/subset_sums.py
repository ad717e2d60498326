"""Subset sums: how near some of n random numbers, added up, come to a target (Pensia et al. 2020; Orseau et al. 2020).

The search is exhaustive, so that no other subset comes nearer, up to the rounding of float64.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

MOST = 22
"""The most values whose 2^n subset sums are kept at a time: 32 MB."""


def subset_sums(values: np.ndarray) -> np.ndarray:
    """Return the sums of all subsets of values (..., n): (..., 2^n).

    Value i is part of sum number s where bit i of s is 1. So the sums of the first k values are the first 2^k.
    """
    values = np.asarray(values, dtype=np.float64)
    sums = np.zeros((*values.shape[:-1], 1))
    for position in range(values.shape[-1]):
        sums = np.concatenate([sums, sums + values[..., position, None]], axis=-1)
    return sums


def nearest_subsets(values: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose for each target (T,) the subset of its values (T, n) whose sum is nearest.

    Returns which values are in it (T, n), as booleans, and how far its sum is from the target (T,).
    """
    distances = np.abs(subset_sums(values) - targets[:, None])
    best = distances.argmin(axis=-1)
    members = (best[:, None] >> np.arange(values.shape[-1])) & 1
    return members.astype(bool), distances[np.arange(len(targets)), best]


def smallest_errors(values: np.ndarray, targets: np.ndarray) -> Iterator[np.ndarray]:
    """Yield, for the first 1, 2, ... n of the values (n,), how near a subset sum comes to each target (T,): (T,)."""
    ordered = np.zeros(1)
    for value in values:
        ordered = np.sort(np.concatenate([ordered, ordered + value]), kind="stable")  # which merges two sorted runs
        above = np.searchsorted(ordered, targets).clip(1, len(ordered) - 1)
        yield np.minimum(np.abs(ordered[above] - targets), np.abs(targets - ordered[above - 1]))
