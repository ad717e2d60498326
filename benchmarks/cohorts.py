"""Cohorts: examples per second of 5 and of 10 replicates that train together, against one alone.

LeNet-300-100 on MNIST with Adam, dense, on one core. The examples of every replicate count, so 1 means that a cohort of
ten takes as long as ten cohorts of one. Times are the processor time of the one thread.

    python -m benchmarks cohorts [--root data] [--repetitions 3]
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.linear_step import BATCHES, Lenet, compare, mnist
from benchmarks.rows import Row
from lth_core.jobs.support.trainings import prepare

REPLICATES = (5, 10)


def measure(root: str = "data", repetitions: int = 3) -> Iterator[Row]:
    """A row per batch size and cohort."""
    prepare(torch.device("cpu"))
    with mnist(root) as images:
        for batch in BATCHES:
            alone = Lenet(images, batch)
            for replicates in REPLICATES:
                cohort = Lenet(images, batch, replicates)
                yield compare(
                    f"batch {batch}: cohort of {replicates} / one",
                    lambda alone=alone: alone.step({}),
                    lambda cohort=cohort: cohort.step({}) / len(cohort.seeds),
                    repetitions,
                )
