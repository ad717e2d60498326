"""Look whether what the jobs of a run are about to use can work, before any of them starts: no rule, `begin_run`.

Snakemake removes the finished files of a job when it starts, so a mistake that only the job finds costs what was there.
Input, on standard input as JSON: `modules` to import, the `device` that this machine must have, and by name the
`tasks`: the `task`'s settings, its data file (`data`) or what is known of data that are still to be prepared (`facts`),
the cohorts whose theta_0 is to be made (`proved`), the task whose trained weights it starts from (`source`), those
whose tickets its branches take (`exchanged`), the `methods` that prune it, which of them are `configured` and what the
config names where a study `derived` others from its own, and the tickets that are `treated`. A network must build, turn
what its data set holds into what its objective reads, be trained as it is written and have the weights that methods
name; criteria must score weights, with the network if they need it and the data are there; every level must prune some
weights; tickets of other tasks must fit; a batch must not exceed the training split, and each fold needs a test
example. Says nothing, or ends with a line for each mistake, which names the key of the config; what a mistake keeps
from being looked at is not looked at.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from lth_core.config import Branch, Method, Rewind, Task
from lth_core.data.kinds import are_known, other_characters
from lth_core.data.reading import open_data, read_facts
from lth_core.data.stand_ins import stand_in
from lth_core.jobs.branch import Replicate, check_masks, treat
from lth_core.jobs.initialize import check_model, proof_of, start_from
from lth_core.jobs.support.command import command, import_modules
from lth_core.jobs.support.complaints import CheckError, Mistakes, attempt
from lth_core.jobs.support.methods import check_all_methods
from lth_core.jobs.support.network import Network
from lth_core.jobs.support.prunable import listed_channels
from lth_core.jobs.support.stacking import stack
from lth_core.jobs.support.trainings import check_device, model_factory
from lth_core.metrics import counted
from lth_core.models.initialization import initialize
from lth_core.models.layers import batch_norm_scales, prunable_layers, weights_without_filters
from lth_core.models.outputs import check_single_examples
from lth_core.models.requirements import ModelError
from lth_core.models.shrinking import consumers_of
from lth_core.randomness import kept_torch_generators
from lth_core.storage.tensors import Tensors
from lth_core.tasks.fitting import input_shape
from lth_core.tickets.adaptation import adapt, only_part
from lth_core.tickets.rewinding import Ticket, rewind
from lth_core.training.penalty import penalized_scales


@command
def main() -> None:
    asked = json.load(sys.stdin)
    check_device(asked["device"])
    import_modules(asked["modules"])
    lines: dict[str, None] = {}
    for name, task in asked["tasks"].items():
        mistakes = Mistakes(task["derived"])
        with mistakes.collected():
            check_task(name, task, mistakes)
        lines |= dict.fromkeys(mistakes.lines)
    for line in lines:
        print(f"error: {line}", file=sys.stderr)
    if lines:
        sys.exit(1)


def check_task(name: str, asked: Mapping[str, Any], mistakes: Mistakes) -> None:
    """Check what a task, the methods that prune it and the treatments of its tickets name, and add to the mistakes.

    Raises CheckError or ModelError where there is nothing more to look at.
    """
    settings, (path, facts) = Task(**asked["task"]), data_of(asked)
    data = open_data(path) if path else None
    if data:
        facts |= data.facts
        for key, split, examples in (
            ("batch_size", "train", "training examples"),
            ("test_folds", "test", "test examples"),
        ):
            with mistakes.collected():
                check_at_most(f"tasks.{name}.train.{key}", getattr(settings.train, key), data.size(split), examples)
    if not are_known(facts):
        return  # known when the data are there
    methods = {method: Method(**of_method) for method, of_method in asked["methods"].items()}
    network = built(name, settings, facts, path, mistakes)
    with mistakes.collected():
        if asked.get("source"):
            check_source(network, facts, asked["source"])
    for other in asked.get("exchanged", ()):
        with mistakes.collected():
            check_exchange(network, facts, other)
    with mistakes.collected():
        if asked["proved"] and (data := data or stand_in(facts)):
            proof_of(name, network.factory, settings, data, seed=int(asked["proved"][0].partition("-")[0]))
    masks = check_all_methods(network, methods, asked["configured"], mistakes)
    for treated in asked["treated"]:
        method = treated["method"]
        if method is None or method in masks:
            rewinding, mask = (methods[method].rewind, masks[method]) if method else (Rewind(), {})
            with mistakes.collected():
                check_treatment(network, treated, rewind(rewinding, network.initial, mask))


def check_at_most(key: str, number: int, most: int, examples: str) -> None:
    """Check that a number of examples is no larger than there are."""
    if number > most:
        raise CheckError(f"{key}: {number} must be at most the {counted(most, examples)}")


def data_of(asked: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Return a task's data file and the facts of its data; None and what the config tells where the file is outdated.

    It is where these differ: the run makes it anew first.
    """
    configured = dict(asked["facts"])
    stored = dict(read_facts(asked["data"])) if asked["data"] else {}
    outdated = any(stored[key] != value for key, value in configured.items() if key in stored)
    return (None, configured) if outdated else (asked["data"], configured | stored)


