"""Measure how accurate untrained weights are under learned masks: rule `learned_supermasks`.

Input: the data file and theta_0, whose weights do not change while masks are learned. Output, as CSV: two rows per
seed, with masks that are drawn (averages over several) and with the likely one: seed, mask (`drawn` or `likely`),
density, validation_accuracy, test_accuracy; nan where learning diverged.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from lth_core.analysis.learned_supermasks import (
    LearningDiverged,
    MaskTraining,
    drawn_masks,
    evaluate,
    learn,
    likely_mask,
)
from lth_core.config import Supermasks
from lth_core.jobs.support.command import command
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import open_task, parser
from lth_core.runtime.progress import Progress
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import read_header
from lth_core.tasks.base import Task
from lth_core.tickets.untrained import untrained
from lth_core.training.resume import Resume, fingerprint

Row = tuple[int | str, ...]
COLUMNS = ("seed", "mask", "density", "validation_accuracy", "test_accuracy")


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    options = arguments.parse_args()
    spec, settings = options.spec, Supermasks(**options.spec["supermasks"])
    rescaled, seeds = spec["rescaled"], spec["seeds"]
    task = open_task(spec, options.data)
    layers = list(read_header(options.initial)["layers"])
    initial = read_weights_of(task.module, options.initial, len(seeds))
    drawn = [untrained(theta_0, layers, spec["values"]) for theta_0 in unstack(initial)]
    weights = [{name: torch.from_numpy(np.asarray(v)).to(task.device) for name, v in one.items()} for one in drawn]
    resume = Resume(options.output, fingerprint(spec, options.data, initial))

    def begin(rows: list[Row]) -> MaskTraining:
        """Start with the seed after those of the rows."""
        index = len(rows) // 2
        return MaskTraining.start(weights[index], layers, seeds[index], settings, rows)

    state = begin([])
    if resume.restore(state):
        print(f"resumed at step {state.step} of seed {seeds[len(state.history) // 2]}", flush=True)
    rows, first = state.history, len(state.history) // 2
    progress = Progress(len(seeds))
    for index, seed in enumerate(seeds[first:], first):
        state = state if index == first else begin(rows)
        try:
            learn(task, state, seed, settings, rescaled, resume.save_when_due)
            rows = [*rows, *measured(task, state, seed, settings, rescaled)]
        except LearningDiverged:
            rows = [*rows, *((seed, mask, *["nan"] * 3) for mask in ("drawn", "likely"))]
        progress.report(index + 1)
    write_table(options.output, COLUMNS, rows, digits=None)
    resume.forget()


def measured(task: Task, state: MaskTraining, seed: int, settings: Supermasks, rescaled: bool) -> Iterator[Row]:
    """Yield the two rows of a seed."""
    scores = {name: score.detach() for name, score in state.scores.items()}
    for mask, masks in (("drawn", drawn_masks(scores, seed, settings.samples)), ("likely", [likely_mask(scores)])):
        measures = evaluate(task, state.network, masks, rescaled)
        yield (seed, mask, *(f"{value:.9g}" for value in measures))


if __name__ == "__main__":
    main()
