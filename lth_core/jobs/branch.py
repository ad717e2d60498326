"""Train what a treatment makes of a ticket: rules `branch`, `dense_branch` and `retrain_treated`.

Input: the data file and what the ticket is made from: theta_0 of the trained task (--network) and of the ticket's task
(--initial), the weights that the ticket starts from, its mask, and the training that this mask was made from. Output:
the trained weights, the history, and what the treatment made: a branch's mask, or, for a method that treats each of its
tickets, the starting weights. Without a mask the dense network is treated. With --keep, training ends earlier and only
keeps weights for checkpoints (lth_core/jobs/checkpoint.py).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from lth_core import registry
from lth_core.config import Branch, Method, Rewind, Task
from lth_core.data.reading import read_facts
from lth_core.jobs.support.command import command
from lth_core.jobs.support.inputs import check_characters, read_mask, read_weights
from lth_core.jobs.support.stacking import stack, unstack
from lth_core.jobs.support.trainings import model_factory, open_task, parser, train_ticket
from lth_core.models.initialization import initialize
from lth_core.pruning.channels import Listed, listed_groups
from lth_core.pruning.prune import counts
from lth_core.randomness import random_generator, seeded
from lth_core.storage.provenance import provenance
from lth_core.storage.tensors import Tensors, read_header, read_only, read_tensors, write_tensors
from lth_core.tickets.adaptation import adapt, only_part
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.divergence import without_tickets
from lth_core.tickets.rewinding import Ticket, apply_mask, rewind
from lth_core.tickets.treated import TreatmentError, check_alike, check_treated


@dataclass(frozen=True)
class Replicate:
    """The ticket of one replicate, and what its treatment may take weights from, made to fit the trained network."""

    ticket: Ticket
    ended: bool
    """Whether its chain has ended, so that there is no ticket to treat."""
    initial: Tensors
    start: Tensors
    trained: Tensors
    trained_from: Tensors
    layers: Mapping[str, str]
    """The prunable weights of the trained network -> kinds, in network order."""
    channels: Listed = field(default_factory=dict)
    """The removable channels of the trained network, by theta_0's header."""


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--network", required=True, help="theta_0 of the task that is trained")
    arguments.add_argument("--initial", required=True, help="theta_0 of the ticket's task")
    arguments.add_argument("--start", required=True, help="what the ticket starts from")
    arguments.add_argument("--trained", help="what its mask was made from")
    arguments.add_argument("--trained-from", help="what that training started from")
    arguments.add_argument("--mask", help="the ticket's mask; without it the dense network is treated")
    arguments.add_argument("--source-data", help="data of the ticket's task, where it is another text")
    arguments.add_argument("--weights-data", help="data of the task whose weights it starts from, where another text")
    options = arguments.parse_args()
    spec = options.spec
    check_characters(options.data, options.source_data, options.weights_data)
    task = open_task(spec, options.data)
    branch = Branch(**spec["branch"])
    factory = model_factory(Task(**spec["task"]), read_facts(options.data))
    cohort = replicates(options, branch.part)
    pairs = [
        (replicate.ticket, treat(spec, factory, branch, seed, draw, replicate))
        for seed, replicate in zip(spec["seeds"], cohort, strict=True)
        for draw in range(branch.draws)
    ]
    tickets = [treated for _, treated in pairs]
    ended = [replicate.ended for replicate in cohort for _ in range(branch.draws)]
    stacked = stack_tickets(branch, tickets, ended)
    if task.share.first and not options.keep:
        write_treated(spec, branch, pairs, stacked, ended, Path(options.output))
    train_ticket(spec, task, options.data, stacked, options.output, draws=branch.draws, keep=options.keep)


def write_treated(
    spec: Mapping[str, Any],
    branch: Branch,
    pairs: Sequence[tuple[Ticket, Ticket]],
    stacked: Ticket,
    ended: Sequence[bool],
    output: Path,
) -> None:
    """Write what the treatment made, beside `output`: a branch's mask, or what a method's ticket starts from."""
    if spec["chain"]:
        check_masks(branch, pairs)
        write_tensors(output.with_name("start.safetensors"), stacked.weights, {"provenance": provenance(spec)})
    elif stacked.mask:
        header = counts([treated.mask for _, treated in pairs], ended)
        added = [math.nan if over else effective_std(*pair) for over, pair in zip(ended, pairs, strict=True)]
        header |= {"effective_std": added, "provenance": provenance(spec)}
        write_tensors(output.with_name("mask.safetensors"), stacked.mask, header)


