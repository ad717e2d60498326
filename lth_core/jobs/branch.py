"""Rule branch: a ticket -> its counterfactual under a treatment, trained; its mask is written too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

import lth_core.branches  # noqa: F401 (registers the built-in treatments)
from lth_core import registry
from lth_core.artifacts import Tensors, provenance, read_tensors, write_tensors
from lth_core.branches import BranchCheckpoints
from lth_core.config import Branch, Method, Task
from lth_core.jobs.command import command
from lth_core.jobs.runs import model_factory, open_task, parser, run
from lth_core.jobs.stacking import stack, unstack
from lth_core.models.initialization import initialize
from lth_core.pruning.prune import counts
from lth_core.randomness import stream
from lth_core.rewinding import Ticket, rewind


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0")
    arguments.add_argument("--start", required=True, help="what the ticket starts from")
    arguments.add_argument("--mask", required=True, help="the ticket's mask")
    options = arguments.parse_args()
    spec = options.spec
    task = open_task(spec, options.data)
    branch = Branch(**spec["branch"])
    factory = model_factory(Task(**spec["task"]), task.data.classes, task.data.input_shape)
    tickets = [
        treat(spec, factory, branch, seed, draw, initial, start, mask)
        for seed, initial, start, mask in zip(
            spec["seeds"],
            unstack(read_tensors(options.initial)),
            unstack(read_tensors(options.start)),
            unstack(read_tensors(options.mask)),
            strict=True,
        )
        for draw in range(branch.draws)
    ]
    mask = stack([ticket.mask for ticket in tickets])
    header = {**counts([ticket.mask for ticket in tickets]), "provenance": provenance(spec)}
    write_tensors(Path(options.output).with_name("mask.safetensors"), mask, header)
    weights = stack([ticket.weights for ticket in tickets])
    stacked = Ticket(weights, mask, tickets[0].first_step, branch.order)
    run(spec, task, stacked, options.output, draws=branch.draws)


def treat(
    spec: Mapping[str, Any],
    factory: Callable[[], nn.Module],
    branch: Branch,
    seed: int,
    draw: int,
    initial: Tensors,
    start: Tensors,
    mask: Tensors,
) -> Ticket:
    """One replicate's counterfactual: the treatment applied to the ticket that the method would train."""
    settings, method, level = Task(**spec["task"]), Method(**spec["method"]), spec["level"]
    checkpoints = BranchCheckpoints(
        initial=initial,
        start=start,
        fresh=lambda: initialize(factory, settings.initialization, seed, "reinit", level, draw),
    )
    offered = {
        "ticket": rewind(method.rewind, start, mask),
        "checkpoints": checkpoints,
        "stream": stream(seed, "branch", branch.treatment.name, level, draw),
    }
    return registry.branch.call(branch.treatment.name, offered, branch.treatment.options)


if __name__ == "__main__":
    main()
