"""The tables of the study of Malach et al. 2020, read from its measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.storage.runs import Run
from lth_core.studies.malach2020.study import Design

SUBSET_SUMS = ("task", "seed", "values", "mean_error", "largest_error")
CONSTRUCTIONS = (
    *("task", "seed", "pruned", "units", "width", "density", "weight_error"),
    *("mean_error", "largest_error", "agreement", "metric"),
)
"""`width`: hidden units of the random network's first layer for each input; `weight_error`: the mean distance of
weights from those of the target; `mean_error` and `largest_error` of the outputs on test data, as parts of the target's
largest output; `agreement`: the fraction of test examples with the target's prediction."""


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables.

    subset_sums: one row per task, seed and number of random `values`: how far the nearest sum of some of them is from a
    target, on average (`mean_error`) and at most, over targets. constructions: one row per task, seed and network, that
    is what is `pruned` (`weights`; `neurons`, the control; `target`, the dense network itself) with how many random
    `units` for each weight of the target; nan where the dense run diverged.
    """
    return {
        "subset_sums": _read(study.subset_sums(config), SUBSET_SUMS),
        "constructions": _read(study.constructions(config), CONSTRUCTIONS),
    }


def _read(files: Mapping[Run, str], columns: Sequence[str]) -> pd.DataFrame:
    parts = [read_table(path).assign(task=run.task) for run, path in files.items()]
    return pd.concat(parts, ignore_index=True)[list(columns)]
