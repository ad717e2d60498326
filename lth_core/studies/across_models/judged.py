"""What judges see in the images of GANs: how far they are from real ones."""

from __future__ import annotations

import math

import pandas as pd

from lth_core.analysis.measurements import REPLICATE, RUN
from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.judges import ACCURACY, FLOOR, FRECHET, are_fit

KEYS = [name for name in REPLICATE if name != "density"]
COLUMNS = [*KEYS, FRECHET.name, FLOOR, ACCURACY]


def judged(config: Config, runs: list[Run]) -> pd.DataFrame:
    """Read what judges see in the images of runs: COLUMNS of every replicate, no distances where one is not fit."""
    parts = [pd.DataFrame(columns=COLUMNS)]
    for run in runs:
        branch = run.branch or ("ticket" if run.level else DENSE)
        named = dict(zip(RUN, (run.task, run.cohort, run.method, run.level, branch), strict=True))
        parts.append(read_table(run.judged(config.results)).assign(**named)[COLUMNS])
    seen = pd.concat(parts[1:] or parts, ignore_index=True)
    for column in (FRECHET.name, FLOOR):
        seen[column] = seen[column].where(are_fit(seen[ACCURACY], config))
    return seen


def with_distances(measurements: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Return the measurements with the distances that are `seen` as their `metric`.

    Images are compared with test images alone, so `validation_metric` is nan.
    """
    if seen.empty:
        return measurements
    merged = measurements.merge(seen, on=KEYS, how="left")
    of_gans = merged["task"].isin(set(seen["task"]))
    for column, values in (("metric", merged[FRECHET.name]), ("validation_metric", math.nan)):
        merged[column] = merged[column].mask(of_gans, values)
    return merged[list(measurements.columns)]
