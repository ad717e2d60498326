"""What tasks are measured by, as their objectives say at registration; free of torch."""

from __future__ import annotations

from lth_core import registry
from lth_core.config import Task
from lth_core.metrics import ACCURACY, Metric


def metrics_of(task: Task) -> tuple[Metric, ...]:
    """Return what is measured of a task besides its loss, by its settings."""
    objective, objectives = getattr(task, "objective", None), getattr(registry, "objective", None)
    if objective is None or objectives is None:
        return (ACCURACY,)
    return objectives.facts(objective.name).get("metrics", (ACCURACY,))


def metric_of(task: Task) -> Metric:
    """Return what a task is measured by, by its settings."""
    return metrics_of(task)[0]
