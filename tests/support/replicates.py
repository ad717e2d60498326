"""Tables of replicates as lines are drawn from them."""

from __future__ import annotations

import pandas as pd


def replicates(values: dict[float, list[float]]) -> pd.DataFrame:
    """Return one row per value: `values` maps x to one y per seed."""
    rows = [{"x": x, "seed": seed, "y": y} for x, ys in values.items() for seed, y in enumerate(ys)]
    return pd.DataFrame(rows)
