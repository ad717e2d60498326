"""Rule branch: a ticket -> its counterfactual under a treatment, trained; its mask is written too.

With a step in the spec, training stops there and only the weights of that step are written. Without a mask it is the
dense network that is treated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

import lth_core.branches  # noqa: F401 (registers the built-in treatments)
from lth_core import registry
from lth_core.adaptation import adapt
from lth_core.artifacts import Tensors, provenance, read_header, read_tensors, write_tensors
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
    arguments.add_argument("--network", required=True, help="theta_0 of the task that is trained")
    arguments.add_argument("--initial", required=True, help="theta_0 of the ticket's task")
    arguments.add_argument("--start", required=True, help="what the ticket starts from")
    arguments.add_argument("--mask", help="the ticket's mask; none: the dense network")
    options = arguments.parse_args()
    spec = options.spec
    task = open_task(spec, options.data)
    branch = Branch(**spec["branch"])
    factory = model_factory(Task(**spec["task"]), task.data.classes, task.data.input_shape)
    parts = read_parts(options.network, options.initial, options.start, options.mask)
    pairs = [
        treat(spec, factory, branch, seed, draw, *replicate)
        for seed, replicate in zip(spec["seeds"], parts, strict=True)
        for draw in range(branch.draws)
    ]
    tickets = [treated for _, treated in pairs]
    mask = stack([ticket.mask for ticket in tickets])
    if mask and "step" not in spec:
        header = counts([ticket.mask for ticket in tickets])
        header |= {"effective_std": [effective_std(*pair) for pair in pairs], "provenance": provenance(spec)}
        write_tensors(Path(options.output).with_name("mask.safetensors"), mask, header)
    weights = stack([ticket.weights for ticket in tickets])
    stacked = replace(tickets[0], weights=weights, mask=mask, order=branch.order, order_from=branch.order_from)
    run(spec, task, stacked, options.output, draws=branch.draws, last_step=spec.get("step"))


def read_parts(network: str, initial: str, start: str, mask: str | None) -> list[tuple[Tensors, Tensors, Tensors]]:
    """theta_0, start and mask of every replicate, made to fit the network that is trained."""
    layers = read_header(network)["layers"]
    own = unstack(read_tensors(network))
    masks = unstack(read_tensors(mask)) if mask else [{} for _ in own]
    parts = zip(own, unstack(read_tensors(initial)), unstack(read_tensors(start)), masks, strict=True)
    return [
        (
            adapt(first, shapes, layers),
            adapt(begin, shapes, layers),
            adapt(kept, {name: np.ones_like(shapes[name], dtype=bool) for name in kept}, layers),
        )
        for shapes, first, begin, kept in parts
    ]


def treat(
    spec: Mapping[str, Any],
    factory: Callable[[], nn.Module],
    branch: Branch,
    seed: int,
    draw: int,
    initial: Tensors,
    start: Tensors,
    mask: Tensors,
) -> tuple[Ticket, Ticket]:
    """One replicate: the ticket that the method would train, and its counterfactual."""
    settings, method, level = Task(**spec["task"]), Method(**spec["method"]), spec["level"]
    checkpoints = BranchCheckpoints(
        initial=initial,
        start=start,
        fresh=lambda: initialize(factory, settings.initialization, seed, "reinit", level, draw),
    )
    ticket = rewind(method.rewind, start, mask)
    offered = {
        "ticket": ticket,
        "checkpoints": checkpoints,
        "stream": stream(seed, "branch", branch.treatment.name, level, draw),
    }
    return ticket, registry.branch.call(branch.treatment.name, offered, branch.treatment.options)


def effective_std(ticket: Ticket, treated: Ticket) -> float:
    """The standard deviation, over the kept weights, of what the treatment added (Frankle et al. 2020b, section 5)."""
    added = [(treated.weights[name] - ticket.weights[name])[kept] for name, kept in treated.mask.items()]
    return float(np.concatenate(added).std(dtype=np.float64))


if __name__ == "__main__":
    main()
