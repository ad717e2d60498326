"""The tables of the study of Zhou et al. 2019, and what its claims and figures look up in those of supermasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from lth_core.analysis.choices import best
from lth_core.analysis.claims import mean_interval
from lth_core.analysis.measurements import final_metrics, measure, metrics_by_task, read_histories
from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.metrics import ACCURACY
from lth_core.studies.deconstructing.study import Design

ACCURACY_COLUMNS = ("task", "method", "level", "density", "seed", "accuracy", "final_accuracy")
"""`accuracy` at early stopping and `final_accuracy` at the end of training, both on the test split."""

SUPERMASK_COLUMNS = (
    *("task", "criterion", "level", "density", "values", "seed"),
    *("validation_accuracy", "test_accuracy"),
)
"""`values`: kept weights are `initial` values or signed `constant`s."""

LEARNED_SUPERMASK_COLUMNS = (
    *("task", "values", "scaling", "mask", "density", "seed"),
    *("validation_accuracy", "test_accuracy"),
)
"""`scaling`: plain or rescaled; `mask`: drawn, or the likely one."""

SUPERMASK_COMPARISON_COLUMNS = ("task", "kind", "values", "chosen", "mean", "low", "high", "seeds")
"""`mean`, `low` and `high`: the mean test accuracy, and its 95% t interval over seeds; `chosen`: by
validation accuracy, the criterion and level of masks that a criterion finds."""

VALUES = ("initial", "constant")
FOUND, TRAINED = "found", "trained"
LEARNED_KINDS = {
    "learned": ("plain", "drawn"),
    "learned-rescaled": ("rescaled", "drawn"),
    "likely": ("plain", "likely"),
    "likely-rescaled": ("rescaled", "likely"),
}
"""Kind of learned supermask -> its scaling, and whether masks are drawn or the likely one."""


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables.

    accuracies: one row per task, method, level (0: the dense network, method `dense`) and seed: test accuracies at
    early stopping (minimum validation loss) and at the end; nan where training diverged. supermasks: one row per task,
    criterion, level (0: no mask), values and seed, of masks that a criterion finds. learned_supermasks: one row per
    task, values, scaling, mask and seed. supermask_comparison: one row per task and kind of supermask, and the trained
    dense network.

    In a study without supermasks, all tables but `accuracies` are empty.
    """
    names = {"test_metric_early_stop": "accuracy", "test_metric_end": "final_accuracy"}
    histories = read_histories(config, study.runs(config))
    trained = histories[~histories["method"].isin(_learned_kinds(study))]
    accuracies = measure(trained, metrics_by_task(config)).rename(columns=names)
    by_name = {
        "accuracies": accuracies[list(ACCURACY_COLUMNS)],
        "supermasks": gather(study.supermask_files(config), SUPERMASK_COLUMNS, ("task", "criterion")),
        "learned_supermasks": learned_supermasks(study, histories),
    }
    return by_name | {"supermask_comparison": comparison(by_name)}


