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
from lth_core.config import Branch, Method, Rewind, Task
from lth_core.jobs.command import command
from lth_core.jobs.runs import model_factory, open_task, parser, run
from lth_core.jobs.stacking import stack, unstack
from lth_core.models.initialization import initialize
from lth_core.pruning.prune import counts
from lth_core.randomness import stream
from lth_core.rewinding import Ticket, apply_mask, rewind


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
    parts = read_parts(Method(**spec["method"]).rewind, options.network, options.initial, options.start, options.mask)
    pairs = [
        (ticket, treat(spec, factory, branch, seed, draw, ticket, initial, start))
        for seed, (ticket, initial, start) in zip(spec["seeds"], parts, strict=True)
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


def read_parts(
    policy: Rewind, network: str, initial: str, start: str, mask: str | None
) -> list[tuple[Ticket, Tensors, Tensors]]:
    """Every replicate's ticket, theta_0 and (unmasked) start, made to fit the network that is trained."""
    layers = read_header(network)["layers"]
    own = unstack(read_tensors(network))
    masks = unstack(read_tensors(mask)) if mask else [{} for _ in own]
    found = []
    parts = zip(own, unstack(read_tensors(initial)), unstack(read_tensors(start)), masks, strict=True)
    for shapes, first, begin, kept in parts:
        everything = {name: np.ones_like(shapes[name], dtype=bool) for name in kept}
        # Masked before it is fitted: where several channels become one, only the kept weights of each are summed.
        own_mask = {name: where for name, where in kept.items() if where.shape == begin[name].shape}
        ticket = rewind(policy, adapt(apply_mask(begin, own_mask), shapes, layers), adapt(kept, everything, layers))
        found.append((ticket, adapt(first, shapes, layers), adapt(begin, shapes, layers)))
    return found


def treat(
    spec: Mapping[str, Any],
    factory: Callable[[], nn.Module],
    branch: Branch,
    seed: int,
    draw: int,
    ticket: Ticket,
    initial: Tensors,
    start: Tensors,
) -> Ticket:
    """One replicate's counterfactual of the ticket that the method would train."""
    settings, level = Task(**spec["task"]), spec["level"]
    checkpoints = BranchCheckpoints(
        initial=initial,
        start=start,
        fresh=lambda: initialize(factory, settings.initialization, seed, "reinit", level, draw),
    )
    offered = {
        "ticket": ticket,
        "checkpoints": checkpoints,
        "stream": stream(seed, "branch", branch.treatment.name, level, draw),
    }
    return registry.branch.call(branch.treatment.name, offered, branch.treatment.options)


def effective_std(ticket: Ticket, treated: Ticket) -> float:
    """The standard deviation, over the kept weights, of what the treatment added (Frankle et al. 2020b, section 5)."""
    added = [(treated.weights[name] - ticket.weights[name])[kept] for name, kept in treated.mask.items()]
    return float(np.concatenate(added).std(dtype=np.float64))


if __name__ == "__main__":
    main()
