"""Densities that the claims of Frankle & Carbin 2019 compare, and how their sentences name them."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.measurements import nearest_level
from lth_core.studies.claim_sheet import spanned


def density(rows: pd.DataFrame, level: int) -> float:
    """Return a level's density."""
    return rows.loc[rows["level"] == level, "density"].iloc[0]


def percent(rows: pd.DataFrame, level: int) -> str:
    """Return a level's density in percent."""
    return spanned(density(rows, level))


def levels_between(rows: pd.DataFrame, high: float, low: float) -> list[int]:
    """List the levels from the one nearest to density `high` to the one nearest to `low`; none if either is missing."""
    first, last = nearest_level(rows, high), nearest_level(rows, low)
    if first is None or last is None:
        return []
    return [int(level) for level in sorted(rows["level"].unique()) if first <= level <= last]


def compared(densities: pd.Series, highest: float) -> pd.Series:
    """Return the densities (by level) at which strategies are compared: below `highest`, above the collapse at 2%."""
    return densities[(densities > 0.02) & (densities < highest)]


def mean_over(densities: pd.Series) -> str:
    """Say which densities an effect averages over."""
    if len(densities) < 2:
        return "".join(f"at {spanned(density)}" for density in densities)
    return f"mean over {len(densities)} densities, {spanned(*densities)}"
