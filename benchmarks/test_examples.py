"""What test examples add to what seeds vary: the difference of two trainings, with intervals over seeds, and over both.

The page's intervals are over seeds, on one test split: they say nothing of other test examples. Here, the networks at
the end of two finished trainings of the same seeds are evaluated example by example, and seeds and examples are drawn
with replacement, DRAWS times. Drawing both is cautious: variances come out somewhat too large (Owen 2007).

    python -m benchmarks.test_examples results/TASK/SEEDS/METHOD/level_N results/TASK/SEEDS/dense
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from lth_core.analysis.claims import CONFIDENCE, mean_interval
from lth_core.randomness import random_generator

DRAWS = 10_000


@dataclass(frozen=True)
class Uncertainty:
    """The mean of differences (seeds, examples), its standard errors and its intervals, in the metric's unit."""

    estimate: float
    error_of_seeds: float
    error_of_examples: float
    over_seeds: tuple[float, float]
    over_both: tuple[float, float]


def uncertainty(differences: np.ndarray) -> Uncertainty:
    """Compute how sure the mean of paired differences (seeds, examples) is."""
    seeds, examples = differences.shape
    by_seed, by_example = differences.mean(1), differences.mean(0)
    estimate, *over_seeds = mean_interval(by_seed)
    rng = random_generator(0, "bootstrap", seeds, examples)
    drawn = [
        rng.multinomial(seeds, [1 / seeds] * seeds) @ differences @ rng.multinomial(examples, [1 / examples] * examples)
        for _ in range(DRAWS)
    ]
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(np.array(drawn) / differences.size, [tail, 100 - tail])
    return Uncertainty(
        estimate,
        float(by_seed.std(ddof=1) / np.sqrt(seeds)),
        float(by_example.std(ddof=1) / np.sqrt(examples)),
        (over_seeds[0], over_seeds[1]),
        (float(low), float(high)),
    )


def measured(folder: str) -> tuple[np.ndarray, list[int], float, str]:
    """Evaluate the networks of a training: the task's metric (seeds, test examples), seeds, its scale and unit."""
    import torch

    from lth_core.config import Task as TaskSettings
    from lth_core.jobs.support.trainings import open_task
    from lth_core.storage.paths import data_file
    from lth_core.storage.runs import run_of
    from lth_core.storage.tensors import read_header
    from lth_core.tasks.metrics import metric_of
    from lth_core.tickets.loading import load_module

    results, run = run_of(folder)
    spec = read_header(run.trained(results))["provenance"]["spec"]
    task, metric = open_task(spec, data_file(results, spec["task"]["dataset"])), metric_of(TaskSettings(**spec["task"]))
    rows = []
    for seed in spec["seeds"]:
        module = load_module(folder, seed).eval()
        with torch.no_grad():
            batches = (
                task.measures(module(*batch.inputs) if isinstance(batch.inputs, tuple) else module(batch.inputs), batch)
                for batch in task.sample_batches("test")
            )
            rows.append(torch.cat([batch[metric.name] for batch in batches]).double().numpy())
    return np.array(rows), spec["seeds"], metric.scale * (1 if metric.higher_is_better else -1), metric.unit


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("first", help="folder of a training")
    arguments.add_argument("second", help="folder of the training that it is compared with, of the same seeds")
    options = arguments.parse_args()
    (first, seeds, scale, unit), (second, others, *_) = measured(options.first), measured(options.second)
    if seeds != others:
        arguments.error(f"{options.second} has the seeds {others}, not {seeds}: compare trainings of the same seeds")
    result = uncertainty(scale * (first - second))
    print(f"first minus second, {len(seeds)} seeds, {first.shape[1]} test examples, in {unit}: {result.estimate:.3f}")
    print(f"standard error of the seeds {result.error_of_seeds:.3f}, of the examples {result.error_of_examples:.3f}")
    for name, (low, high) in (("seeds", result.over_seeds), ("seeds and examples", result.over_both)):
        print(f"95% interval over {name}: [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()
