"""Barriers: how far loss and error rise on the straight line between two networks."""

from __future__ import annotations

import pandas as pd

POINT = ("alpha", "loss", "error")
"""Columns of a path table that describe a point of the line; all others name the line."""


def barriers(path: pd.DataFrame) -> pd.DataFrame:
    """Compute the barrier of every line in a table of points: one row per seed, draw, matching, statistics and split.

    `barrier` is the maximum of the error over the line minus the mean of its two ends (Frankle et al. 2020, section 2,
    call it the instability; below 0.02 their networks are stable), a fraction; `loss_barrier` the same of the loss, in
    nats. The points must hold both ends (alpha 0 and 1). Since the maximum is taken over the ends too, neither is below
    0, and between unequal ends both are above 0 even where nothing rises between them: half of the ends' difference.
    A line with a point that is not a number has nan as its barrier. More columns that name a line (task, level, ...)
    are kept.
    """
    names = [column for column in path if column not in POINT]
    lines = path.sort_values("alpha", kind="stable").groupby(names, dropna=False, sort=False)
    error, loss = (lines[column].agg(_barrier) for column in ("error", "loss"))
    return pd.DataFrame({"barrier": error, "loss_barrier": loss}).reset_index()


def _barrier(values: pd.Series) -> float:
    """Of the values along one line, from end to end."""
    return values.max(skipna=False) - (values.iloc[0] + values.iloc[-1]) / 2
