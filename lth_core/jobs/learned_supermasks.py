"""Rule learned_supermasks: theta_0 -> how accurate it is under masks that are learned while no weight changes.

Writes two rows per seed, with masks that are drawn (averages over several) and with the likely one: seed, mask (`drawn`
or `likely`), density, validation_accuracy, test_accuracy.
"""

from __future__ import annotations

import numpy as np
import torch

from lth_core.analysis.learned_supermasks import drawn_masks, evaluate, learn, likely_mask
from lth_core.analysis.supermasks import untrained
from lth_core.artifacts import read_header, read_tensors, write_text
from lth_core.config import Supermasks
from lth_core.jobs.command import command
from lth_core.jobs.runs import open_task, parser
from lth_core.jobs.stacking import unstack
from lth_core.progress import Progress

COLUMNS = ("seed", "mask", "density", "validation_accuracy", "test_accuracy")


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    options = arguments.parse_args()
    spec, settings = options.spec, Supermasks(**options.spec["supermasks"])
    rescaled = spec["rescaled"]
    task = open_task(spec, options.data)
    layers = list(read_header(options.initial)["layers"])
    rows, progress = [], Progress(len(spec["seeds"]))
    for seed, theta_0 in zip(spec["seeds"], unstack(read_tensors(options.initial)), strict=True):
        drawn = untrained(theta_0, layers, spec["values"])
        weights = {name: torch.from_numpy(np.asarray(value)).to(task.device) for name, value in drawn.items()}
        scores, weights = learn(task, weights, layers, seed, settings, rescaled)
        for mask, masks in (("drawn", drawn_masks(scores, seed, settings.samples)), ("likely", [likely_mask(scores)])):
            rows.append((seed, mask, *(f"{value:.9g}" for value in evaluate(task, weights, masks, rescaled))))
        progress.report(len(rows) // 2)
    write_text(options.output, "".join(",".join(map(str, row)) + "\n" for row in (COLUMNS, *rows)))


if __name__ == "__main__":
    main()
