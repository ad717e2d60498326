"""Look whether what the jobs of a run are about to use can work, before any of them starts: no rule, `begin_run`.

Snakemake removes the finished files of a job when it starts, so a mistake that only the job finds costs what was there.
Input, on standard input as JSON: `modules` to import, and by name the `tasks`: the `task`'s settings, its data file
(`data`) or what is known of data that are still to be prepared (`facts`), and the `methods` that prune it. A network
must build, run on one example and have the weights that methods name; criteria must score weights; a batch must not be
larger than the training split. Ends with one line that names the key of the config, or says nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from lth_core.config import Method, Task
from lth_core.jobs.initialize import check_methods
from lth_core.jobs.support.command import command, import_modules
from lth_core.jobs.support.stacking import stack
from lth_core.jobs.support.trainings import model_factory
from lth_core.models.initialization import initialize
from lth_core.models.layers import prunable_layers, weights_without_filters
from lth_core.models.shrinking import consumers_of
from lth_core.pruning.exclusions import prunable
from lth_core.pruning.prune import full_mask
from lth_core.pruning.rounds import next_mask
from lth_core.registry import one_line
from lth_core.storage.tensors import read_header, read_shapes

Value = TypeVar("Value")


class CheckError(ValueError):
    """Something in the config that cannot work; one line that begins with its key."""


@command
def main() -> None:
    asked = json.load(sys.stdin)
    import_modules(asked["modules"])
    for name, task in asked["tasks"].items():
        check_task(name, task)


def check_task(name: str, asked: Mapping[str, Any]) -> None:
    """Check what a task and the methods that prune it name. Raises CheckError, ExclusionError or FilterError."""
    settings, facts = Task(**asked["task"]), dict(asked["facts"])
    if asked["data"]:
        facts |= read_header(asked["data"])
        examples = read_shapes(asked["data"])["train_labels"][0]
        if settings.train.batch_size > examples:
            problem = f"{settings.train.batch_size} must be at most the {examples} training examples"
            raise CheckError(f"tasks.{name}.train.batch_size: {problem}")
    if not {"classes", "input_shape"} <= facts.keys():
        return  # known when the data are there
    shape, model = tuple(facts["input_shape"]), settings.model.name
    key = f"tasks.{name}.model: '{model}'"
    factory = model_factory(settings, facts["classes"], shape)
    initial, other = attempt(
        f"{key} cannot be built", lambda: [initialize(factory, settings.initialization, seed) for seed in (0, 1)]
    )
    with torch.random.fork_rng():
        module = factory()
        attempt(f"{key} does not run on an image of {'x'.join(map(str, shape))}", lambda: run_once(module, shape))
        layers = attempt(f"{key} cannot be pruned", lambda: prunable_layers(module, shape))
        consumers, without_filters = consumers_of(module, shape), weights_without_filters(module)
    methods = {method: Method(**of_method) for method, of_method in asked["methods"].items()}
    plain = {name: method.model_dump() for name, method in methods.items()}
    check_methods(layers, stack([initial]), plain, consumers, without_filters)
    for method_name, method in methods.items():
        pruned = prunable(layers, method.exclude)
        weights = {"initial": initial, "trained_from": initial, "trained": other}
        about = {"mask": full_mask(initial, pruned), "consumers": consumers or {}}
        problem = f"methods.{method_name}.criterion: '{method.criterion.name}' cannot score the weights of '{name}'"
        attempt(problem, lambda: next_mask(method, pruned, 1, 0, **weights, **about))  # noqa: B023 (called at once)


def run_once(module: nn.Module, shape: tuple[int, ...]) -> None:
    """Run a network on one example, in evaluation mode: batch norm knows no variance of a single one."""
    with torch.no_grad():
        module.eval()(torch.zeros(1, *shape))


def attempt(problem: str, work: Callable[[], Value]) -> Value:
    """Do what calls a user's code, which may fail in any way. Raises CheckError."""
    try:
        return work()
    except Exception as error:
        is_ours = type(error).__module__.startswith("lth_core.")
        reason = " ".join(str(error).split()) if is_ours else one_line(error)
        raise CheckError(f"{problem} ({reason})") from None


if __name__ == "__main__":
    main()
