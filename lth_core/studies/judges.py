"""Judges: classifiers that look at drawn images, whether they are fit to, and what captions and claims say of them.

The two losses of a GAN say how its players stand against each other, not how good its images are: so it is measured by
how far a judge sees them from real ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lth_core.config import Config
from lth_core.metrics import Metric, percent_text

if TYPE_CHECKING:
    import pandas as pd

FRECHET = Metric("frechet_distance", "Frechet distance", "points", higher_is_better=False)
"""Of drawn images to test images, by the features of the task's judge."""
ACCURACY = "judge_accuracy"
"""The column that has a judge's accuracy on validation images; nan where its training diverged."""


def frechet_metric(dense: pd.Series) -> Metric:
    """Return the metric, where what is worse by no more than the spread of `dense` networks matches.

    The spread is the standard deviation of their distances over seeds, to three digits; 0 for one seed.
    """
    spread = float(dense.std())
    return replace(FRECHET, matching=float(f"{spread:.3g}") if math.isfinite(spread) else 0.0)


def require_judges(config: Config, gans: Iterable[str]) -> None:
    """Check that the images of GANs have a judge. Raises ValueError."""
    for task in gans:
        if (dataset := config.tasks[task].dataset) not in config.judge.tasks:
            raise ValueError(
                f"tasks.{task}: a classifier judges the images of a GAN: name a classification task on '{dataset}' "
                "under judge.tasks"
            )


def are_fit(accuracies: Any, config: Config) -> Any:
    """Tell of which accuracies, a number or a series, a judge is good enough that what it says is reported."""
    return accuracies >= config.judge.least


def why_unfit(config: Config, task: str, accuracy: float) -> str:
    """Say why the judge of a task's images is not good enough; empty where it is."""
    if are_fit(accuracy, config):
        return ""
    if math.isnan(accuracy):
        return f"the training of {_name(config, task)} diverged"
    needed = f"less than the {percent_text(config.judge.least)}% that a judge needs"
    return f"{_name(config, task)} knows {percent_text(accuracy)}% of validation images, {needed}"


def judge_note(config: Config, task: str, accuracy: float) -> str:
    """Say in a caption how good the judge of a task's images is, or why nothing is reported."""
    if reason := why_unfit(config, task, accuracy):
        return f"No distances are reported, because {reason}."
    known, least = percent_text(accuracy), percent_text(config.judge.least)
    return f"The judge, {_name(config, task)}, knows {known}% of validation images; a judge needs {least}%."


def _name(config: Config, task: str) -> str:
    return f"the classifier of task '{config.judge.tasks[config.tasks[task].dataset]}'"
