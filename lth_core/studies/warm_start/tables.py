"""The tables of the study of warm starts, read from histories, overlaps of masks and lines between networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np
import pandas as pd

from lth_core.analysis.barriers import barriers
from lth_core.analysis.claims import mean_interval
from lth_core.analysis.measurements import REPLICATE, RUN, read_histories, strict_mean
from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.metrics import Metric
from lth_core.storage.runs import DENSE
from lth_core.studies.warm_start.study import (
    INIT,
    KNOWN,
    MASKS,
    REWOUND,
    SHRINK_PERTURB,
    STARTS,
    WARM,
    WHOLE,
    Design,
    Network,
    known,
)
from lth_core.tasks.metrics import metric_of

CONVERGED, TOTAL, END = STOPS = ("converged", "total", "end")
"""Where trainings are compared: at the first evaluation with CONVERGED_AT of the training examples right, after equal
steps on the known and on all examples together, and after equal steps on all examples."""
CONVERGED_AT = 0.99
"""The training accuracy at which Ash & Adams stop."""

NETWORK = ["task", "mask", "start", "level", "density", "seed"]
MEASUREMENT_COLUMNS = (*NETWORK, "draw", "stop", "step", "metric", "validation_metric", "train_metric")
GAP_COLUMNS = (*NETWORK, "stop", "gap")
TREND_COLUMNS = ("task", "mask", "stop", "quantity", "estimate", "low", "high", "n")
KNOWN_COLUMNS = (*(name for name in NETWORK if name != "start"), "step", "metric", "train_metric")
CURVE_COLUMNS = (*NETWORK, "split", "step", "metric")
BARRIER_COLUMNS = (
    *(name for name in NETWORK if name != "start"),
    *("barrier_train", "barrier_test", "loss_barrier_train", "loss_barrier_test", "gap"),
)
OVERLAP_COLUMNS = ("task", "other", "level", "density", "seed", "layer", "weights", "kept", "kept_other", "common")


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables of the study.

    measurements: one row per network (mask, start, level), replicate and `stop`, with the step of the training on all
    examples and the metric there; nan where the training diverged, or never converged. The training metric is that of
    as many training examples as validation has.
    gaps: how much better theta_0 is than another start with the same mask, per seed, in the metric's unit.
    trends: how the gap of warm starts depends on density, as estimates with 95% intervals over seeds: the `slope` per
    halving of density, and the `difference` of the gaps at the lowest density and of the dense network.
    known: the trainings on the known examples, at their end. curves: the histories of dense networks and of tickets of
    the known examples. barriers: on the line between warm and cold networks, with the gap at the end of training.
    overlap: per layer, how many weights it has and how many of them the mask of all examples (`kept`), that of the
    known examples (`kept_other`) and both (`common`) keep.

    `stop` is where trainings are compared: `converged`, at the first evaluation with 99% of the training examples
    right; `total`, after equal steps on the known and on all examples together; `end`, after equal steps on all
    examples.
    """
    parts = [_of_task(study, config, task) for task in study.tasks]
    return {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}


def _of_task(study: Design, config: Config, task: str) -> dict[str, pd.DataFrame]:
    """Make the tables of one task."""
    history = _read(config, study.networks(config, task))
    measured = measurements(history, _spent(study, config, task))
    gap = gaps(measured, metric_of(config.tasks[task]))
    made = {
        "measurements": measured[list(MEASUREMENT_COLUMNS)],
        "gaps": gap,
        "trends": pd.DataFrame([(task, *row) for row in trends(gap)], columns=list(TREND_COLUMNS)),
        "known": _ends(_read(config, study.first_trainings(config, task))),
        "curves": _curves(history),
        "barriers": _barriers(study, config, task, gap),
        "overlap": _overlaps(study, config, task, measured),
    }
    return {name: table.assign(task=task) for name, table in made.items()}


def _read(config: Config, networks: Iterable[Network]) -> pd.DataFrame:
    """Read histories with mask and start in place of the branch: one row per replicate and evaluated step.

    Metrics of trainings that diverged are nan throughout.
    """
    networks = list(networks)
    history = read_histories(config, [network.run for network in networks])
    finite = pd.Series(np.isfinite(history["loss"]), history.index)
    finite = finite.groupby([history[name] for name in REPLICATE]).transform("all")
    history = history.assign(metric=history["metric"].where(finite))
    wide = history.pivot(index=[*REPLICATE, "step"], columns="split", values="metric").reset_index()
    wide = wide.rename(columns={"test": "metric", "train": "train_metric", "validation": "validation_metric"})
    of_run = [
        (run.task, run.cohort, run.method, run.level, run.branch or ("ticket" if run.level else DENSE), mask, start)
        for mask, start, run in networks
    ]
    return wide.merge(pd.DataFrame(of_run, columns=[*RUN, "mask", "start"]), on=RUN)


def _spent(study: Design, config: Config, task: str) -> dict[str, int]:
    """Return start -> the steps on the known examples that are behind it."""
    whole = config.tasks[known(task)].train.steps
    return dict.fromkeys(STARTS, 0) | {REWOUND: study.rewind_step, WARM: whole, SHRINK_PERTURB: whole}


