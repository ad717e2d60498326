"""The tables of the study of You et al. 2020, read from histories, masks and the channels that are kept every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from lth_core.analysis.early_birds import (
    detected,
    group_sizes,
    independent_distances,
    mask_distances,
    parse_channels,
    queue_distances,
)
from lth_core.analysis.measurements import RUN, final_metrics, read_histories
from lth_core.analysis.tables import read_table
from lth_core.config import Config, seeds_of
from lth_core.metrics import percent_text
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.comparison.costs import step
from lth_core.studies.comparison.measured import Meter
from lth_core.studies.you2020.study import AS_CONFIGURED, CONTINUED, ITERATIVE, LOW_PRECISION, Design, Ticket

MEASUREMENTS = ("task", "network", "level", "pruned", "density", "epoch", "seed", "metric", "validation_metric", "cost")
DISTANCES = ("task", "setting", "level", "pruned", "epoch", "before", "distance")
SETTLING = ("task", "setting", "level", "pruned", "seed", "epoch", "queue", "last")
DETECTIONS = ("task", "setting", "level", "pruned", "seed", "epochs", "settled", "reached", "drawn", "independent")
AGREEMENTS = ("task", "level", "pruned", "seed", "epoch", "distance", "independent")


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables of the study.

    measurements: one row per network, level, epoch of the draw and seed: `pruned`, the part of channels that goes,
    `density` of weights, the test `metric` and the `validation_metric` at the end of training, `cost` of search and
    training in trainings of the dense network. The dense network has level 0, and iterative pruning epoch 0.
    distances: between the masks of two epochs, averaged over seeds.
    settling: per seed and epoch the largest distance to the masks before it in the `queue`, and that to the `last`.
    detections: per seed the epoch at which masks have `settled`, nan if they never do, of how many `epochs`; the
    smallest distance in the queue that was `reached`, nan where training diverged; the next epoch whose ticket is
    trained, or the last one (`drawn`); `independent`, the distance to expect of random masks that keep as many channels
    of each layer as the last one does.
    agreements: per seed and epoch, the `distance` between the masks of the search in low precision and of the one as
    configured, and what it would be of random masks that keep as many channels of each layer (`independent`).
    """
    kinds = ("measurements", "distances", "settling", "detections", "agreements")
    parts: dict[str, list[pd.DataFrame]] = {kind: [] for kind in kinds}
    for task in study.tasks:
        parts["measurements"].append(_measurements(study, config, task))
        for name, table in _of_masks(study, config, task).items():
            parts[name].append(table)
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


# ---------------------------------------------------------------- tickets


def _measurements(study: Design, config: Config, task: str) -> pd.DataFrame:
    cohorts, pruned = config.tasks[task].cohorts, _pruned(study, config, task)
    tickets = list(study.tickets(config, task))
    dense = [Ticket(DENSE, 0, Run(task, cohort)) for cohort in cohorts]
    known = [
        (*_columns(ticket.run), ticket.network, ticket.epoch, seed, cost)
        for cohort in cohorts
        for ticket, costs in _costs(study, config, cohort, [t for t in (*dense, *tickets) if t.run.cohort == cohort])
        for seed, cost in zip(seeds_of(cohort), costs, strict=True)
    ]
    measured = final_metrics(read_histories(config, [ticket.run for ticket in (*dense, *tickets)]))
    table = measured.merge(pd.DataFrame(known, columns=[*RUN, "network", "epoch", "seed", "cost"]), on=[*RUN, "seed"])
    return table.assign(pruned=table["level"].map(pruned))[list(MEASUREMENTS)]


def _columns(run: Run) -> tuple[str, str, str, int, str]:
    return run.task, run.cohort, run.method, run.level, run.branch or ("ticket" if run.level else DENSE)


def _pruned(study: Design, config: Config, task: str) -> dict[int, float]:
    """The part of channels that each level prunes."""
    method = config.methods[study.tasks[task]]
    return {0: 0.0} | {level: round(1 - method.density(level), 9) for level in range(1, method.levels + 1)}


