"""What the study of the recipe's parts reads from the analyses of supermasks, and looks up in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lth_core.analysis.choices import best
from lth_core.analysis.tables import read_table


def gathered(files: Mapping[tuple[str, ...], str], columns: Sequence[str], named: Sequence[str]) -> pd.DataFrame:
    """The rows of all files, with what the start of each file's key names. Raises ArtifactError for a bad file."""
    parts = [read_table(path).assign(**dict(zip(named, key, strict=False))) for key, path in files.items()]
    return pd.concat(parts, ignore_index=True)[list(columns)] if parts else pd.DataFrame(columns=list(columns))


def best_level(rows: pd.DataFrame) -> int:
    """The level of one criterion and kind of values with the highest validation accuracy, averaged over seeds.

    Among equal ones that with most weights.
    """
    return int(best({level: own["validation_accuracy"] for level, own in rows.groupby("level")}))


def at_best_level(supermasks: pd.DataFrame, criterion: str, values: str) -> pd.DataFrame:
    """The rows of a criterion and kind of values at their best level."""
    rows = supermasks[(supermasks["criterion"] == criterion) & (supermasks["values"] == values)]
    return rows[rows["level"] == best_level(rows)]


def best_criterion(supermasks: pd.DataFrame, values: str) -> str:
    """The criterion whose masks reach the highest validation accuracy, averaged over seeds, at their best level."""
    found = {
        criterion: at_best_level(supermasks, criterion, values)["validation_accuracy"]
        for criterion in supermasks["criterion"].unique()
    }
    return best(found)


def learned(table: pd.DataFrame, values: str, scaling: str, mask: str = "drawn") -> pd.DataFrame:
    """The rows of one kind of learned supermasks."""
    chosen = (table["values"] == values) & (table["scaling"] == scaling) & (table["mask"] == mask)
    return table[chosen]


def by_seed(rows: pd.DataFrame, column: str = "test_accuracy") -> pd.Series:
    """An accuracy with one entry per seed."""
    return rows.set_index("seed")[column].sort_index()
