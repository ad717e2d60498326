"""Learn the mask of a level: rules `search` and `strong_ticket`.

Input: the data file, theta_0, the weights below the mask (those that the method rewinds to) and, where levels go on
from each other, the mask of the level before. Output: the mask, and beside it the history of the search, search.csv.
Where the method does not train the ticket, also its weights and a history of one step: the subnetwork of untrained
weights, as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lth_core import registry
from lth_core.config import Method, Search, Task
from lth_core.jobs.support.command import command
from lth_core.jobs.support.inputs import read_mask
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import stack, unstack
from lth_core.jobs.support.trainings import computed_on, open_task, parser, train_resumably, write_history
from lth_core.models.layers import unpruned_weights
from lth_core.pruning.exclusions import prunable
from lth_core.pruning.prune import Left, counts, full_mask
from lth_core.pruning.rounds import left_by_level
from lth_core.runtime.missing import divergence_line
from lth_core.storage.provenance import provenance
from lth_core.storage.tensors import Tensors, read_header, write_tensors
from lth_core.tickets.divergence import diverged
from lth_core.tickets.untrained import scaled, untrained
from lth_core.training.resume import Resume, fingerprint
from lth_core.training.search import SearchState


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    arguments.add_argument("--start", required=True, help="the weights below the mask: theta_0 or theta_k")
    arguments.add_argument("--mask", help="the mask of the level before, where the search goes on from it")
    options = arguments.parse_args()
    spec, method = options.spec, Method(**options.spec["method"])
    assert method.search is not None
    settings = Task(**spec["task"])
    recipe = method.search.train.applied(settings.train)
    task = open_task(spec | {"task": settings.model_copy(update={"train": recipe}).model_dump()}, options.data)
    start = read_weights_of(task.module, options.start, len(spec["seeds"]))
    layers = prunable(read_header(options.initial)["layers"], method.exclude)
    replicates = unstack(start)
    remaining = read_mask(options.mask, start) if options.mask else {}
    first = {name: remaining[name][0] for name in layers} if remaining else full_mask(replicates[0], layers)
    left = left_by_level(method, layers, spec["level"], first)
    weights = stack([weights_below(method.search, one, layers, left) for one in replicates])
    chosen = method.search.parametrization
    offered = {"layers": tuple(layers), "left": left, "kinds": layers}
    parametrization = registry.parametrization.call(chosen.name, offered, chosen.options)
    state = SearchState.begin(task, chosen.name, parametrization, weights, spec["seeds"], remaining=remaining)
    resume = Resume(options.output, fingerprint(spec, options.data, weights, remaining))
    train_resumably(state, spec["seeds"], recipe.steps, resume, listeners=[lambda _: state.keep_best()])
    if task.share.first:
        made_by = {"provenance": provenance(spec, computed_on(task.device, task.share))}
        ended = read_header(options.mask)["diverged"] if options.mask else [False] * len(spec["seeds"])
        write(state, spec["seeds"], Path(options.output), made_by, ended, is_ticket=not method.search.retrain)
        resume.forget()


def weights_below(search: Search, weights: Tensors, layers: dict[str, str], left: Left) -> Tensors:
    """Return one replicate's weights below the mask: as they are, as signed constants, scaled."""
    values = untrained(weights, layers, search.weights)
    return scaled(values, left, layers) if search.scaled else values


def write(
    state: SearchState,
    seeds: list[int],
    output: Path,
    made_by: dict[str, Any],
    ended: Sequence[bool],
    *,
    is_ticket: bool,
) -> None:
    """Write the masks and the history of the search; of tickets that stay untrained their weights and history, too.

    `ended`: the replicates without a level before.
    """
    masks, lost = state.stacked_masks(), diverged(state.history, state.finite())
    if any(lost):
        print(divergence_line(lost, seeds), flush=True)
    lost = [one or before for one, before in zip(lost, ended, strict=True)]
    write_history(output.with_name("search.csv"), state.history, seeds, 1)
    if is_ticket:
        last = [row | {"step": 0} for row in state.history if row["step"] == state.step]
        write_history(output.with_name("history.csv"), last, seeds, 1)
        header = {"step": 0, "diverged": lost, "unpruned": unpruned_weights(state.cohort.module)}
        write_tensors(output.with_name("trained.safetensors"), state.weights(), made_by | header)
    write_tensors(output, masks, {**counts(unstack(masks), lost), **made_by})


if __name__ == "__main__":
    main()
