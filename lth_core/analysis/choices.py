"""Choices by validation accuracy: the best of several steps, budgets or levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import pandas as pd

Choice = TypeVar("Choice")


def best(values: Mapping[Choice, pd.Series]) -> Choice:
    """Return the choice with the highest mean over replicates, given one value per replicate; the first of equal ones.

    Choices at which fewer replicates diverged (nan) come before all others; the mean is that of the other replicates.
    """

    def rank(choice: Choice) -> tuple[int, float]:
        known = values[choice].dropna()
        return len(known) - len(values[choice]), known.mean() if len(known) else 0.0

    return max(values, key=rank)
