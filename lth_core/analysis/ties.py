"""Ties: values that differ by rounding alone are equal, whatever is ranked or chosen by them.

Tables hold nine digits, and sums of the same examples in another order differ in their last ones.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from lth_core.metrics import ROUNDING


def tolerance(values: ArrayLike) -> float:
    """Return by how much values, as measured, differ at most that are equal."""
    return ROUNDING * (1 + float(np.abs(np.asarray(values, dtype=float)).max(initial=0.0)))


def all_equal(values: ArrayLike) -> bool:
    """Tell whether values (no nan) differ by rounding alone."""
    return float(np.ptp(np.asarray(values, dtype=float))) <= tolerance(values)


def ranks(values: pd.Series) -> pd.Series:
    """Return the ranks of values (no nan), from 1; equal ones share the mean of theirs."""
    ordered = values.sort_values(kind="stable")
    groups = (ordered.diff() > tolerance(values)).cumsum()
    return groups.rank().reindex(values.index)
