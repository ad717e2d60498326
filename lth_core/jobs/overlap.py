"""Count the weights that two tickets have in common: rule `overlap`.

Input: theta_0 and the masks of both tickets. Output, as CSV: the fields of Overlap, per layer (in network order) and
seed.
"""

from __future__ import annotations

import argparse

from lth_core.analysis.overlap import Overlap, overlaps
from lth_core.config import seeds_of
from lth_core.jobs.support.command import command
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import read_header, read_tensors


@command
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cohort", required=True, type=seeds_of, help="the seeds of the replicates, first-last")
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    arguments.add_argument("--mask", required=True, help="the ticket's mask")
    arguments.add_argument("--other", required=True, help="the other ticket's mask")
    arguments.add_argument("--output", required=True)
    options = arguments.parse_args()
    mask, other = read_tensors(options.mask), read_tensors(options.other)
    layers = [name for name in read_header(options.initial)["layers"] if name in mask]
    ended = read_header(options.mask)["diverged"], read_header(options.other)["diverged"]
    write_table(options.output, Overlap._fields, overlaps(mask, other, layers, options.cohort, ended))


if __name__ == "__main__":
    main()
