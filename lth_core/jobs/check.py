"""Look whether what the jobs of a run are about to use can work, before any of them starts: no rule, `begin_run`.

Snakemake removes the finished files of a job when it starts, so a mistake that only the job finds costs what was there.
Input, on standard input as JSON: `modules` to import, and by name the `tasks`: the `task`'s settings, its data file
(`data`) or what is known of data that are still to be prepared (`facts`), the cohorts whose theta_0 is to be made
(`proved`), the task whose trained weights it starts from (`source`), those whose tickets its branches take
(`exchanged`), the `methods` that prune it, which of them are `configured` and what the config names where a study
`derived` others from its own, and the tickets that are `treated`. A network must build, turn what its data
set holds into what its objective reads, be trained as it is written and have the weights that methods name; criteria
must score weights, with the network if they need it and the data are there; every level must prune some weights;
tickets of other tasks must fit; a batch must not exceed the training split, and each fold needs a test example. Ends
with one line that names the key of the config, or says nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from lth_core import registry
from lth_core.config import Branch, Method, Rewind, Task
from lth_core.data.kinds import are_known, other_characters
from lth_core.data.reading import open_data, read_facts
from lth_core.jobs.branch import Replicate, check_masks, treat
from lth_core.jobs.initialize import check_methods, check_model, check_prunable, listed_channels, proof_of, start_from
from lth_core.jobs.support.command import command, import_modules
from lth_core.jobs.support.complaints import CheckError, as_configured, attempt
from lth_core.jobs.support.methods import check_growth, check_levels
from lth_core.jobs.support.stacking import stack
from lth_core.jobs.support.trainings import model_factory
from lth_core.metrics import counted
from lth_core.models.initialization import Factory, initialize
from lth_core.models.layers import batch_norm_scales, prunable_layers, weights_without_filters
from lth_core.models.outputs import check_single_examples
from lth_core.models.requirements import ModelError
from lth_core.models.shrinking import consumers_of
from lth_core.pruning.exclusions import prunable
from lth_core.pruning.moments import is_probed
from lth_core.pruning.prune import full_mask
from lth_core.pruning.rounds import left_by_level, next_mask
from lth_core.randomness import kept_torch_generators, random_generator
from lth_core.scoring.probe import NetworkProbe
from lth_core.storage.tensors import Tensors
from lth_core.tasks.fitting import input_shape
from lth_core.tasks.opening import build_task
from lth_core.tickets.adaptation import adapt, only_part
from lth_core.tickets.rewinding import Ticket, rewind
from lth_core.training.parametrization import try_out
from lth_core.training.penalty import penalized_scales

FEW = 8
"""Examples that are looked at with a network."""


@command
def main() -> None:
    asked = json.load(sys.stdin)
    import_modules(asked["modules"])
    for name, task in asked["tasks"].items():
        try:
            check_task(name, task)
        except ValueError as error:
            line = as_configured(str(error), task.get("derived", {}))
            raise (CheckError(line) if line else error) from None


@dataclass(frozen=True)
class Network:
    """A task's network as far as masks and tickets go: two draws of its weights, of one replicate."""

    task: str
    settings: Task
    factory: Factory
    initial: Tensors
    other: Tensors
    """What stands for the weights after training."""
    layers: Mapping[str, str]
    consumers: Mapping[str, Sequence[Any]]
    channels: Mapping[str, Any]
    data: str | None
    """Its data file, where it is there."""


def check_task(name: str, asked: Mapping[str, Any]) -> None:
    """Check what a task, the methods that prune it and the treatments of its tickets name.

    Raises CheckError, ModelError, ProofError, AllocationError, ExclusionError, FilterError or PatternError.
    """
    settings, (path, facts) = Task(**asked["task"]), data_of(asked)
    if path:
        data = open_data(path)
        facts |= data.facts
        examples = data.size("train")
        if settings.train.batch_size > examples:
            problem = f"{settings.train.batch_size} must be at most the {counted(examples, 'training examples')}"
            raise CheckError(f"tasks.{name}.train.batch_size: {problem}")
        if settings.train.test_folds > (tested := data.size("test")):
            problem = f"{settings.train.test_folds} must be at most the {counted(tested, 'test examples')}"
            raise CheckError(f"tasks.{name}.train.test_folds: {problem}")
    if not are_known(facts):
        return  # known when the data are there
    methods = {method: Method(**of_method) for method, of_method in asked["methods"].items()}
    network = built(name, settings, facts, methods, path)
    if asked.get("source"):
        check_source(network, facts, asked["source"])
    for other in asked.get("exchanged", ()):
        check_exchange(network, facts, other)
    if path and asked["proved"]:
        seed = int(asked["proved"][0].partition("-")[0])
        proof_of(name, network.factory, settings, open_data(path), seed)
    masks = {method: check_criterion(network, method, of_method) for method, of_method in methods.items()}
    for method, of_method in methods.items():
        check_search(network, method, of_method, configured=method in asked["configured"])
    for treated in asked["treated"]:
        method = treated["method"]
        rewinding, mask = (methods[method].rewind, masks[method]) if method else (Rewind(), {})
        check_treatment(network, treated, rewind(rewinding, network.initial, mask))


