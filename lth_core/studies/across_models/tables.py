"""The tables of the study across kinds of models: what is measured, and how few weights still match."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from lth_core import registry
from lth_core.analysis.matching import OVER_DENSE, gains_over_dense, lowest_density
from lth_core.analysis.measurements import (
    REPLICATE,
    final_metrics,
    first_metrics,
    level_densities,
    per_seed,
    read_histories,
    seed_means,
    select,
    select_dense,
)
from lth_core.config import Config
from lth_core.data.kinds import kind_of_data
from lth_core.metrics import Metric
from lth_core.storage.paths import initial_file
from lth_core.storage.tensors import read_header
from lth_core.studies.across_models.judged import judged, with_distances
from lth_core.studies.across_models.kinds import KINDS, kind_of_model
from lth_core.studies.across_models.study import TICKET, Design
from lth_core.studies.contenders import Contender
from lth_core.studies.judges import ACCURACY, FLOOR, frechet_metric
from lth_core.studies.proportions import simplest
from lth_core.studies.task_tables import TaskTables

UNLEARNED = "unlearned"
COLUMNS = (*REPLICATE, "metric", "validation_metric")
GAINS = ("task", "compared", "level", *OVER_DENSE)
LOWEST = (
    "kind",
    "task",
    "model",
    "compared",
    "seeds",
    "lowest",
    "fewest",
    "most",
    "tested",
    "metric",
    "matching",
    "unit",
    "dense",
    "simplest",
    UNLEARNED,
    ACCURACY,
)


@dataclass(frozen=True)
class View(TaskTables):
    """One task, and the curves that are compared on it."""

    study: Design

    @property
    def metric(self) -> Metric:
        """Return what the task is measured by: of a GAN, how far its images are from real ones."""
        return frechet_metric(self.dense) if self.task in self.study.gans(self.config) else super().metric

    @property
    def dense(self) -> pd.Series:
        """Return the metric of dense networks, by seed."""
        return seed_means(select_dense(self.tables["measurements"], self.task), "metric")

    @cached_property
    def others(self) -> dict[str, Contender]:
        """Return the other methods that are compared, by name."""
        return {one.name: one for one in self.study.contenders(self.config, self.task)}

    @property
    def compared(self) -> list[str]:
        """Name all that is compared: tickets, controls, other methods."""
        return [*branches(self.study), *self.others]

    def rows(self, compared: str) -> pd.DataFrame:
        """Return the measurements of tickets (`ticket`), of a control or of another method."""
        method, branch = self.study.tasks[self.task], compared
        if compared in self.others:
            method, branch = self.others[compared].method, self.others[compared].branch or TICKET
        return select(self.tables["measurements"], self.task, method, branch)

    def curve(self, compared: str) -> tuple[pd.DataFrame, pd.Series]:
        """Return the metric of tickets, of a control or of another method (seeds x levels), and densities by level."""
        rows = self.rows(compared)
        return per_seed(rows, "metric"), level_densities(rows)


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables.

    measurements: one row per run and replicate, at the end of training (`metric` on test data, `validation_metric`;
    of a GAN the Fréchet distance of its images to test images).
    gains: one row per task, level and what is `compared` (tickets, a control, another method): how much better than
    the dense network, in the metric's unit, with its 95% interval, and the verdict on whether it matches. lowest: one
    row per task and what is compared: the lowest density that matches, as do all higher ones (`lowest`; 1: only the
    dense network), the ends of its 95% interval (`fewest` and `most` weights; empty with one seed), all three empty
    where nothing was measured, and the lowest density that was tested (`tested`). Of each task it has the mean metric
    of `dense` networks, to be put in proportion to something simple where that is known (`simplest`: the mean test
    image, no predicted noise, real images), the number of seeds whose dense network ended no better than it began
    (`unlearned`; empty of GANs), and the accuracy of a judge.
    """
    histories = read_histories(config, study.runs(config))
    ends = final_metrics(histories)[list(COLUMNS)]
    seen = judged(config, study.sampled_runs(config))
    measured = {"measurements": with_distances(ends, seen)}
    views = [View(study, config, measured, task) for task in study.tasks]
    gains = pd.concat([_gains(view, compared) for view in views for compared in view.compared], ignore_index=True)
    return measured | {"gains": gains, "lowest": lowest(views, gains, seen, first_metrics(histories))}


def branches(study: Design) -> list[str]:
    """Name what is compared: tickets, then the controls."""
    return [TICKET, *study.controls]


def _gains(view: View, compared: str) -> pd.DataFrame:
    values, densities = view.curve(compared)
    gains = gains_over_dense(values, view.dense, densities, view.metric).reset_index()
    return gains.assign(task=view.task, compared=compared)[list(GAINS)]


def lowest(views: list[View], gains: pd.DataFrame, seen: pd.DataFrame, starts: pd.DataFrame) -> pd.DataFrame:
    """Return how few weights match, by task and method, from the table `gains`; tasks are ordered by kind of model.

    `seen`: what judges see in the images of GANs. `starts`: measurements before training.
    """
    rows = []
    for view in views:
        task, metric = view.task, view.metric
        about = {"kind": _kind(view.config, task), "task": task, "model": view.config.tasks[task].model.name}
        measured_by = {"metric": metric.label, "matching": metric.matching, "unit": metric.unit}
        other, accuracy = simplest(view.config, task), math.nan
        unlearned = math.nan
        if task in view.study.gans(view.config):
            of_dense = select_dense(seen, task)
            other, accuracy = of_dense[FLOOR].mean(), of_dense[ACCURACY].iloc[0]
        else:
            start = seed_means(select_dense(starts, task), "metric")
            unlearned = (metric.gain(view.dense, start) <= metric.matching).sum()
        measured_by |= {"dense": view.dense.mean(), "simplest": other, UNLEARNED: unlearned, ACCURACY: accuracy}
        for compared in view.compared:
            curve = gains[(gains["task"] == task) & (gains["compared"] == compared)]
            measured = curve["gain"].notna().any()
            estimate, fewest, most = lowest_density(curve) if measured else [math.nan] * 3
            if curve["seeds"].max() < 2:
                fewest = most = math.nan
            interval = {"lowest": estimate, "fewest": fewest, "most": most, "tested": curve["density"].min()}
            rows.append(about | {"compared": compared, "seeds": curve["seeds"].max()} | interval | measured_by)
    made = pd.DataFrame(rows, columns=list(LOWEST))
    return made.sort_values("kind", key=lambda kinds: kinds.map(KINDS.index), kind="stable", ignore_index=True)


def has_arrow(lowest: Any) -> Any:
    """Tell of rows of the table `lowest`, or of one, whether lower densities than the tested ones may match, too."""
    return (lowest["lowest"] <= lowest["tested"]) | (lowest["fewest"] <= lowest["tested"])


def unlearned_note(row: Mapping[Any, Any] | pd.Series) -> str:
    """Say of how many seeds the dense network of a row of `lowest` learned nothing, as the beginning of a sentence."""
    return f"the dense network of {row[UNLEARNED]:.0f} of {row['seeds']} seeds ended no better than it began"


def _kind(config: Config, task: str) -> str:
    settings = config.tasks[task]
    weights = read_header(initial_file(config.results, task, settings.cohorts[0]))["layers"].values()
    data = kind_of_data(registry.dataset.facts(config.dataset(settings.dataset).source.name))
    return kind_of_model(settings.objective.name, weights, data)
