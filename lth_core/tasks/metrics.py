"""The metrics and the data of tasks, as their objectives say at registration; free of torch."""

from __future__ import annotations

from dataclasses import replace

from lth_core import registry
from lth_core.config import Task
from lth_core.metrics import Metric

COLUMNS = ("replicate", "seed", "draw", "step", "split", "loss", "metric")
"""What histories and the tables of studies have besides: no metric can be called so."""


def metrics_of(task: Task) -> tuple[Metric, ...]:
    """Return what is measured of a task besides its loss, by its settings. Raises UnknownName.

    An objective that has an option `matching` leaves it to the config how much worse still matches.
    """
    metrics: tuple[Metric, ...] = registry.objective.facts(task.objective.name)["metrics"]
    matching = task.objective.options.get("matching")
    return metrics if matching is None else tuple(replace(metric, matching=matching) for metric in metrics)


def data_of(objective: str) -> tuple[str, ...]:
    """Return the kinds of data that an objective takes. Raises UnknownName."""
    kinds = registry.objective.facts(objective).get("data") or ()
    return (kinds,) if isinstance(kinds, str) else tuple(kinds)


def metric_of(task: Task) -> Metric:
    """Return the metric by which studies compare a task's networks, by its settings. Raises UnknownName."""
    return metrics_of(task)[0]
