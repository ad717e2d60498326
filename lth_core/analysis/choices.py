"""Choices by a validation metric: the best of several steps, budgets or levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import pandas as pd

from lth_core.analysis.ties import tolerance
from lth_core.metrics import Metric

Choice = TypeVar("Choice")


def best(values: Mapping[Choice, pd.Series], metric: Metric) -> Choice:
    """Return the choice with the best mean over replicates, given one value per replicate; the first of equal ones.

    Choices at which fewer replicates diverged (nan) come before all others; the mean is that of the other replicates.
    """
    known = {choice: series.dropna() for choice, series in values.items()}
    diverged = {choice: len(values[choice]) - len(known[choice]) for choice in values}
    complete = [choice for choice in values if diverged[choice] == min(diverged.values())]
    means = {choice: known[choice].mean() if len(known[choice]) else 0.0 for choice in complete}
    gains = {choice: mean if metric.higher_is_better else -mean for choice, mean in means.items()}
    best_gain = max(gains.values())
    return next(choice for choice, gain in gains.items() if gain >= best_gain - tolerance(best_gain))
