"""Measure what a ticket costs without its pruned filters, beside the dense network: rule `costs`.

Input: the data file, the ticket's mask and its trained weights. Output: a CSV with one row per seed and network
(`dense`, `ticket`): seed, network, parameters, flops (of one input), seconds (median time of one input), reason; nan
for the ticket of a seed that has none. Of a network that cannot be shrunk, `reason` says why: its ticket's parameters
are those that the mask keeps, its flops and seconds nan. Times differ from run to run, so this file is not reproducible
byte by byte; no other table or claim reads it.
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
from lth_core.models.shrinking import ShrinkingError, compare_costs, shrink
from lth_core.models.tensors import load_tensors
from lth_core.randomness import kept_torch_generators
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import Tensors, read_header
from lth_core.tasks.fitting import input_shape

COLUMNS = ("seed", "network", "parameters", "flops", "seconds", "reason")


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--mask", required=True, help="the ticket's mask")
    arguments.add_argument("--ticket", required=True, help="its trained weights")
    options = arguments.parse_args()
    spec, seeds = options.spec, options.spec["seeds"]
    device = choose_device()
    prepare(device)
    import_modules(spec["modules"])
    images = open_data(options.data)
    with kept_torch_generators():
        module = model_factory(Task(**spec["task"]), images.facts)().to(device)
    tickets = unstack(read_weights_of(module, options.ticket, len(seeds)))
    diverged = read_header(options.ticket)["diverged"]
    rows = [
        row
        for seed, ticket, lost, pruned in zip(seeds, tickets, diverged, pruned_counts(options.mask), strict=True)
        if not lost
        for row in costs(module, ticket, pruned, seed, input_shape(images.facts))
    ]
    unknown = [math.nan] * 3
    rows += [(seed, "ticket", *unknown, "") for seed, lost in zip(seeds, diverged, strict=True) if lost]
    write_table(options.output, COLUMNS, sorted(rows))


def pruned_counts(path: str) -> list[int]:
    """Count the weights that a mask prunes, per replicate, by its header."""
    header = read_header(path)
    per_layer = [[total - kept for kept in header["kept"][name]] for name, total in header["total"].items()]
    return [sum(of_layers) for of_layers in zip(*per_layer, strict=True)]


def costs(
    module: nn.Module, ticket: Tensors, pruned: int, seed: int, input_shape: Sequence[int]
) -> Iterator[tuple[int | float | str, ...]]:
    """Measure the dense network and the ticket's smaller one in turns; yields the rows of a seed.

    Where there is no smaller one, the ticket has all parameters but those that are `pruned`.
    """
    load_tensors(module, ticket)
    try:
        smaller = shrink(module, input_shape)
    except ShrinkingError as error:
        dense, _ = compare_costs(module, module, input_shape)
        yield seed, "dense", *astuple(dense), ""
        yield seed, "ticket", dense.parameters - pruned, math.nan, math.nan, str(error)
        return
    for network, cost in zip(("dense", "ticket"), compare_costs(module, smaller, input_shape), strict=True):
        yield seed, network, *astuple(cost), ""


if __name__ == "__main__":
    main()
