"""The Fréchet distance of two samples of features (Heusel et al. 2017), and how a sample spreads over classes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """Mean and covariance of features, in double precision."""

    mean: np.ndarray
    """(features,)"""
    covariance: np.ndarray
    """(features, features)"""


def moments(features: np.ndarray) -> Moments:
    """Compute the mean and the unbiased covariance of features (examples, features).

    Raises ValueError for fewer than two examples.
    """
    if len(features) < 2:
        raise ValueError(f"a covariance needs at least 2 examples, not {len(features)}")
    exact = np.asarray(features, np.float64)
    return Moments(exact.mean(axis=0), np.atleast_2d(np.cov(exact, rowvar=False)))


def frechet_distance(first: Moments, second: Moments) -> float:
    """Compute |m - n|^2 + tr(S + T - 2 (S T)^(1/2)) for Gaussians of means m, n and covariances S, T.

    That is the squared 2-Wasserstein distance of the two (Dowson & Landau 1982), as the "FID" of Heusel et al. (2017)
    is, who take the features of another network. S T has the eigenvalues of the symmetric matrix S^(1/2) T S^(1/2),
    whose square roots add up to the trace: exact also where covariances are singular, as those of ReLUs that are never
    active. Between samples of one distribution it is above 0, and the more so the fewer there are.
    """
    root = _square_root(first.covariance)
    inner = root @ second.covariance @ root
    roots = np.sqrt(np.linalg.eigvalsh((inner + inner.T) / 2).clip(min=0))
    apart = first.mean - second.mean
    distance = apart @ apart + np.trace(first.covariance) + np.trace(second.covariance) - 2 * roots.sum()
    return max(0.0, float(distance))


def _square_root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T


class Spread(NamedTuple):
    """How a sample spreads over classes."""

    coverage: float
    """The fraction of all classes that have at least `COVERED` of an equal share."""
    entropy: float
    """The entropy of the histogram of classes in nats; log(classes) where all are equally frequent."""


COVERED = 0.25
"""The fraction of an equal share, 1 / classes of all examples, from which on a class counts as covered."""


def spread(labels: np.ndarray, classes: int) -> Spread:
    """Count the classes of a sample, given as integers (examples,). Raises ValueError for an empty one."""
    if not len(labels):
        raise ValueError("an empty sample has no classes")
    shares = np.bincount(labels, minlength=classes) / len(labels)
    there = shares[shares > 0]
    return Spread(float(np.mean(shares >= COVERED / classes)), float(-(there * np.log(there)).sum()))