def learned_supermasks(study: Design, histories: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracies of learned supermasks, from the histories of all runs."""
    kinds = _learned_kinds(study)
    ends = final_metrics(histories[histories["method"].isin(kinds)])
    ends = ends.rename(columns={"metric": "test_accuracy", "validation_metric": "validation_accuracy"})
    for index, column in enumerate(("values", "scaling", "mask")):
        ends[column] = [kinds[method][index] for method in ends["method"]]
    return ends[list(LEARNED_SUPERMASK_COLUMNS)] if kinds else pd.DataFrame(columns=list(LEARNED_SUPERMASK_COLUMNS))


def _learned_kinds(study: Design) -> dict[str, tuple[str, str, str]]:
    """Method -> values, scaling and mask at the end of the supermasks that it learns."""
    return {name: kind for base in study.tasks.values() for kind, name in study.learned_methods(base).items()}


def gather(files: Mapping[tuple[str, ...], str], columns: Sequence[str], keys: Sequence[str]) -> pd.DataFrame:
    """Read the rows of all files, adding the first parts of each file's key as the columns `keys`.

    Raises ArtifactError for a file that cannot be read.
    """
    parts = [read_table(path).assign(**dict(zip(keys, key, strict=False))) for key, path in files.items()]
    return pd.concat(parts, ignore_index=True)[list(columns)] if parts else pd.DataFrame(columns=list(columns))


def best_level(rows: pd.DataFrame) -> int:
    """Return the level with the highest validation accuracy, averaged over seeds; the densest of equal ones.

    `rows` are those of one criterion and one kind of values.
    """
    levels = sorted(rows["level"].unique())
    return int(best({level: rows.loc[rows["level"] == level, "validation_accuracy"] for level in levels}, ACCURACY))


def at_best_level(supermasks: pd.DataFrame, criterion: str, values: str) -> pd.DataFrame:
    """Return the rows of a criterion and kind of values at their best level."""
    rows = supermasks[(supermasks["criterion"] == criterion) & (supermasks["values"] == values)]
    return rows[rows["level"] == best_level(rows)]


def best_criterion(supermasks: pd.DataFrame, values: str) -> str:
    """Return the criterion whose masks reach the highest mean validation accuracy over seeds, at their best level."""
    by_criterion = {
        criterion: at_best_level(supermasks, criterion, values)["validation_accuracy"]
        for criterion in supermasks["criterion"].unique()
    }
    return best(by_criterion, ACCURACY)


def learned(table: pd.DataFrame, values: str, scaling: str, mask: str = "drawn") -> pd.DataFrame:
    """Return the rows of one kind of learned supermasks."""
    chosen = (table["values"] == values) & (table["scaling"] == scaling) & (table["mask"] == mask)
    return table[chosen]


def by_seed(rows: pd.DataFrame, column: str = "test_accuracy") -> pd.Series:
    """Return an accuracy with one entry per seed."""
    return rows.set_index("seed")[column].sort_index()


class SupermaskKind(NamedTuple):
    """One bar of the comparison of supermasks with training."""

    kind: str
    """`found` by a criterion, a kind of learned mask, or `trained`: the dense network at early stopping."""
    values: str
    """Kept weights are `initial` values or signed `constant`s; or `trained`."""
    chosen: str
    """What was chosen by validation accuracy: criterion and level of the masks that a criterion finds."""
    accuracies: pd.Series
    """Test accuracy by seed."""


def supermask_kinds(tables: Mapping[str, pd.DataFrame], task: str) -> Iterator[SupermaskKind]:
    """Yield every kind of supermask of one task with both kinds of values, then the trained dense network."""
    accuracies, by_criterion, by_learning = (
        tables[name].loc[tables[name]["task"] == task] for name in ("accuracies", "supermasks", "learned_supermasks")
    )
    for values in VALUES:
        criterion = best_criterion(by_criterion, values)
        rows = at_best_level(by_criterion, criterion, values)
        yield SupermaskKind(FOUND, values, f"{criterion} at level {rows['level'].iloc[0]}", by_seed(rows))
    for kind, (scaling, mask) in LEARNED_KINDS.items():
        for values in VALUES:
            yield SupermaskKind(kind, values, "", by_seed(learned(by_learning, values, scaling, mask)))
    yield SupermaskKind(TRAINED, TRAINED, "", by_seed(accuracies[accuracies["level"] == 0], "accuracy"))


def comparison(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return mean test accuracy and its interval over seeds for all `supermask_kinds` of all tasks with supermasks."""
    rows = [
        (task, kind, values, chosen, *mean_interval(accuracies.to_list()), len(accuracies))
        for task in tables["supermasks"]["task"].unique()
        for kind, values, chosen, accuracies in supermask_kinds(tables, task)
    ]
    return pd.DataFrame(rows, columns=list(SUPERMASK_COMPARISON_COLUMNS))
