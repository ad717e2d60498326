"""What GANs are measured by: how far a classifier sees their images from real ones.

The two losses of a GAN say how its players stand against each other, not how good its images are.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from lth_core.analysis.measurements import REPLICATE, RUN
from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.metrics import Metric
from lth_core.storage.runs import DENSE, Run

FRECHET = Metric("frechet_distance", "Frechet distance", "points", higher_is_better=False)
"""Of drawn images to test images, by the features of the task's judge."""


def frechet_metric(dense: pd.Series) -> Metric:
    """Return the metric, where what is worse by no more than the spread of dense networks matches.

    The spread is the standard deviation of their distances over seeds, as in `generative-tickets`, to three digits; 0
    for one seed.
    """
    spread = float(dense.std())
    return replace(FRECHET, matching=float(f"{spread:.3g}") if math.isfinite(spread) else 0.0)


def with_distances(measurements: pd.DataFrame, config: Config, runs: list[Run]) -> pd.DataFrame:
    """Return the measurements with the distances of the `runs` as their `metric`; nan by a judge that is not fit.

    Images are compared with test images alone, so `validation_metric` is nan.
    """
    parts = []
    for run in runs:
        seen = read_table(run.judged(config.results))
        fit = seen["judge_accuracy"] >= config.judge.least
        branch = run.branch or ("ticket" if run.level else DENSE)
        named = dict(zip(RUN, (run.task, run.cohort, run.method, run.level, branch), strict=True))
        parts.append(seen.assign(**named, distance=seen["frechet_distance"].where(fit)))
    if not parts:
        return measurements
    keys = [name for name in REPLICATE if name != "density"]
    merged = measurements.merge(pd.concat(parts)[[*keys, "distance"]], on=keys, how="left")
    judged = merged["task"].isin({run.task for run in runs})
    for column, values in (("metric", merged["distance"]), ("validation_metric", math.nan)):
        merged[column] = merged[column].mask(judged, values)
    return merged[list(measurements.columns)]
