"""The tables of the study of Malach et al. 2020, read from its measurements."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.storage.runs import Run
from lth_core.studies.malach2020.study import Design


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables.

    subset_sums: one row per task, seed and number of random values: the mean and the largest error over targets.
    constructions: one row per task, seed and network (`pruned`, `units`), as the job `construction` describes it.
    """
    return {"subset_sums": _read(study.subset_sums(config)), "constructions": _read(study.constructions(config))}


def _read(files: Mapping[Run, str]) -> pd.DataFrame:
    parts = [read_table(path) for path in files.values()]
    for run, part in zip(files, parts, strict=True):
        part.insert(0, "task", run.task)
    return pd.concat(parts, ignore_index=True)