def _costs(study: Design, config: Config, cohort: str, tickets: list[Ticket]) -> Iterator[tuple[Ticket, list[float]]]:
    """What tickets of a cohort cost each seed: search and training, in trainings of the dense network."""
    meter = Meter(config, tickets[0].run.task, cohort)
    steps, dense = meter.steps, step(meter.network, {})
    for ticket in tickets:
        run, search, trained = ticket.run, ticket.epoch * study.epoch_steps, steps
        if ticket.network == CONTINUED:
            trained -= search
        if ticket.network == ITERATIVE:
            search = steps
        costs = np.full(len(seeds_of(cohort)), search * dense if run.level else 0.0)
        levels = range(1, run.level + 1) if ticket.network == ITERATIVE else [run.level]
        for level in levels:
            costs += trained * np.array([step(meter.network, kept) for kept in meter.kept(replace(run, level=level))])
        yield ticket, list(costs / (steps * dense))


# ---------------------------------------------------------------- masks


def _of_masks(study: Design, config: Config, task: str) -> dict[str, pd.DataFrame]:
    """Compare the masks of all epochs: the tables `distances`, `settling`, `detections` and `agreements` of a task."""
    pruned, epochs = _pruned(study, config, task), config.tasks[task].train.steps // study.epoch_steps
    (masks, sizes), at = _masks(study, config, task, epochs), np.arange(1, epochs + 1)
    seeds = [seed for cohort in config.tasks[task].cohorts for seed in seeds_of(cohort)]
    pairs, settling, detections, agreements = [], [], [], []
    for setting, level, seed in product(study.settings(config, task), list(pruned)[1:], seeds):
        about = {"task": task, "setting": setting, "level": level, "pruned": pruned[level], "seed": seed}
        kept = masks.get((setting, level, seed))
        if kept is None:
            detections.append(about | {"epochs": epochs, "drawn": study.draw_epochs[-1]})
            continue
        distances = mask_distances(kept)
        largest = queue_distances(distances, study.queue)
        second, first = np.tril_indices(epochs, -1)
        of_pairs = {"epoch": at[second], "before": at[first], "distance": distances[second, first]}
        pairs.append(pd.DataFrame(of_pairs).assign(**about))
        settling.append(pd.DataFrame({"epoch": at, "queue": largest, "last": distances[-1]}).assign(**about))
        index = detected(largest, study.epsilon)
        settled = np.nan if index is None else at[index]
        drawn = next((epoch for epoch in study.draw_epochs if epoch >= settled), study.draw_epochs[-1])
        reached = {"settled": settled, "reached": np.nanmin(largest), "drawn": drawn}
        [independent] = independent_distances(kept[-1:], kept[-1:], sizes)
        detections.append(about | {"epochs": epochs, "independent": independent} | reached)
        other = masks.get((AS_CONFIGURED, level, seed))
        if setting == LOW_PRECISION and other is not None:
            between = {
                "distance": (kept != other).mean(axis=1),
                "independent": independent_distances(kept, other, sizes),
            }
            agreements.append(pd.DataFrame({"epoch": at} | between).assign(**about))
    means = _table(pairs, (*DISTANCES[:-1], "seed", "distance"))
    means = means.groupby([*DISTANCES[:-1]], sort=False)["distance"].mean().reset_index()
    return {
        "distances": means[list(DISTANCES)],
        "settling": _table(settling, SETTLING),
        "detections": pd.DataFrame(detections, columns=list(DETECTIONS)),
        "agreements": _table(agreements, AGREEMENTS),
    }


def _masks(
    study: Design, config: Config, task: str, epochs: int
) -> tuple[dict[tuple[str, int, int], np.ndarray], list[int]]:
    """Setting, level and seed -> masks (epochs, channels), none where training diverged; channels of each group."""
    rows = pd.concat([read_table(path).assign(setting=setting) for setting, path in study.mask_files(config, task)])
    masks = {
        of: parse_channels(list(of_one.sort_values("step")["channels"]))
        for of, of_one in rows.groupby(["setting", "level", "seed"])
        if len(of_one) == epochs
    }
    return masks, group_sizes(rows["channels"].iloc[0]) if masks else []  # pyright: ignore[reportReturnType] (pandas calls every key a scalar)


def _table(parts: list[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Put parts together; all may be missing, because training diverged or was not asked for."""
    return pd.concat(parts)[list(columns)] if parts else pd.DataFrame(columns=list(columns))


def chance(detections: pd.DataFrame, epsilon: float) -> str:
    """Say how far apart independent masks would be, and if that is hardly more than masks that count as settled are.

    It is empty where no distance is known, because training diverged.
    """
    expected = detections["independent"].mean()
    if pd.isna(expected):
        return ""
    little = f", less than twice {epsilon:g}, so that to settle says little" if expected < 2 * epsilon else ""
    return f"independent masks with as many channels of each layer differ in {percent_text(expected)}%{little}"
