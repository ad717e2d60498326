"""Draw the initial weights theta_0 of a cohort: rule `initialize`.

Input: the data file, of which only the facts matter, and the weights of another task where it starts from these.
Output: theta_0. Its header has the network's prunable layers, what the network costs, in all and per weight of each
layer, for filters that can be removed the layer that reads them, the channels that can be removed, what was proved of
its training, and what was taken from another task (`from`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lth_core.config import Task
from lth_core.data.reading import Data, open_data
from lth_core.data.splits import SPLITS, DataError
from lth_core.engine.batch_norm import precise
from lth_core.jobs.support.command import command, import_modules
from lth_core.jobs.support.inputs import check_characters
from lth_core.jobs.support.prunable import check_methods, check_prunable, listed_channels
from lth_core.jobs.support.trainings import model_factory
from lth_core.models.cost import flops_per_weight, network_cost
from lth_core.models.declared import declared_kinds
from lth_core.models.initialization import Factory, build, initialize_cohort, take
from lth_core.models.layers import prunable_layers, weights_without_filters
from lth_core.models.requirements import ModelError, require
from lth_core.models.shrinking import consumers_of
from lth_core.randomness import kept_torch_generators
from lth_core.registry import one_line
from lth_core.storage.provenance import provenance
from lth_core.storage.tensors import Tensors, read_header, read_tensors, write_tensors
from lth_core.tasks.base import Task as AnyTask
from lth_core.tasks.base import TaskError
from lth_core.tasks.fitting import check_measures, check_network, input_shape
from lth_core.tasks.opening import build_task
from lth_core.training.proof import ProofError, prove, recipe


def check_model(task: str, factory: Factory, settings: Task, facts: Mapping[str, Any]) -> None:
    """Check that the task's network takes its data and gives what is wanted, and has what it declares prunable.

    Raises ModelError with the key of the config.
    """
    try:
        with kept_torch_generators():
            module = factory()
        require(isinstance(module, nn.Module), f"its function must return a torch.nn.Module, not {module!r:.80}")
        check_network(module, settings.objective.name, facts)
        declared_kinds(module)
    except ModelError as error:
        raise ModelError(f"tasks.{task}.model: {settings.model.name}: {error}") from error


def proof_of(task: str, factory: Factory, settings: Task, data: Data, seed: int) -> dict[str, Any]:
    """Prove that the task's network is trained as it is written.

    Raises DataError, ProofError or TaskError with the key of the config.
    """
    small = recipe(data.size("train"))

    def task_of(module: nn.Module) -> AnyTask:
        return build_task(module, data, small, torch.device("cpu"), settings.objective)

    def build_precise(number: int) -> nn.Module:
        return precise(build(factory, settings.initialization, number))

    try:
        with kept_torch_generators():
            check_measures(task_of(factory()), settings.objective)
    except DataError as error:  # of an environment
        raise DataError(f"tasks.{task}.dataset: {error}") from error
    except Exception as error:  # of any type: it may be the user's code
        reason = str(error) if type(error).__module__.startswith("lth_core.") else one_line(error)
        raise TaskError(f"tasks.{task}.objective: {reason}") from error
    try:
        return prove(build_precise, lambda: precise(factory()), task_of, seed)
    except ProofError as error:
        raise ProofError(f"tasks.{task}.model: {settings.model.name}: {error}") from error


def start_from(task: str, settings: Task, weights: Tensors, trained: Tensors) -> list[str]:
    """Put what fits of another task's trained weights (R, ...) into the drawn ones, in place; return its names.

    Raises ModelError with the key of the config.
    """
    source = settings.initialization.source
    assert source is not None
    try:
        return take(weights, trained)
    except ModelError as error:
        raise ModelError(f"tasks.{task}.initialization.from.task: '{source.task}' does not fit: {error}") from error


@command
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True)
    arguments.add_argument("--data", required=True)
    arguments.add_argument("--weights", help="trained weights of another task, to start from")
    arguments.add_argument("--weights-data", help="data of that task, where it is another text")
    arguments.add_argument("--output", required=True)
    arguments.add_argument("--task", required=True, help="whose methods to look at")
    arguments.add_argument("--methods", type=json.loads, required=True, help="JSON: task -> method -> what it prunes")
    options = arguments.parse_args()
    spec = options.spec
    check_characters(options.data, options.weights_data)
    import_modules(spec["modules"])
    settings, data = Task(**spec["task"]), open_data(options.data)
    factory = model_factory(settings, data.facts)
    check_model(options.task, factory, settings, data.facts)
    weights = initialize_cohort(factory, settings.initialization, spec["seeds"])
    source = {}
    if options.weights:
        taken = start_from(options.task, settings, weights, read_tensors(options.weights))
        source = {"from": {"step": read_header(options.weights)["step"], "taken": taken}}
    proved = proof_of(options.task, factory, settings, data, spec["seeds"][0])
    with kept_torch_generators():
        module = factory()
        shape = input_shape(data.facts, module)
        layers, cost = prunable_layers(module, shape), network_cost(module, shape)
        per_weight = flops_per_weight(module, shape, layers)
    consumers, channels = consumers_of(module, shape), listed_channels(module, shape)
    about = (consumers, weights_without_filters(module), channels)
    check_prunable(options.task, layers, options.methods[options.task])
    check_methods(layers, weights, options.methods[options.task], *about)
    examples = {split: data.size(split) for split in SPLITS}
    header = {"layers": layers, "consumers": consumers or {}, "channels": channels}
    header |= {"cost": cost, "flops_per_weight": per_weight, "examples": examples}
    header |= source | {"proved": proved, "provenance": provenance(spec)}
    write_tensors(options.output, weights, header)


if __name__ == "__main__":
    main()
