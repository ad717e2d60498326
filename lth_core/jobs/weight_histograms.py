"""Count the weights of the dense network by value: rule `weight_histograms`.

Input: theta_0, the end of the dense run and a ticket's mask. Output, as CSV: the fields of Bin.
"""

from __future__ import annotations

import argparse

from lth_core.analysis.weights import Bin, weight_histograms
from lth_core.config import seeds_of
from lth_core.jobs.support.command import command
from lth_core.jobs.support.inputs import read_mask, read_weights
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import read_header, read_tensors


@command
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cohort", required=True, type=seeds_of, help="the seeds of the replicates, first-last")
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    arguments.add_argument("--dense", required=True, help="the trained dense network")
    arguments.add_argument("--mask", required=True, help="the ticket's mask")
    arguments.add_argument("--output", required=True)
    options = arguments.parse_args()
    initial = read_tensors(options.initial)
    dense, mask = read_weights(options.dense, initial), read_mask(options.mask, initial)
    layers = [name for name in read_header(options.initial)["layers"] if name in mask]
    ended = read_header(options.mask)["diverged"]
    bins = weight_histograms(initial, dense, mask, layers, options.cohort, ended)
    write_table(options.output, Bin._fields, bins)


if __name__ == "__main__":
    main()
