"""The energy distance of two samples (Szekely & Rizzo 2013), by which images that a network drew are compared."""

from __future__ import annotations

import numpy as np
import torch

PIECE = 200
"""Examples whose distances to all others are computed at a time."""


def energy_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Compute 2 E|X - Y| - E|X - X'| - E|Y - Y'| of samples (N, features) and (M, features), with Euclidean norms.

    All pairs are counted, so that it is 0 for equal samples and never negative. Between samples of one distribution it
    is small, but above 0: the floor to compare it with.
    """
    within = _mean_distance(first, first) + _mean_distance(second, second)
    return max(0.0, 2 * _mean_distance(first, second) - within)


def _mean_distance(first: np.ndarray, second: np.ndarray) -> float:
    rows, others = (torch.from_numpy(np.ascontiguousarray(values, np.float64)) for values in (first, second))
    exact = "donot_use_mm_for_euclid_dist"  # differences of products would lose digits
    sums = [torch.cdist(piece, others, compute_mode=exact).sum() for piece in rows.split(PIECE)]
    return float(torch.stack(sums).sum()) / (len(rows) * len(others))
