"""Measure what a ticket costs without its pruned filters, beside the dense network: rule `costs`.

Input: the data file and the ticket's trained weights. Output: a CSV with one row per seed and network (`dense`,
`ticket`): seed, network, parameters, flops (of one image), seconds (median time of one image); nan for the ticket of a
seed that has none. Times differ from run to run, so this file is not reproducible byte by byte; no other table or claim
reads it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple

from torch import nn

from lth_core.config import Task
from lth_core.data.reading import open_data
from lth_core.jobs.support.command import command, import_modules
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import choose_device, model_factory, parser, prepare
from lth_core.models.shrinking import compare_costs, shrink
from lth_core.models.tensors import load_tensors
from lth_core.randomness import kept_torch_generators
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import Tensors, read_header

COLUMNS = ("seed", "network", "parameters", "flops", "seconds")


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--ticket", required=True, help="its trained weights")
    options = arguments.parse_args()
    spec, seeds = options.spec, options.spec["seeds"]
    device = choose_device()
    prepare(device)
    import_modules(spec["modules"])
    images = open_data(options.data)
    with kept_torch_generators():
        module = model_factory(Task(**spec["task"]), images.classes, images.input_shape)().to(device)
    tickets = unstack(read_weights_of(module, options.ticket, len(seeds)))
    diverged = read_header(options.ticket)["diverged"]
    rows = [
        row
        for seed, ticket, lost in zip(seeds, tickets, diverged, strict=True)
        if not lost
        for row in costs(module, ticket, seed, images.input_shape)
    ]
    unknown = [math.nan] * 3
    rows += [(seed, "ticket", *unknown) for seed, lost in zip(seeds, diverged, strict=True) if lost]
    write_table(options.output, COLUMNS, sorted(rows))


def costs(
    module: nn.Module, ticket: Tensors, seed: int, input_shape: Sequence[int]
) -> Iterator[tuple[int | float | str, ...]]:
    """Measure the dense network and the ticket's smaller one in turns; yields the rows of a seed."""
    load_tensors(module, ticket)
    measured = compare_costs(module, shrink(module, input_shape), input_shape)
    for network, cost in zip(("dense", "ticket"), measured, strict=True):
        yield seed, network, *astuple(cost)


if __name__ == "__main__":
    main()
