"""Measure what a ticket costs in every form in which it can be evaluated: rule `costs`.

Input: the data file, the ticket's mask and its trained weights. Output: a CSV with one row per seed and form (`dense`,
`shrunk`, `sparse`, `csr` and, of 2:4 masks, `half` and `2:4`; see lth_core/engine/forms.py): parameters, flops (of one
input), bytes, seconds_1 and seconds_256 (median time of a batch of 1 and of 256, all forms in turns), reason; nan for
what a form cannot do here, of which `reason` says why, and for the seed that has no ticket. Times differ from run to
run, so this file is not reproducible byte by byte: no claim reads it, and no table but those that say so.
"""

from __future__ import annotations

import math
from dataclasses import astuple

from lth_core.config import Task
from lth_core.data.reading import open_data
from lth_core.engine.forms import costs
from lth_core.jobs.support.command import command, import_modules
from lth_core.jobs.support.inputs import read_mask
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import choose_device, model_factory, parser, prepare
from lth_core.models.tensors import load_tensors
from lth_core.randomness import kept_torch_generators
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import read_header
from lth_core.tasks.fitting import input_shape

COLUMNS = ("seed", "form", "parameters", "flops", "bytes", "seconds_1", "seconds_256", "reason")


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
    data = open_data(options.data)
    with kept_torch_generators():
        module = model_factory(Task(**spec["task"]), data.facts)().to(device)
    weights = read_weights_of(module, options.ticket, len(seeds))
    masks, diverged = unstack(read_mask(options.mask, weights)), read_header(options.ticket)["diverged"]
    rows = []
    for seed, ticket, mask, lost in zip(seeds, unstack(weights), masks, diverged, strict=True):
        if lost:
            rows.append((seed, "shrunk", *[math.nan] * 5, "its training diverged"))
            continue
        load_tensors(module, ticket)
        forms = costs(module.eval(), input_shape(data.facts, module), mask)
        rows += [(seed, name, *astuple(cost)) for name, cost in forms.items()]
    write_table(options.output, COLUMNS, rows)


if __name__ == "__main__":
    main()
