"""Measure how accurate theta_0 is under the masks of a method's criterion: rule `supermasks`.

Input: the data file, theta_0 and the end of the dense run, which all masks are made from; no weight is trained. Output,
as CSV: one row per seed, level (0: no mask) and what the kept weights are (`initial` values or signed `constant`s):
seed, level, density, values, validation_accuracy, test_accuracy.
"""

from __future__ import annotations

import math
from itertools import islice, product
from typing import get_args

from lth_core.analysis.supermasks import Values, accuracies, masked, supermasks, untrained
from lth_core.config import Method
from lth_core.jobs.support.command import command
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import open_task, parser
from lth_core.pruning.exclusions import prunable
from lth_core.pruning.prune import counts
from lth_core.pruning.rounds import ends_chain
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import read_header
from lth_core.training.resume import Resume, Rows, fingerprint

COLUMNS = ("seed", "level", "density", "values", "validation_accuracy", "test_accuracy")


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    arguments.add_argument("--trained", required=True, help="the weights at the end of the dense run")
    options = arguments.parse_args()
    spec, method = options.spec, Method(**options.spec["method"])
    task = open_task(spec, options.data)
    network = read_header(options.initial)
    layers = prunable(network["layers"], method.exclude)
    files, count = (options.initial, options.trained), len(spec["seeds"])
    initial, trained = (unstack(read_weights_of(task.module, path, count)) for path in files)
    diverged = read_header(options.trained)["diverged"]
    ended = [
        ends_chain(method, layers, initial=theta_0, trained_from=theta_0, trained=after, diverged=lost)
        for theta_0, after, lost in zip(initial, trained, diverged, strict=True)
    ]
    replicates = zip(spec["seeds"], initial, trained, ended, strict=True)
    consumers, channels = network["consumers"], network.get("channels")
    chains = [supermasks(method, layers, consumers, *replicate, channels=channels) for replicate in replicates]
    state, resume = Rows(), Resume(options.output, fingerprint(spec, options.data, *initial, *trained))
    resume.restore(state)
    measurements = product(get_args(Values), enumerate(zip(*chains, strict=True)))
    for values, (level, masks) in islice(measurements, state.step, None):
        weights = [untrained(theta_0, layers, values) for theta_0 in initial]
        measured = accuracies(task, masked(weights, masks))
        for seed, mask, over, pair in zip(spec["seeds"], masks, ended, measured, strict=True):
            accuracy = (math.nan, math.nan) if over and level else pair
            row = (seed, level, counts([mask])["density"], values, *(f"{value:.9g}" for value in accuracy))
            state.history.append(row)
        state.step += 1
        resume.save_when_due(state)
    write_table(options.output, COLUMNS, state.history, digits=None)
    resume.forget()


if __name__ == "__main__":
    main()
