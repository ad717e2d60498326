"""Measure the line between the trained networks of two cohorts: rules `order_connectivity`, `level_connectivity`, ...

Input: the data file and two files of trained weights. Output, as CSV: the line between each two networks to --output,
{name}_path.csv: seed, draw, matching, statistics, split, alpha, loss, error (of classification a fraction; in general
`Metric.errors` of the task's metric); and beside it, to {name}_ends.csv, how far the ends are apart: seed, draw,
matching, l2, angle (radians) over the prunable weights, disagreement_train and disagreement_test (fractions).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from lth_core.analysis.alignment import align
from lth_core.analysis.connectivity import Curve, Pair, connect
from lth_core.analysis.distances import distances
from lth_core.config import Connectivity
from lth_core.jobs.support.command import command
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import open_task, parser
from lth_core.models.layers import prunable_weights
from lth_core.models.symmetries import symmetries
from lth_core.randomness import random_generator
from lth_core.runtime.timing import spent
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Task
from lth_core.training.resume import Resume, fingerprint

PATH_COLUMNS = ("seed", "draw", "matching", "statistics", "split", "alpha", "loss", "error")
ENDS_COLUMNS = ("seed", "draw", "matching", "l2", "angle", "disagreement_train", "disagreement_test")

Measured = dict[tuple[str, str], list[dict[str, Curve]]]
"""By statistics and split: the curves of every replicate by matching."""


@dataclass(frozen=True)
class Replicate:
    """A pair of networks, named by the seed and draw of its first."""

    seed: int
    draw: int
    pair: Pair


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--first", required=True, help="trained weights")
    arguments.add_argument("--second", required=True, help="other trained weights; the same file for --pair seed")
    arguments.add_argument(
        "--pair", required=True, choices=["order", "level", "seed", "branch"], help="what is connected"
    )
    options = arguments.parse_args()
    spec, seeds = options.spec, options.spec["seeds"]
    task = open_task(spec, options.data)
    settings = Connectivity(**spec["connectivity"])
    started = time.perf_counter()
    first, second = (unstack(read_weights_of(task.module, path)) for path in (options.first, options.second))
    chosen = next_seeds(seeds, first) if options.pair == "seed" else same_seeds(seeds, first, second)
    replicates = with_aligned(task, chosen)
    measured = {}
    resume = Resume(options.output, fingerprint(spec, options.data, *first, *second))
    pairs, how = [r.pair for r in replicates], (settings.points, settings.examples)
    for statistics, split, curves in connect(task, pairs, *how, resume.restore, resume.save_when_due):
        measured[statistics, split] = curves
        print(f"{len(replicates)} pairs on {split} with {statistics} statistics", flush=True)
    write_table(options.output, PATH_COLUMNS, path_rows(replicates, measured))
    ends = f"{options.output.removesuffix('_path.csv')}_ends.csv"
    write_table(ends, ENDS_COLUMNS, ends_rows(task, replicates, measured))
    resume.forget()
    print(spent(0, time.perf_counter() - started, torch.get_num_threads()), flush=True)


# ---------------------------------------------------------------- which networks are connected


def same_seeds(seeds: Sequence[int], first: Sequence[Tensors], second: Sequence[Tensors]) -> list[Replicate]:
    """Pair each network with the other of its seed and draw; one network of a seed serves all draws of the other's."""
    count = max(len(first), len(second))
    draws = count // len(seeds)
    pairs = (Pair(*(side[r * len(side) // count] for side in (first, second))) for r in range(count))
    return [Replicate(seeds[r // draws], r % draws, pair) for r, pair in enumerate(pairs)]


def next_seeds(seeds: Sequence[int], networks: Sequence[Tensors]) -> list[Replicate]:
    """Pair each network with that of the next seed, the last with the first; two networks are a single pair."""
    count = len(networks)
    firsts = range(count if count > 2 else count - 1)
    return [Replicate(seeds[r], 0, Pair(networks[r], networks[(r + 1) % count])) for r in firsts]


def with_aligned(task: Task, replicates: Sequence[Replicate]) -> list[Replicate]:
    """Align the second network of every pair to its first, if the symmetries of the network are known."""
    groups = symmetries(task.module, task.input_shape)
    if groups is None:
        print("the permutation symmetries of this network cannot be traced: nothing is aligned", flush=True)
        return list(replicates)
    parameters = dict(task.module.named_parameters())
    aligned = []
    for replicate in replicates:
        first, second = replicate.pair.first, replicate.pair.second
        random = random_generator(replicate.seed, "alignment", replicate.draw)
        aligned.append(replace(replicate, pair=Pair(first, second, align(first, second, groups, parameters, random))))
    return aligned


# ---------------------------------------------------------------- tables


def path_rows(replicates: Sequence[Replicate], measured: Measured) -> Iterator[tuple[Any, ...]]:
    """Yield PATH_COLUMNS of every point of every line."""
    for index, replicate in enumerate(replicates):
        for (statistics, split), curves in measured.items():
            for matching, curve in curves[index].items():
                alphas = np.linspace(0, 1, len(curve.loss))
                for point in zip(alphas, curve.loss, curve.error, strict=True):
                    yield (replicate.seed, replicate.draw, matching, statistics, split, *point)


def ends_rows(task: Task, replicates: Sequence[Replicate], measured: Measured) -> Iterator[tuple]:
    """Yield ENDS_COLUMNS of every pair and matching."""
    layers = prunable_weights(task.module)
    train, test = (measured["interpolated", split] for split in ("train", "test"))
    for replicate, on_train, on_test in zip(replicates, train, test, strict=True):
        pair = replicate.pair
        for matching, second in (("none", pair.second), ("aligned", pair.aligned)):
            if second is not None:
                weights = [{name: network[name][None] for name in layers} for network in (pair.first, second)]
                mask = {name: np.ones(value.shape, bool) for name, value in weights[0].items()}
                l2, angle = (float(value[0]) for value in distances(mask, *weights))
                disagreements = (curves[matching].disagreement for curves in (on_train, on_test))
                yield (replicate.seed, replicate.draw, matching, l2, angle, *disagreements)


if __name__ == "__main__":
    main()
