"""Write which channels a method would keep at many steps of the dense training: rule `channel_masks`.

Input: the data file and theta_0. The dense network is trained again; its steps are a pure function of the seed, so the
bits are those of the dense run. Output, as CSV: seed, level, step, channels, with one letter for each channel of the
groups that the method prunes, and a space between groups: K where it would be kept, p where it would be pruned. There
is a row for every level at every multiple of the spec's `every` steps, but for step 0 and for weights that are not
finite.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lth_core.config import Method
from lth_core.jobs.support.command import command
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import open_task, parser
from lth_core.pruning.channels import Listed, ranked_channels
from lth_core.pruning.exclusions import prunable
from lth_core.pruning.prune import full_mask
from lth_core.pruning.rounds import next_mask
from lth_core.runtime.progress import Progress
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import Tensors, read_header
from lth_core.training.loop import train
from lth_core.training.resume import Resume, fingerprint
from lth_core.training.state import TrainingState, start_state

COLUMNS = ("seed", "level", "step", "channels")
LETTERS = np.array(["p", "K"])


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0, whose header lists the channels")
    options = arguments.parse_args()
    spec, seeds, method = options.spec, options.spec["seeds"], Method(**options.spec["method"])
    task, header = open_task(spec, options.data), read_header(options.initial)
    layers = prunable(header["layers"], method.exclude)
    initial = read_weights_of(task.module, options.initial, len(seeds))
    state, progress = start_state(task, initial, {}), Progress(task.recipe.steps)
    resume = Resume(options.output, fingerprint(spec, options.data, initial))
    resume.restore(state)

    def log_masks(state: TrainingState) -> None:
        progress.report(state.step)
        if state.step == 0 or state.step % spec["every"] or state.is_logged:
            return
        cohort = zip(seeds, unstack(initial), unstack(state.weights()), state.finite(), strict=True)
        for index, (seed, start, end, finite) in enumerate(cohort):
            for level in range(1, method.levels + 1) if finite else ():
                kept = kept_channels(method, layers, header["channels"], level, seed, start, end)
                row = {"replicate": index, "level": level, "step": state.step, "channels": kept}
                state.history.append(row)

    train(task, state, seeds, task.recipe.steps, listeners=[log_masks, resume.save_when_due])
    rows = ((seeds[row["replicate"]], row["level"], row["step"], row["channels"]) for row in state.history)
    write_table(options.output, COLUMNS, rows)
    resume.forget()


def kept_channels(
    method: Method, layers: Mapping[str, str], listed: Listed, level: int, seed: int, initial: Tensors, trained: Tensors
) -> str:
    """Write which channels a level's mask of one replicate keeps, made from the dense network, group by group."""
    everything = full_mask(initial, layers)
    about: dict[str, Any] = {
        "initial": initial,
        "trained_from": initial,
        "trained": trained,
        "consumers": {},
        "channels": listed,
    }
    mask = next_mask(method, layers, level, seed, everything, **about)
    kept = [group.surviving(mask) for group in ranked_channels(method, layers, listed)]
    return " ".join("".join(LETTERS[channels.astype(int)]) for channels in kept)


if __name__ == "__main__":
    main()
