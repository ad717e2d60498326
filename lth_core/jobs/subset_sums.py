"""Measure how near subset sums of random numbers come to targets: rule `subset_sums`.

No input: the numbers are uniform on [-1, 1], the targets on [-1/2, 1/2], drawn with the seeds of a cohort. Output, as
CSV: seed, values (how many numbers), mean_error and largest_error (over the targets).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from lth_core.analysis.subset_sums import smallest_errors
from lth_core.config import SubsetSums, seeds_of
from lth_core.jobs.support.command import command
from lth_core.randomness import random_generator
from lth_core.storage.tables import write_table

COLUMNS = ("seed", "values", "mean_error", "largest_error")


@command
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cohort", required=True, type=seeds_of, help="the seeds, first-last")
    arguments.add_argument("--settings", required=True, type=json.loads, help="JSON: the config's `subset_sums`")
    arguments.add_argument("--output", required=True)
    options = arguments.parse_args()
    settings = SubsetSums(**options.settings)
    write_table(options.output, COLUMNS, [row for seed in options.cohort for row in measured(seed, settings)])


def measured(seed: int, settings: SubsetSums) -> Iterator[tuple[int, int, float, float]]:
    """Yield the rows of a seed."""
    values = random_generator(seed, "subset sums", "values").uniform(-1, 1, settings.values)
    targets = random_generator(seed, "subset sums", "targets").uniform(-0.5, 0.5, settings.targets)
    for count, errors in enumerate(smallest_errors(values, targets), start=1):
        yield seed, count, float(errors.mean()), float(errors.max())


if __name__ == "__main__":
    main()
