"""Scales: on which numbers the mean and the spread of an effect are taken.

Differences are averaged as they are. A ratio and its inverse say the same, so ratios are averaged as logarithms: the
estimate is the geometric mean, the interval lies around it in proportion, and no end of it is impossible, such as more
than 100% saved. A ratio of 0, an infinite or a negative one has no logarithm: such a replicate is unmeasured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Scale:
    """A rising function of an effect, and its inverse."""

    name: str
    """What tables call it."""
    forth: Callable[[np.ndarray], np.ndarray]
    """From the unit of the effect to the numbers that are averaged."""
    back: Callable[[float], float]

    def __call__(self, values: ArrayLike) -> np.ndarray:
        """Return the numbers that are averaged: not finite where the effect has none."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.forth(np.asarray(values, dtype=float))


DIFFERENCES = Scale("difference", lambda values: values, float)
RATIOS = Scale("ratio", np.log, lambda number: float(np.exp(number)))
PERCENT_SAVED = Scale(
    "percent saved", lambda values: -np.log1p(-values / 100), lambda number: float(-100 * np.expm1(-number))
)
"""Of 100 * (1 - ratio)."""
PERCENT_MORE = Scale(
    "percent more", lambda values: np.log1p(values / 100), lambda number: float(100 * np.expm1(number))
)
"""Of 100 * (ratio - 1)."""
SCALES = {scale.name: scale for scale in (DIFFERENCES, RATIOS, PERCENT_SAVED, PERCENT_MORE)}
"""All scales by their name."""
