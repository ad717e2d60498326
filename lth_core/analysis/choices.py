"""Choices by a validation metric: the best of several steps, budgets or levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import pandas as pd

from lth_core.metrics import Metric

Choice = TypeVar("Choice")


def best(values: Mapping[Choice, pd.Series], metric: Metric) -> Choice:
    """Return the choice with the best mean over replicates, given one value per replicate; the first of equal ones.

    Choices at which fewer replicates diverged (nan) come before all others; the mean is that of the other replicates.
    """

    def rank(choice: Choice) -> tuple[int, float]:
        known = values[choice].dropna()
        mean = known.mean() if len(known) else 0.0
        return len(known) - len(values[choice]), mean if metric.higher_is_better else -mean

    return max(values, key=rank)
