"""The tables of the study of Gaier & Ha 2019, read from what evolutions came to."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.studies.gaier2019.study import Design

MEASUREMENTS = ("task", "seed", "network", "weights", "weight", "connections", "validation_metric", "metric")
GENERATIONS = ("task", "seed", "generation", "mean", "best", "connections", "nodes")
TOPOLOGIES = ("task", "seed", "node", "depth", "function", "sources")
COLUMNS_OF = {"measurements": MEASUREMENTS, "generations": GENERATIONS, "topologies": TOPOLOGIES}
TABLES = {"measurements": "output", "generations": "generations", "topologies": "topologies"}
"""Table -> the file that it is read from, by argument of the job."""


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables, from what the job `evolution` has written.

    measurements: one row per seed, `network` (`evolved`, or `fixed`: the topology of the task's own) and weights
    (`shared`: one of those of the evolution, which is the `weight`; `tuned`: the one of these that is best on
    validation data; `random`: theta_0; `trained`: the dense run); nan where the dense run diverged. generations: one
    row per seed and generation, about the topology that performs best on average over the shared weights: its
    performance over them (`mean`) and with the `best` of them on the training data that were drawn for the generation.
    topologies: one row per seed and node of the evolved network that is no input: its activation `function`, its
    `depth`, and the nodes that it reads (`sources`).
    """
    made = {}
    for name, argument in TABLES.items():
        files = {run: of_run[argument] for run, of_run in study.evolutions(config).items()}
        parts = [read_table(path).assign(task=run.task) for run, path in files.items()]
        made[name] = pd.concat(parts, ignore_index=True)[list(COLUMNS_OF[name])]
    return made
