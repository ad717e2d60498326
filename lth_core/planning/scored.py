"""Checks of methods on the tasks whose networks they score: steps, rounds, and what criteria compute with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lth_core import registry
from lth_core.config import Config, Method
from lth_core.data.facts import known_facts
from lth_core.data.kinds import kind_of_data, offered_to_models
from lth_core.planning.configerrors import at
from lth_core.pruning.moments import rounds_per_level
from lth_core.storage.runs import DENSE, Run


def scored(config: Config, study: str, runs: Iterable[Run], methods: Mapping[str, Method]) -> list[str]:
    """Say what is wrong with the methods of a study's runs; those that it derives are its own."""
    problems = {}
    for task, method in sorted({(run.task, run.method) for run in runs if run.method != DENSE}):
        known = method in config.methods
        location, whose = (("methods", method), "") if known else (("studies", study), f"method '{method}': ")
        for key, problem in _problems(config, task, methods[method]):
            problems[at((*location, *(key if known else ())), whose + problem)] = None
    return list(problems)


def _problems(config: Config, task: str, method: Method) -> Iterable[tuple[tuple[str, ...], str]]:
    """Key and problem of each mistake in a method that prunes the network of a task."""
    criterion, settings = method.criterion.name, config.tasks[task]
    last, step = settings.train.steps, method.prune_at or 0
    if step > last:
        yield ("prune_at",), f"{step} must be at most {last}, the last step of task '{task}'"
    if method.granularity == "filter" and (rounds := rounds_per_level(method)) > 1:
        yield (
            ("iterations",),
            f"'{criterion}' scores in {rounds} rounds, and granularity 'filter' prunes in one: set iterations: 1",
        )
    dataset = config.dataset(settings.dataset)
    facts = known_facts(dataset.source, dataset.transforms, config.data_root)
    kind = kind_of_data(facts)
    if kind == "text" and registry.criterion.facts(criterion).get("inputs") == "numbers":
        yield ("criterion",), f"'{criterion}' needs inputs that are numbers, and those of task '{task}' are tokens"
    if problem := _undrawable(method, settings.dataset, facts):
        yield ("criterion", "examples_per_class"), problem


def _undrawable(method: Method, dataset: str, facts: Mapping[str, Any]) -> str | None:
    """Say that there are fewer training examples than a criterion draws of all classes, as far as it is known."""
    known = registry.criterion.options(method.criterion.name)
    classes, examples = offered_to_models(facts).get("classes"), facts.get("train_examples")
    if "examples_per_class" not in known or not classes or examples is None:
        return None
    wanted = method.criterion.options.get("examples_per_class", known["examples_per_class"].default)
    if wanted * classes <= examples:
        return None
    return f"{wanted} of each of {classes} classes are more than the {examples} training examples of '{dataset}'"