def built(name: str, settings: Task, facts: Mapping[str, Any], data: str | None, mistakes: Mistakes) -> Network:
    """Check that a network can be built, trained and pruned."""
    key = f"tasks.{name}.model: '{settings.model.name}'"
    factory = model_factory(settings, facts)
    initial, other = attempt(
        f"{key} cannot be built", lambda: [initialize(factory, settings.initialization, seed) for seed in (0, 1)]
    )
    check_model(name, factory, settings, facts)
    with kept_torch_generators():
        shape = input_shape(facts, factory())
        module = factory()
        with mistakes.collected():
            if settings.train.batch_size == 1:
                check_batches_of_one(name, factory(), shape)
        with mistakes.collected():
            if settings.train.penalty:
                check_penalty(name, module)
        with mistakes.collected():
            check_batch_norm(name, module, settings)
        layers = attempt(f"{key} cannot be pruned", lambda: prunable_layers(module, shape))
        consumers, without_filters = consumers_of(module, shape), weights_without_filters(module)
        channels = listed_channels(module, shape)
    about: dict[str, Any] = {"consumers": consumers, "without_filters": without_filters, "channels": channels}
    return Network(name, settings, factory, module, initial, other, layers, **about, data=data)


def check_source(network: Network, facts: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Check that a network can start from the weights of another task (`asked`), where that one's data are known."""
    weights = weights_of_other(f"tasks.{network.task}.initialization.from.task", facts, asked)
    if weights is not None:
        start_from(network.task, network.settings, stack([network.initial]), stack([weights]))


def check_exchange(network: Network, facts: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Check that tickets or weights of another task (`asked`) fit a network, where that one's data are known."""
    weights = weights_of_other(asked["key"], facts, asked)
    if weights is not None:
        problem = f"{asked['key']}: the network of task '{asked['name']}' does not fit that of '{network.task}'"
        part = asked.get("part")
        taken = attempt(problem, lambda: only_part(weights, network.initial, part) if part else weights)
        attempt(problem, lambda: adapt(taken, network.initial, network.layers))


def weights_of_other(key: str, facts: Mapping[str, Any], asked: Mapping[str, Any]) -> Tensors | None:
    """Draw the weights of another task, or return None where its data are not known. Raises CheckError."""
    settings, (_, others) = Task(**asked["task"]), data_of(asked)
    if problem := other_characters(facts, others):
        raise CheckError(f"{key}: the data of task '{asked['name']}' and those of this one {problem}")
    if not are_known(others):
        return None
    factory, problem = model_factory(settings, others), f"{key}: the network of its task cannot be built"
    attempt(problem, factory)
    check_model(asked["name"], factory, settings, others)  # which is to blame, not what takes from it
    return attempt(problem, lambda: initialize(factory, settings.initialization, 0))


def check_batches_of_one(task: str, module: nn.Module, shape: Sequence[int]) -> None:
    """Check that the network can be trained on them."""
    try:
        check_single_examples(module, shape)
    except ModelError as error:
        raise ModelError(f"tasks.{task}.{error}") from error


def check_penalty(task: str, module: nn.Module) -> None:
    """Check that the network has what the recipe penalizes."""
    try:
        penalized_scales(module)
    except ModelError as error:
        raise ModelError(f"tasks.{task}.train.{error}") from error


def check_batch_norm(task: str, module: nn.Module, settings: Task) -> None:
    """Check that the network has the batch norm whose scales are drawn."""
    if settings.initialization.batchnorm == "uniform" and not batch_norm_scales(module):
        raise ModelError(
            f"tasks.{task}.initialization.batchnorm: this network has no scales of batch norm to draw: remove it"
        )


def check_treatment(network: Network, asked: Mapping[str, Any], ticket: Ticket) -> None:
    """Check that a treatment makes a ticket of a ticket, which may be the dense network."""
    branch = Branch(**asked["branch"])
    weights = (network.initial, network.initial, network.other, network.initial)
    replicate = Replicate(ticket, False, *weights, layers=network.layers, channels=network.channels)
    spec = {"task": network.settings.model_dump(mode="json"), "level": int(bool(ticket.mask))}

    def work() -> None:
        treated = treat(spec, network.factory, branch, seed=0, draw=0, replicate=replicate)
        if asked["keeps_mask"]:
            check_masks(branch, [(ticket, treated)])

    attempt(f"{asked['key']}: '{branch.treatment.name}' cannot treat a ticket of '{network.task}'", work)


if __name__ == "__main__":
    main()
