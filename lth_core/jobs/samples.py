"""Draw images of trained networks, and measure how far they are from real ones: rules `samples`, `branch_samples`, ...

Input: the data file and trained weights. Output: to --output, uint8 from black (0) to the brightest pixel (255),
`samples` (R, count, C, H, W) and `real` (N, C, H, W), the test images that they were compared with; the header lists
the replicates that have `diverged`, in training or in sampling, whose images are black. And as CSV, one row per
replicate, to --distances: seed, draw, energy distances to held-out images (`validation_distance`, `test_distance`; nan
where it diverged), and those of as many training images, the floor (`validation_floor`, `test_floor`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lth_core.analysis.energy_distance import energy_distance
from lth_core.config import Samples
from lth_core.jobs.support.command import command
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import open_task, parser
from lth_core.metrics import counted
from lth_core.randomness import random_generator
from lth_core.runtime.missing import divergence_line
from lth_core.storage.provenance import provenance
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import read_header, write_tensors
from lth_core.tasks.base import TaskError
from lth_core.tasks.generative import GenerativeTask

HELD_OUT = ("validation", "test")
COLUMNS = ("seed", "draw", *(f"{split}_{kind}" for kind in ("distance", "floor") for split in HELD_OUT))


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--trained", required=True, help="trained weights")
    arguments.add_argument("--distances", required=True, help="the table to write")
    options = arguments.parse_args()
    spec, count = options.spec, Samples(**options.spec["samples"]).count
    task = open_task(spec, options.data)
    if not isinstance(task, GenerativeTask):
        raise TaskError(f"objective '{spec['task']['objective']['name']}' makes no images, so none can be drawn")
    trained = unstack(read_weights_of(task.module, options.trained))
    draws = len(trained) // len(spec["seeds"])
    seeds = [(seed, draw) for seed in spec["seeds"] for draw in range(draws)]
    images = [task.draw(weights, count, seed).numpy() for weights, (seed, _) in zip(trained, seeds, strict=True)]
    lost = read_header(options.trained)["diverged"]
    in_sampling = [not was and not np.isfinite(drawn).all() for was, drawn in zip(lost, images, strict=True)]
    diverged = [was or now for was, now in zip(lost, in_sampling, strict=True)]
    write_table(options.distances, COLUMNS, rows(task, seeds, images, diverged))
    print(f"images of {counted(len(images), 'networks')}", flush=True)
    if any(in_sampling):
        print(divergence_line(in_sampling, spec["seeds"], draws, sampling=True), flush=True)
    drawn = [np.zeros(one.shape) if ended else one for one, ended in zip(images, diverged, strict=True)]
    real = task.real("test", count).reshape(-1, *images[0].shape[1:])
    tensors = {"samples": _bytes(np.stack(drawn)), "real": _bytes(real)}
    write_tensors(options.output, tensors, {"diverged": diverged, "provenance": provenance(spec)})


def rows(
    task: GenerativeTask, seeds: list[tuple[int, int]], images: list[np.ndarray], diverged: list[bool]
) -> Iterator[tuple]:
    """Yield COLUMNS of every replicate, given its images (count, C, H, W)."""
    count = len(images[0])
    held_out = [task.real(split, count) for split in HELD_OUT]
    for (seed, draw), drawn, ended in zip(seeds, images, diverged, strict=True):
        real = task.real("train", count, random_generator(seed, "real images"))
        flat = drawn.reshape(count, -1)
        distances = [math.nan if ended else energy_distance(flat, others) for others in held_out]
        yield seed, draw, *distances, *(energy_distance(real, others) for others in held_out)


def _bytes(images: np.ndarray) -> np.ndarray:
    return np.rint(255 * images).astype(np.uint8)


if __name__ == "__main__":
    main()
