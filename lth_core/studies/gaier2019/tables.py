"""The tables of the study of Gaier & Ha 2019, read from what evolutions came to."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.studies.gaier2019.study import Design

TABLES = {"measurements": "output", "generations": "generations", "topologies": "topologies"}
"""Table -> the file that it is read from, by argument of the job."""


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables: the rows of the job `evolution`, which describes them, with their task.

    measurements: metrics by seed, network and weights. generations: one row per seed and generation. topologies: one
    row per seed and node of the evolved network.
    """
    made = {}
    for name, argument in TABLES.items():
        files = {run: of_run[argument] for run, of_run in study.evolutions(config).items()}
        parts = [read_table(path).assign(task=run.task) for run, path in files.items()]
        table = pd.concat(parts, ignore_index=True)
        made[name] = table[["task", *(column for column in table if column != "task")]]
    return made