def replicates(options: argparse.Namespace, part: str | None = None) -> list[Replicate]:
    """Read what the job's files hold of every replicate; of another task's ticket only a part, where one is named."""
    header, network = read_header(options.network), read_tensors(options.network)
    layers, listed = header["layers"], header.get("channels", {})
    initial = network if options.initial == options.network else read_tensors(options.initial)
    targets = unstack(network)
    masks = unstack(read_mask(options.mask, initial)) if options.mask else [{} for _ in targets]
    ended = read_header(options.mask)["diverged"] if options.mask else [False for _ in targets]
    paths = [
        options.initial,
        options.start,
        options.trained or options.initial,
        options.trained_from or options.initial,
    ]
    files = {path: read_weights(path, initial) for path in {*paths} - {options.start}}  # theta_0 may be several
    files |= {options.start: read_tensors(options.start)}  # which may be of yet another task
    rewinding = Method(**options.spec["method"]).rewind
    cohort = []
    sources = zip(*(unstack(files[path]) for path in paths), strict=True)
    for target, mask, over, weights in zip(targets, masks, ended, sources, strict=True):
        if part:
            weights = [only_part(tensors, target, part) for tensors in weights]
            mask = {name: kept for name, kept in mask.items() if name in target and fnmatchcase(name, part)}
        ticket = fit(rewinding, weights[1], mask, target, layers)
        fitted = [adapt(tensors, target, layers) for tensors in weights]
        cohort.append(Replicate(ticket, over, *fitted, layers=layers, channels=listed))
    return cohort


def fit(rewinding: Rewind, start: Tensors, mask: Tensors, target: Tensors, layers: Mapping[str, str]) -> Ticket:
    """Make the ticket that the method would train, with the shapes of `target`, theta_0 of the trained task."""
    everything = {name: np.ones_like(target[name], dtype=bool) for name in mask}
    # Masked before it is fitted: where several channels become one, only the kept weights of each are summed.
    fitting = {name: kept for name, kept in mask.items() if kept.shape == start[name].shape}
    return rewind(rewinding, adapt(apply_mask(start, fitting), target, layers), adapt(mask, everything, layers))


def treat(
    spec: Mapping[str, Any],
    factory: Callable[[], nn.Module],
    branch: Branch,
    seed: int,
    draw: int,
    replicate: Replicate,
) -> Ticket:
    """Treat the ticket of one replicate; where its chain has ended it stays as it is."""
    if replicate.ended:
        return replicate.ticket
    settings, level, name = Task(**spec["task"]), spec["level"], branch.treatment.name
    at = [branch.weights.step] if branch.weights else []  # tickets of other epochs have other random controls
    key = (seed, "branch", name, level, draw, *at)

    def fresh() -> Tensors:
        drawn = initialize(factory, settings.initialization, seed, "reinit", level, draw)
        pruned = {layer: drawn[layer] for layer in replicate.layers if drawn[layer].ndim > 1}
        check_fresh(name, settings.model.name, pruned, replicate.initial)
        return drawn

    weights = {part: read_only(getattr(replicate, part)) for part in ("initial", "start", "trained", "trained_from")}
    ticket = replicate.ticket
    offered = {
        "ticket": replace(ticket, weights=read_only(ticket.weights), mask=read_only(ticket.mask)),
        "checkpoints": BranchCheckpoints(**weights, fresh=fresh),
        "layers": {layer: kind for layer, kind in replicate.layers.items() if layer in ticket.mask},
        "channels": listed_groups(replicate.channels),
        "rng": random_generator(*key),
    }
    with seeded(*key):
        treated = registry.treatment.call(name, offered, branch.treatment.options)
    return check_treated(name, ticket, treated)


def check_fresh(treatment: str, model: str, drawn: Tensors, initial: Tensors) -> None:
    """Raise TreatmentError where prunable matrices, drawn anew, are those of theta_0: that would be no control."""
    if all(name in initial and np.array_equal(value, initial[name]) for name, value in drawn.items()):
        pretrained = registry.model.facts(model).get("pretrained", False)
        choice = "" if pretrained else "choose another `initialization.weights`, or "
        raise TreatmentError(
            f"treatment '{treatment}': a fresh initialization equals theta_0, because the network's function always "
            f"returns these weights: {choice}leave this branch out"
        )


def stack_tickets(branch: Branch, tickets: Sequence[Ticket], ended: Sequence[bool]) -> Ticket:
    """Stack tickets, to be trained as their treatment says. Those whose chain has `ended` were not treated."""
    check_alike(branch.treatment.name, [ticket for ticket, over in zip(tickets, ended, strict=True) if not over])
    treated = tickets[ended.index(False) if False in ended else 0]
    mask, weights = (stack([getattr(ticket, part) for ticket in tickets]) for part in ("mask", "weights"))
    stacked = replace(treated, weights=weights, mask=mask, order=branch.order, order_from=branch.order_from)
    return without_tickets(stacked, ended)


def check_masks(branch: Branch, pairs: Sequence[tuple[Ticket, Ticket]]) -> None:
    """Raise TreatmentError where a method's treatment changes the mask, which the next level is pruned from."""
    for ticket, treated in pairs:
        changed = [name for name, kept in ticket.mask.items() if not np.array_equal(kept, treated.mask.get(name, []))]
        if changed or treated.mask.keys() != ticket.mask.keys():
            raise TreatmentError(f"treatment '{branch.treatment.name}' changes the mask: use it in a branch")


def effective_std(ticket: Ticket, treated: Ticket) -> float:
    """Compute the standard deviation of what the treatment added to the kept weights (Frankle et al. 2020b, s. 5)."""
    added = [(treated.weights[name] - ticket.weights[name])[kept] for name, kept in treated.mask.items()]
    return float(np.concatenate(added).std(dtype=np.float64))


if __name__ == "__main__":
    main()
