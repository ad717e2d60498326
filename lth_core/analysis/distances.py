"""How far apart two trained networks are, over the weights that a mask keeps (Frankle et al. 2019, section 3)."""

from __future__ import annotations

import numpy as np

from lth_core.storage.errors import ArtifactError
from lth_core.storage.tensors import Tensors


def angle_between(first: np.ndarray, second: np.ndarray) -> float:
    """Compute the angle in radians, precise for nearly parallel vectors too; nan when one of them is zero."""
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    if 0 in lengths:
        return float("nan")
    first, second = first / lengths[0], second / lengths[1]
    return float(2 * np.arctan2(np.linalg.norm(first - second), np.linalg.norm(first + second)))


def distances(mask: Tensors, first: Tensors, second: Tensors) -> tuple[np.ndarray, np.ndarray]:
    """Compute L2 distance and angle (radians) between the masked weights of two trainings; both of shape (R,).

    `mask` holds booleans (R, ...) per prunable weight; `first` and `second` hold the trained weights by the same names.
    Either may have one replicate per seed where the mask has several draws per seed. A diverged replicate gives nan.
    Raises ArtifactError when a network lacks a weight of the mask or has it in another shape.
    """
    replicates = len(next(iter(mask.values())))
    for weights in (first, second):
        _check_same_layers(mask, weights)
    l2, angle = np.empty(replicates), np.empty(replicates)
    for replicate in range(replicates):
        a, b = (_kept(mask, weights, replicate, replicates) for weights in (first, second))
        l2[replicate], angle[replicate] = np.linalg.norm(a - b), angle_between(a, b)
    return l2, angle


def _check_same_layers(mask: Tensors, weights: Tensors) -> None:
    for name, kept in mask.items():
        if name not in weights:
            raise ArtifactError(f"weight '{name}' of the mask is not in the trained network")
        shape = weights[name].shape
        if shape[1:] != kept.shape[1:] or len(kept) % shape[0]:
            raise ArtifactError(f"weight '{name}': the mask has shape {kept.shape}, the trained network {shape}")


def _kept(mask: Tensors, weights: Tensors, replicate: int, replicates: int) -> np.ndarray:
    """All kept weights of one replicate in one vector, in double precision."""
    parts = [
        weights[name][replicate * len(weights[name]) // replicates][mask[name][replicate]] for name in sorted(mask)
    ]
    return np.concatenate(parts).astype(np.float64)
