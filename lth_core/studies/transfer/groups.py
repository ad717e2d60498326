"""Which tasks can exchange tickets, and how they differ: known from the config, before any data are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from lth_core import registry
from lth_core.config import Choice, Config, Dataset, Method
from lth_core.data.facts import known_facts
from lth_core.data.kinds import IMAGES, kind_of_data
from lth_core.registry import UnknownName
from lth_core.tasks.metrics import metric_of

HALVES, OPTIMIZER, OTHER = "halves", "optimizer", "other"
"""How two tasks differ: in their half of the examples, in the optimizer, or in a way without a claim of the paper."""


def mismatch(config: Config, tasks: Mapping[str, str], members: Sequence[str], levels: Sequence[int]) -> str | None:
    """Say in one line why the tasks of a group cannot exchange tickets, or return None.

    `tasks` names the method of each task.
    """
    for member in members:
        if member not in tasks:
            return str(UnknownName("task", member, tasks))
    for first, second in combinations(members, 2):
        if tasks[first] != tasks[second]:
            return f"'{first}' has method '{tasks[first]}', '{second}' has '{tasks[second]}': a group needs one method"
        if sorted(config.tasks[first].cohorts) != sorted(config.tasks[second].cohorts):
            return f"'{first}' and '{second}' need the same cohorts: tickets are exchanged seed by seed"
        metrics = [metric_of(config.tasks[task]) for task in (first, second)]
        if metrics[0].name != metrics[1].name:
            labels = f"'{first}' is measured by {metrics[0].label}, '{second}' by {metrics[1].label}"
            return f"{labels}: a group needs one metric"
        if why := _pair_mismatch(config, first, second, config.methods[tasks[first]]):
            return why
    method = tasks[members[0]]
    if levels and levels[-1] > (last := config.methods[method].levels):
        return f"level {levels[-1]} must be at most {last}, the number of levels of method '{method}'"
    return None


def _pair_mismatch(config: Config, first: str, second: str, method: Method) -> str | None:
    """Say why the networks of two tasks do not fit together, as far as the config tells; jobs find the rest."""
    model = config.tasks[first].model
    if _network(model) != _network(config.tasks[second].model):
        return f"'{first}' and '{second}' have different models or options: tickets fit one network only"
    facts = [_facts(config, task) for task in (first, second)]
    shapes = [fact["input_shape"] for fact in facts if fact.get("input_shape")]
    if len(shapes) == len(facts):
        sizes, channels = {tuple(shape[1:]) for shape in shapes}, {shape[0] for shape in shapes}
        any_size = registry.model.facts(model.name).get("any_size", False)
        images = " and ".join("x".join(map(str, shape)) for shape in shapes)
        differ = f"'{first}' and '{second}' have images of {images}"
        if not any_size and (len(sizes) > 1 or len(channels) > 1):
            hint = " (if they do not, register it with any_size=True)" if is_plugin(model.name) else ""
            return f"{differ}, but the weights of '{model.name}' depend on their size and channels{hint}"
        if len(channels) > 1 and 1 not in channels:
            return f"{differ}: tickets pass between one channel and several, not between these"
    classes = [fact.get("classes") for fact in facts]
    if all(classes) and classes[0] != classes[1] and "output" not in method.exclude:
        counts = f"'{first}' has {classes[0]} classes and '{second}' {classes[1]}"
        return f"{counts}: their method must not prune the output layer (exclude: [output])"
    return None


def _network(model: Choice) -> str:
    """Describe a network: equal networks have one text, whether an option is written out or left at its default."""
    defaults = {key: option.default for key, option in registry.model.options(model.name).items()}
    return json.dumps({"name": model.name} | defaults | model.options, sort_keys=True, default=str)


def channels_may_differ(config: Config, members: Sequence[str]) -> bool:
    """Return whether kernels are fitted to other numbers of channels within a group, as far as the config tells."""
    if not registry.model.facts(config.tasks[members[0]].model.name).get("any_size", False):
        return False
    shapes = [_facts(config, member).get("input_shape") for member in members]
    channels = {shape[0] if shape else None for shape in shapes}
    return None in channels or len(channels) > 1


def classes_may_differ(config: Config, members: Sequence[str]) -> bool:
    """Return whether the tasks of a group differ in their classes, as far as the config tells."""
    facts = [_facts(config, member) for member in members]
    unknown = any(kind_of_data(of) == IMAGES and "classes" not in of for of in facts)
    return unknown or len({of.get("classes") for of in facts}) > 1


def _facts(config: Config, task: str) -> dict[str, Any]:
    dataset = config.dataset(config.tasks[task].dataset)
    return known_facts(dataset.source, dataset.transforms)


# ---------------------------------------------------------------- what is exchanged


def difference(config: Config, first: str, second: str) -> str:
    """Return how two tasks differ: HALVES, OPTIMIZER or OTHER."""
    one, two = config.tasks[first], config.tasks[second]
    datasets = [config.dataset(task.dataset) for task in (one, two)]
    if datasets[0] == datasets[1]:
        return OPTIMIZER if one.train.optimizer.name != two.train.optimizer.name else OTHER
    wholes = [_whole_of(dataset) for dataset in datasets]
    return HALVES if wholes[0] == wholes[1] is not None else OTHER


def _whole_of(half: Dataset) -> Dataset | None:
    """Return the data set that this one is half the examples of, or None."""
    others = [transform for transform in half.transforms if transform.name != "half"]
    return half.model_copy(update={"transforms": others}) if len(others) == len(half.transforms) - 1 else None


def is_plugin(model: str) -> bool:
    """Return whether a network is registered by a plugin."""
    return not registry.model.get(model).__module__.startswith("lth_core.")
