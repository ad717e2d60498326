"""Measure how far two trainings under one mask end apart: rules `pruning_distance` and `order_distance`.

Input: a mask and two files of trained weights. Output, as CSV: seed, draw, l2 and angle (radians) over the kept
weights.
"""

from __future__ import annotations

import argparse

from lth_core.analysis.distances import distances
from lth_core.config import seeds_of
from lth_core.jobs.support.command import command
from lth_core.jobs.support.inputs import read_weights
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import read_tensors


@command
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cohort", required=True, type=seeds_of, help="the seeds of the replicates, first-last")
    arguments.add_argument("--mask", required=True, help="the mask that the weights are compared under")
    arguments.add_argument("--first", required=True, help="trained weights")
    arguments.add_argument("--second", required=True, help="other trained weights")
    arguments.add_argument("--output", required=True)
    options = arguments.parse_args()
    first = read_tensors(options.first)
    l2, angle = distances(read_tensors(options.mask), first, read_weights(options.second, first))
    draws = len(l2) // len(options.cohort)
    replicates = [(seed, draw) for seed in options.cohort for draw in range(draws)]
    rows = zip(*zip(*replicates, strict=True), map(float, l2), map(float, angle), strict=True)
    write_table(options.output, ("seed", "draw", "l2", "angle"), rows)


if __name__ == "__main__":
    main()
