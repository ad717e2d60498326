"""Train a network whose mask changes while it trains: rule `sparsify`.

Input: the data file, theta_0, the weights that the method rewinds to, and the mask that the training begins with, if it
does not begin dense. Output: the trained weights, the history, the mask at the end and its changes.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lth_core.config import Method
from lth_core.jobs.support.command import command
from lth_core.jobs.support.inputs import read_mask
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import open_task, parser, train_ticket
from lth_core.pruning.exclusions import prunable
from lth_core.pruning.prune import counts, full_mask, ranked_together
from lth_core.pruning.rounds import left_by_level
from lth_core.storage.provenance import provenance
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import Tensors, read_header, write_tensors
from lth_core.tickets.divergence import without_tickets
from lth_core.tickets.rewinding import rewind
from lth_core.training.sparsification import Sparsification
from lth_core.training.sparsified import SparsifiedState

COLUMNS = ("step", "density", "moved", "explored")


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    arguments.add_argument("--start", required=True, help="what the training starts from: theta_0 or theta_k")
    arguments.add_argument("--mask", help="the mask that it begins with; without it the network begins dense")
    options = arguments.parse_args()
    spec, method = options.spec, Method(**options.spec["method"])
    task = open_task(spec, options.data)
    start = read_weights_of(task.module, options.start, len(spec["seeds"]))
    layers = prunable(read_header(options.initial)["layers"], method.exclude)
    first = read_mask(options.mask, start) if options.mask else full_masks(start, layers)
    ended = read_header(options.mask)["diverged"] if options.mask else [False] * len(spec["seeds"])
    mask = {name: first[name] for name in layers}
    left = left_by_level(method, layers, spec["level"], full_mask(unstack(start)[0], layers))
    layerwise = not isinstance(left, int)  # otherwise scores decide what each layer keeps
    kept = {name: count for (name,), count in ranked_together(left, layers).items()} if layerwise else None
    size = sum(start[name][0].size for name in layers)
    density = sum(kept.values()) / size if kept else method.density(spec["level"])
    assert method.during is not None
    sparsification = Sparsification(method.during, spec["seeds"], density, kept)
    ticket = without_tickets(rewind(method.rewind, start, mask), ended)
    write = partial(write_masks, spec, sparsification, Path(options.output))
    train_ticket(spec, task, options.data, ticket, options.output, sparsification=sparsification, also_write=write)


def full_masks(weights: Tensors, layers: dict[str, str]) -> Tensors:
    """Return the stacked masks (R, ...) of dense networks."""
    return {name: np.ones(weights[name].shape, dtype=bool) for name in layers}


def write_masks(
    spec: dict[str, Any], sparsification: Sparsification, output: Path, state: SparsifiedState, lost: list[bool]
) -> None:
    """Write the masks at the end and their changes beside `output`. Raises SparsifierError for another density."""
    sparsification.check_end(state)
    masks = {name: kept.cpu().numpy() for name, kept in state.mask.items()}
    header = counts(unstack(masks), lost)
    write_tensors(output.with_name("mask.safetensors"), masks, {**header, "provenance": provenance(spec)})
    rows = sorted(state.changes, key=lambda row: row["replicate"])
    named = ((spec["seeds"][row["replicate"]], *(row[column] for column in COLUMNS)) for row in rows)
    write_table(output.with_name("changes.csv"), ("seed", *COLUMNS), named)


if __name__ == "__main__":
    main()