def data_of(asked: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Return a task's data file and the facts of its data; None and what the config tells where the file is outdated.

    It is where these differ: the run makes it anew first.
    """
    configured = dict(asked["facts"])
    stored = dict(read_facts(asked["data"])) if asked["data"] else {}
    outdated = any(stored[key] != value for key, value in configured.items() if key in stored)
    return (None, configured) if outdated else (asked["data"], configured | stored)


def built(
    name: str, settings: Task, facts: Mapping[str, Any], methods: Mapping[str, Method], data: str | None
) -> Network:
    """Check that a network can be built and trained, and that methods fit its weights."""
    key = f"tasks.{name}.model: '{settings.model.name}'"
    factory = model_factory(settings, facts)
    initial, other = attempt(
        f"{key} cannot be built", lambda: [initialize(factory, settings.initialization, seed) for seed in (0, 1)]
    )
    check_model(name, factory, settings, facts)
    with kept_torch_generators():
        shape = input_shape(facts, factory())
        if settings.train.batch_size == 1:
            check_batches_of_one(name, factory(), shape)
        module = factory()
        if settings.train.penalty:
            check_penalty(name, module)
        check_batch_norm(name, module, settings)
        layers = attempt(f"{key} cannot be pruned", lambda: prunable_layers(module, shape))
        consumers, without_filters = consumers_of(module, shape), weights_without_filters(module)
        channels = listed_channels(module, shape)
    plain = {method: of_method.model_dump() for method, of_method in methods.items()}
    check_prunable(name, layers, methods)
    check_methods(layers, stack([initial]), plain, consumers, without_filters, channels)
    for method, of_method in methods.items():
        check_growth(name, module, layers, method, of_method)
        check_levels(name, initial, layers, method, of_method)
    return Network(name, settings, factory, initial, other, layers, consumers or {}, channels, data)


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


def check_criterion(network: Network, name: str, method: Method) -> Tensors:
    """Check that a method's criterion scores the network's weights, and return its first mask.

    One round of scores is looked at. Those that are computed with the network need data: without, none is looked at.
    """
    pruned, once = prunable(network.layers, method.exclude), method.model_copy(update={"iterations": 1})
    weights = {"initial": network.initial, "trained_from": network.initial, "trained": network.other}
    about: dict[str, Any] = {"mask": full_mask(network.initial, pruned), "consumers": network.consumers}
    about["channels"] = network.channels
    problem = f"methods.{name}.criterion: '{method.criterion.name}' cannot score the weights of '{network.task}'"

    def work() -> Tensors:
        if is_probed(method):
            about.update({"probe": probe_of(network, network.data)} if network.data else {"ended": True})
        return next_mask(once, pruned, 1, 0, **weights, **about)

    return attempt(problem, work)


def check_search(network: Network, name: str, method: Method, configured: bool) -> None:
    """Check that what a method trains in place of the network's weights gives weights and masks of it.

    Options without effect are mistakes in a method that is `configured`; in one that a study derives they may have lost
    their use.
    """
    if method.search is None:
        return
    examples, batch = open_data(network.data).size("train") if network.data else None, method.search.train.batch_size
    if examples and batch and batch > examples:
        problem = f"{batch} must be at most the {counted(examples, 'training examples')} of task '{network.task}'"
        raise CheckError(f"methods.{name}.search.train.batch_size: {problem}")
    pruned, chosen = prunable(network.layers, method.exclude), method.search.parametrization
    left = left_by_level(method, pruned, 1, full_mask(network.initial, pruned))
    with kept_torch_generators():
        parameters = dict(network.factory().named_parameters())  # without buffers, as those of batch norm
    weights = {key: torch.from_numpy(np.array(network.initial[key])) for key in parameters}

    def work() -> dict[str, str]:
        offered = {"layers": tuple(pruned), "left": left, "kinds": pruned}
        made = registry.parametrization.call(chosen.name, offered, chosen.options)
        try_out(chosen.name, made, weights, random_generator(0, "search", "start"))
        return made.without_effect()

    key = f"methods.{name}.search.parametrization"
    for option, reason in attempt(f"{key}: '{chosen.name}' cannot search '{network.task}'", work).items():
        if configured and option in chosen.options:
            raise CheckError(f"{key}.{option}: {reason} in the network of '{network.task}': remove it")


def probe_of(network: Network, data: str) -> NetworkProbe:
    """Return the network for criteria that compute with it, on few examples."""
    with kept_torch_generators():
        module = network.factory()
    settings = network.settings
    task = build_task(module, open_data(data), settings.train, torch.device("cpu"), settings.objective)
    return NetworkProbe(task, 0, network.initial, at_most=FEW)


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
