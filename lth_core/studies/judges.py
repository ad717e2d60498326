"""Judges: classifiers that look at drawn images, whether they are fit to, and what captions and claims say of them.

The two losses of a GAN say how its players stand against each other, not how good its images are: so it is measured by
how far a judge sees them from real ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lth_core import registry
from lth_core.config import Config
from lth_core.metrics import Metric, percent_text

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.studies.base import Study

GAN = "gan"
"""The objective whose metric says nothing of how good images are."""
FRECHET = Metric("frechet_distance", "Fréchet distance", "points", higher_is_better=False)
"""Of drawn images to test images, by the features of the task's judge."""
FLOOR, FLOOR_IMAGES = "frechet_floor", "floor_images"
"""The columns of what real images come to, and of which these are: validation or training images."""
ACCURACY = "judge_accuracy"
"""The column that has a judge's accuracy on validation images; nan where its training diverged."""


def frechet_metric(dense: pd.Series) -> Metric:
    """Return the metric, where what is worse by no more than the spread of `dense` networks matches.

    The spread is the standard deviation of their distances over seeds, to three digits; 0 for one seed, nan where no
    distance is known.
    """
    spread = float(dense.std())
    unknown = 0.0 if dense.notna().any() else math.nan
    return replace(FRECHET, matching=float(f"{spread:.3g}") if math.isfinite(spread) else unknown)


def gans(config: Config, tasks: Iterable[str]) -> list[str]:
    """List those of some tasks that are GANs."""
    return [task for task in tasks if config.tasks[task].objective.name == GAN]


def without_judge(config: Config, study: Study, task: str) -> str | None:
    """Say why a study cannot compare the networks of a task, which is a GAN and has no judge; or None."""
    if not gans(config, [task]):
        return None
    if not study.judges_images:
        names = registry.study.names()
        others = " or ".join(f"'{name}'" for name in names if getattr(registry.study.get(name), "judges_images", False))
        return f"this study would compare GANs by what their own discriminators say of them: take study {others}"
    if (dataset := config.tasks[task].dataset) in config.judge.tasks:
        return None
    return f"a classifier judges the images of a GAN: name a classification task on '{dataset}' under judge.tasks"


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
    return f"{_name(config, task)} classifies {percent_text(accuracy)}% of validation images correctly, {needed}"


def judge_note(config: Config, task: str, accuracy: float) -> str:
    """Say in a caption how good the judge of a task's images is, or why nothing is reported."""
    if reason := why_unfit(config, task, accuracy):
        return f"No distances are reported, because {reason}."
    known, least = percent_text(accuracy), percent_text(config.judge.least)
    return (
        f"The judge, {_name(config, task)}, classifies {known}% of validation images correctly; a judge needs {least}%."
    )


def _name(config: Config, task: str) -> str:
    return f"the classifier of task '{config.judge.tasks[config.tasks[task].dataset]}'"
