"""The table of the study of structured tickets, read from histories and from the headers of masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from lth_core.analysis.measurements import RUN, final_metrics, read_histories
from lth_core.config import Config, seeds_of
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.comparison.budgets import dense_steps
from lth_core.studies.comparison.costs import step
from lth_core.studies.comparison.measured import Meter
from lth_core.studies.structured_tickets.study import Design

COLUMNS = ("task", "method", "network", "level", "density", "operations", "seed", "metric", "cost")
"""`network`: dense, ticket or reinit. `density`: of a seed's weights; `operations` of its forward pass, as a part of
the dense network's; `metric` (test) at the end of training; `cost` of search and training, in dense trainings."""


def measurements(study: Design, config: Config) -> pd.DataFrame:
    """Make `measurements`: one row per task, method, network, level and seed; method `dense`: no ticket."""
    runs = study.runs(config)
    ends = final_metrics(read_histories(config, runs)).drop(columns="density")
    known = [(*_columns(run), *measured) for run in runs for measured in _measured(config, run)]
    counted = pd.DataFrame(known, columns=[*RUN, "seed", "density", "operations", "cost"])
    table = ends.merge(counted, on=[*RUN, "seed"])
    return table.rename(columns={"branch": "network"})[list(COLUMNS)]


def _columns(run: Run) -> tuple[str, str, str, int, str]:
    return run.task, run.cohort, run.method, run.level, run.branch or ("ticket" if run.level else DENSE)


def _measured(config: Config, run: Run) -> Iterator[tuple[int, float, float, float]]:
    """Of every seed the density, the operations and the cost."""
    meter, seeds = Meter(config, run.task, run.cohort), seeds_of(run.cohort)
    dense, kept = step(meter.network, {}), meter.kept(run)
    total = sum(meter.network.weights[name] for name in kept[0])
    costs = _costs(config, run, meter) / (meter.steps * dense)
    for seed, counts, cost in zip(seeds, kept, costs, strict=True):
        density = sum(counts.values()) / total if run.level else 1.0
        yield seed, density, step(meter.network, counts) / dense, float(cost)


def _costs(config: Config, run: Run, meter: Meter) -> np.ndarray:
    """Operations of search and training by seed: of the dense network, of earlier levels, and of the ticket."""
    dense = step(meter.network, {})
    if not run.level:
        return np.full(len(seeds_of(run.cohort)), meter.steps * dense)
    method = config.methods[run.method]
    levels = range(1, run.level) if method.iterative else []
    searched = dense_steps(method, meter.steps)
    rewound = meter.steps - method.rewind.step
    total = np.full(len(seeds_of(run.cohort)), searched * dense)
    for level in levels:
        total += rewound * _steps(meter, replace(run, level=level))
    return total + (meter.steps if run.branch else rewound) * _steps(meter, run)


def _steps(meter: Meter, run: Run) -> np.ndarray:
    return np.array([step(meter.network, kept) for kept in meter.kept(run)])
