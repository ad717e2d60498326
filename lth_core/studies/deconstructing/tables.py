"""What the study of the recipe's parts reads from the analyses of supermasks, and looks up in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from lth_core.analysis.choices import best
from lth_core.analysis.claims import mean_interval
from lth_core.analysis.tables import read_table
from lth_core.studies.deconstructing.study import COMPARISON_COLUMNS

VALUES = ("initial", "constant")
FOUND, TRAINED = "found", "trained"
LEARNED_KINDS = {
    "learned": ("plain", "drawn"),
    "learned-rescaled": ("rescaled", "drawn"),
    "likely": ("plain", "likely"),
    "likely-rescaled": ("rescaled", "likely"),
}
"""Kind of learned supermask -> its scaling, and whether masks are drawn or the likely one."""


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


class Compared(NamedTuple):
    """One bar of the comparison of supermasks with training."""

    kind: str
    """`found` by a criterion, a kind of learned mask, or `trained`: the dense network at early stopping."""
    values: str
    """Kept weights are `initial` values or signed `constant`s; or `trained`."""
    chosen: str
    """What validation accuracy has chosen: criterion and level of the masks that are found."""
    accuracies: pd.Series
    """Test accuracy by seed."""


def compared(tables: Mapping[str, pd.DataFrame], task: str) -> Iterator[Compared]:
    """Every kind of supermask with both kinds of values, then the trained dense network of one task."""
    accuracies, found, of_learning = (
        tables[name].loc[tables[name]["task"] == task] for name in ("accuracies", "supermasks", "learned_supermasks")
    )
    for values in VALUES:
        criterion = best_criterion(found, values)
        rows = at_best_level(found, criterion, values)
        yield Compared(FOUND, values, f"{criterion} at level {rows['level'].iloc[0]}", by_seed(rows))
    for kind, (scaling, mask) in LEARNED_KINDS.items():
        for values in VALUES:
            yield Compared(kind, values, "", by_seed(learned(of_learning, values, scaling, mask)))
    yield Compared(TRAINED, TRAINED, "", by_seed(accuracies[accuracies["level"] == 0], "accuracy"))


def comparison(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean test accuracy of whatever is `compared`, with its interval over seeds, of all tasks with supermasks."""
    rows = [
        (task, kind, values, chosen, *mean_interval(accuracies.to_list()), len(accuracies))
        for task in tables["supermasks"]["task"].unique()
        for kind, values, chosen, accuracies in compared(tables, task)
    ]
    return pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))
