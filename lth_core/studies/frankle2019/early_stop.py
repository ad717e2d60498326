"""Where the trainings of a task stop early, and whether they are long enough to tell."""

from __future__ import annotations

import pandas as pd

from lth_core.config import Config

STEP = "early_stop_step"
TOO_SHORT = 0.5
"""From this part of trainings on that stop at their last evaluation, the step of early stopping is not drawn."""


def is_last(rows: pd.DataFrame, config: Config, task: str) -> pd.Series:
    """Return which measurements of a task are of trainings that are best at their last step: none has stopped early."""
    return rows[STEP] == config.tasks[task].train.steps


def stops_last(measurements: pd.DataFrame, config: Config, task: str) -> float:
    """Return the part of the trainings of a task that are best at their last evaluation; diverged ones do not count."""
    rows = measurements[(measurements["task"] == task) & measurements[STEP].notna()]
    return float(is_last(rows, config, task).mean()) if len(rows) else 0.0


def too_short(measurements: pd.DataFrame, config: Config, task: str) -> bool:
    """Return whether training is too short to draw when to stop: half of the trainings would stop at the end."""
    return stops_last(measurements, config, task) >= TOO_SHORT