def _ends(first: pd.DataFrame) -> pd.DataFrame:
    """Return the ends of the trainings on the known examples."""
    return first[first["step"] == first["step"].max()][list(KNOWN_COLUMNS)]


def _curves(history: pd.DataFrame) -> pd.DataFrame:
    """Return training and test metrics by step, of dense networks and of those with the mask of the known examples."""
    shown = history[history["mask"].isin([DENSE, KNOWN])]
    splits = {"train": "train_metric", "test": "metric"}
    parts = [shown.assign(split=split, metric=shown[column]) for split, column in splits.items()]
    return pd.concat(parts)[list(CURVE_COLUMNS)]


# ---------------------------------------------------------------- where trainings stop


def measurements(history: pd.DataFrame, spent: dict[str, int]) -> pd.DataFrame:
    """Measure each training at every stop; `spent` are the steps on the known examples behind each start."""
    replicate = [*NETWORK, "draw"]
    last = history["step"].max()
    reached = history[history["train_metric"] >= CONVERGED_AT]
    rows = {
        CONVERGED: reached.loc[reached.groupby(replicate)["step"].idxmin()],
        TOTAL: _nearest(history, last - history["start"].map(spent), replicate),
        END: history[history["step"] == last],
    }
    every = history[replicate].drop_duplicates()
    values = ["step", "metric", "validation_metric", "train_metric"]
    return pd.concat(
        [every.merge(rows[stop][[*replicate, *values]], on=replicate, how="left").assign(stop=stop) for stop in STOPS],
        ignore_index=True,
    )


def _nearest(history: pd.DataFrame, wanted: pd.Series, replicate: list[str]) -> pd.DataFrame:
    """Return the evaluation of every replicate that is nearest to the wanted step."""
    off = (history["step"] - wanted).abs()
    return history.loc[off.groupby([history[name] for name in replicate]).idxmin()]


# ---------------------------------------------------------------- gaps


def gaps(measured: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Compute how much better theta_0 is than each other start: one row per mask, level, start, stop and seed."""
    by_seed = measured.groupby([*NETWORK, "stop"], sort=False)["metric"].agg(strict_mean).reset_index()
    same = [name for name in (*NETWORK, "stop") if name != "start"]
    cold = by_seed[by_seed["start"] == INIT][[*same, "metric"]].rename(columns={"metric": "cold"})
    others = by_seed[by_seed["start"] != INIT].merge(cold, on=same, how="left")
    return others.assign(gap=metric.gain(others["cold"], others["metric"]))[list(GAP_COLUMNS)]


def trends(gap: pd.DataFrame) -> Iterator[tuple]:
    """Estimate per mask and stop how the gap of warm starts changes with density, in the metric's unit.

    `slope`: least squares, per halving of density, from the dense network on. `difference`: the gap at the lowest
    density minus that of the dense network. Positive numbers say that the gap grows with sparsity.
    """
    warm = gap[gap["start"] == WARM]
    for mask, stop in product(MASKS, STOPS):
        rows = warm[(warm["stop"] == stop) & warm["mask"].isin([DENSE, mask])]
        by_seed = rows.pivot(index="seed", columns="level", values="gap").sort_index(axis="columns")
        halvings = -np.log2(rows.groupby("level")["density"].mean().sort_index())
        x = halvings - halvings.mean()
        slope = (by_seed * x).sum(axis="columns", skipna=False) / (x**2).sum()
        difference = by_seed.iloc[:, -1] - by_seed.iloc[:, 0]
        for quantity, values in {"slope": slope, "difference": difference}.items():
            yield mask, stop, quantity, *mean_interval(values), len(values)


# ---------------------------------------------------------------- barriers and overlaps


def _barriers(study: Design, config: Config, task: str, gap: pd.DataFrame) -> pd.DataFrame:
    """Read the barriers between the warm and cold networks of a task: one row per mask, level and seed."""
    parts = []
    for (mask, _, run), path in study.lines(config, task):
        rows = barriers(read_table(path))
        rows = rows[(rows["matching"] == "none") & (rows["statistics"] == "interpolated")]
        wide = rows.pivot(index="seed", columns="split", values=["barrier", "loss_barrier"])
        wide.columns = [f"{quantity}_{split}" for quantity, split in wide.columns]
        parts.append(wide.reset_index().assign(mask=mask, level=run.level))
    at_end = gap[(gap["start"] == WARM) & (gap["stop"] == END)]
    beside = at_end[["task", "mask", "level", "seed", "density", "gap"]]
    return pd.concat(parts).merge(beside, on=["mask", "level", "seed"], how="left")[list(BARRIER_COLUMNS)]


def _overlaps(study: Design, config: Config, task: str, measured: pd.DataFrame) -> pd.DataFrame:
    """Read what the masks of all and of the known examples share."""
    tickets = measured[measured["mask"] == WHOLE]
    densities = tickets.groupby("level")["density"].mean()
    parts = [
        read_table(path).assign(task=task, other=known(task), level=run.level, density=densities[run.level])
        for run, path in study.overlap_files(config, task)
    ]
    return pd.concat(parts)[list(OVERLAP_COLUMNS)]
