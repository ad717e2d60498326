"""The tables of the study of warm starts, read from histories, overlaps of masks and lines between networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from lth_core.analysis.barriers import barriers
from lth_core.analysis.claims import mean_interval
from lth_core.analysis.measurements import RUN, read_histories, strict_mean
from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.storage.runs import DENSE
from lth_core.studies.warm_start.study import INIT, KNOWN, MASKS, STARTS, WARM, Design, Network, known
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

    measurements: one row per network (mask, start, level), replicate and stop (STOPS), with the step of the training on
    all examples and the metric there; nan where the training diverged, or never comes to CONVERGED_AT. The training
    metric is that of as many training examples as validation has.
    gaps: how much better theta_0 is than another start with the same mask, per seed, in the metric's unit.
    trends: how the gap of warm starts depends on density, as estimates with 95% intervals over seeds.
    known: the trainings on the known examples, at their end. curves: the histories of dense networks and of tickets of
    the known examples. barriers: on the line between warm and cold networks, with the gap at the end of training.
    overlap: what the masks of all and of the known examples share, per layer.
    """
    measured, first, curves, lines, shared = [], [], [], [], []
    for task in study.tasks:
        history = _read(config, study.networks(config, task))
        on_known = _read(config, study.first_trainings(config, task)).assign(task=task)
        spent = dict.fromkeys(STARTS, 0) | {"rewound": study.rewind_step}
        spent |= dict.fromkeys((WARM, "shrink-perturb"), config.tasks[known(task)].train.steps)
        measured.append(measurements(history, spent))
        first.append(on_known[on_known["step"] == on_known["step"].max()])
        curves.append(history[history["mask"].isin([DENSE, KNOWN])].melt(
            [*NETWORK, "step"], ["train_metric", "metric"], "split", "value"
        ))  # fmt: skip
        lines.append(_barriers(study, config, task))
        shared += _overlaps(study, config, task)
    measurement = pd.concat(measured, ignore_index=True)[list(MEASUREMENT_COLUMNS)]
    gap = pd.concat([gaps(rows, config, str(task)) for task, rows in measurement.groupby("task", sort=False)])
    densities = measurement.drop_duplicates(["task", "mask", "level"])[["task", "mask", "level", "density"]]
    at_end = gap[(gap["start"] == WARM) & (gap["stop"] == END)][["task", "mask", "level", "seed", "gap"]]
    barrier = pd.concat(lines, ignore_index=True)
    barrier = barrier.merge(densities, on=["task", "mask", "level"], how="left")
    barrier = barrier.merge(at_end, on=["task", "mask", "level", "seed"], how="left")
    whole = densities[densities["mask"] == "whole"].drop(columns="mask")
    overlap = pd.concat(shared, ignore_index=True).merge(whole, on=["task", "level"], how="left")
    curve = pd.concat(curves).rename(columns={"value": "metric"})
    curve["split"] = curve["split"].map({"train_metric": "train", "metric": "test"})
    return {
        "measurements": measurement,
        "gaps": gap,
        "trends": pd.DataFrame(trends(gap), columns=list(TREND_COLUMNS)),
        "known": pd.concat(first, ignore_index=True)[list(KNOWN_COLUMNS)],
        "curves": curve[list(CURVE_COLUMNS)],
        "barriers": barrier[list(BARRIER_COLUMNS)],
        "overlap": overlap[list(OVERLAP_COLUMNS)],
    }


def _read(config: Config, networks: Iterable[Network]) -> pd.DataFrame:
    """Read histories with mask and start in place of the branch: one row per replicate and evaluated step."""
    networks = list(networks)
    history = read_histories(config, [network.run for network in networks])
    history = history.assign(metric=history["metric"].where(np.isfinite(history["loss"])))
    wide = history.pivot(index=[*RUN, "density", "seed", "draw", "step"], columns="split", values="metric")
    wide = wide.reset_index().rename(
        columns={"test": "metric", "train": "train_metric", "validation": "validation_metric"}
    )
    of_run = [
        (run.task, run.cohort, run.method, run.level, run.branch or ("ticket" if run.level else DENSE), mask, start)
        for mask, start, run in networks
    ]
    return wide.merge(pd.DataFrame(of_run, columns=[*RUN, "mask", "start"]), on=RUN)


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


def gaps(measurement: pd.DataFrame, config: Config, task: str) -> pd.DataFrame:
    """Compute how much better theta_0 is than each other start: one row per mask, level, start, stop and seed."""
    by_seed = measurement.groupby([*NETWORK, "stop"], sort=False)["metric"].agg(strict_mean).reset_index()
    same = ["task", "mask", "level", "density", "seed", "stop"]
    cold = by_seed[by_seed["start"] == INIT][[*same, "metric"]].rename(columns={"metric": "cold"})
    others = by_seed[by_seed["start"] != INIT].merge(cold, on=same, how="left")
    gain = metric_of(config.tasks[task]).gain(others["cold"], others["metric"])
    return others.assign(gap=gain)[list(GAP_COLUMNS)]


def trends(gap: pd.DataFrame) -> Iterator[tuple]:
    """Estimate per mask and stop how the gap of warm starts changes with density, in the metric's unit.

    `slope`: least squares, per halving of density, from the dense network on. `difference`: the gap at the lowest
    density minus that of the dense network. Positive numbers say that the gap grows with sparsity.
    """
    warm = gap[gap["start"] == WARM]
    for task, mask, stop in [(t, m, s) for t in warm["task"].unique() for m in MASKS for s in STOPS]:
        rows = warm[(warm["task"] == task) & (warm["stop"] == stop) & warm["mask"].isin([DENSE, mask])]
        by_seed = rows.pivot(index="seed", columns="level", values="gap").sort_index(axis="columns")
        halvings = -np.log2(rows.groupby("level")["density"].mean().sort_index())
        x = halvings - halvings.mean()
        slope = (by_seed * x).sum(axis="columns", skipna=False) / (x**2).sum()
        difference = by_seed.iloc[:, -1] - by_seed.iloc[:, 0]
        for quantity, values in {"slope": slope, "difference": difference}.items():
            yield task, mask, stop, quantity, *mean_interval(values), len(values)


# ---------------------------------------------------------------- barriers and overlaps


def _barriers(study: Design, config: Config, task: str) -> pd.DataFrame:
    """Read the barriers between the warm and cold networks of a task: one row per mask, level and seed."""
    parts = []
    for (mask, _, run), path in study.lines(config, task):
        rows = barriers(read_table(path))
        rows = rows[(rows["matching"] == "none") & (rows["statistics"] == "interpolated")]
        wide = rows.pivot(index="seed", columns="split", values=["barrier", "loss_barrier"])
        wide.columns = [f"{quantity}_{split}" for quantity, split in wide.columns]
        parts.append(wide.reset_index().assign(task=task, mask=mask, level=run.level))
    return pd.concat(parts, ignore_index=True)


def _overlaps(study: Design, config: Config, task: str) -> Iterator[pd.DataFrame]:
    """Read what the masks of all and of the known examples share."""
    for run, path in study.overlap_files(config, task):
        yield read_table(path).assign(task=task, other=known(task), level=run.level)
