"""Lines through errors of subset sums: how many bits each further random number brings."""

from __future__ import annotations

import numpy as np
import pandas as pd


def bits(rows: pd.DataFrame, count: str, error: str) -> pd.Series:
    """Fit a line to -log2 of an error against a count, by seed; return its slope: bits for each further one."""
    return pd.Series({seed: np.polyfit(of[count], -np.log2(of[error]), 1)[0] for seed, of in rows.groupby("seed")})


def needed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how many random values bring the errors of all targets down to epsilon: seed, precision, values.

    `precision` is log2(1/epsilon): 1, 2, ... as far as every seed reaches with the values that it has.
    """
    reached = -np.log2(rows.groupby("seed")["largest_error"].min())
    numbers = [
        (seed, precision, int(of.loc[of["largest_error"] <= 0.5**precision, "values"].min()))
        for seed, of in rows.groupby("seed")
        for precision in range(1, int(reached.min()) + 1)
    ]
    return pd.DataFrame(numbers, columns=["seed", "precision", "values"])


def explained(x: np.ndarray, y: np.ndarray) -> float:
    """Return the fraction of the variance of y that a line in x explains; nan where y does not vary."""
    if not np.ptp(y):
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1] ** 2)
