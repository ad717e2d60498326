"""Checks of methods on the tasks whose networks they score: steps, rounds, and what criteria compute with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lth_core import registry
from lth_core.config import Config, Method
from lth_core.data.facts import known_facts, too_few_examples
from lth_core.data.kinds import kind_of_data
from lth_core.planning.configerrors import at
from lth_core.pruning.moments import rounds_per_level, unsuited
from lth_core.storage.runs import DENSE, Run


def scored(config: Config, study: str, runs: Iterable[Run], methods: Mapping[str, Method]) -> list[str]:
    """Say what is wrong with the methods of a study's runs: of those that it derives where they alone are wrong."""
    configured, derived = {}, {}
    for task, method in sorted({(run.task, run.method) for run in runs if run.method != DENSE}):
        for key, problem in _problems(config, task, methods[method]):
            if method in config.methods:
                configured[at(("methods", method, *key), problem)] = None
            else:
                derived[at(("studies", study), f"method '{method}': {problem}")] = None
    return list(configured or derived)


def _problems(config: Config, task: str, method: Method) -> Iterable[tuple[tuple[str, ...], str]]:
    """Key and problem of each mistake in a method that prunes the network of a task."""
    criterion, settings = method.criterion.name, config.tasks[task]
    last, step = settings.train.steps, method.prune_at or 0
    if step > last:
        yield ("prune_at",), f"{step} must be at most {last}, the last step of task '{task}'"
    if not method.has_rounds and (rounds := rounds_per_level(method)) > 1:
        one = f"granularity '{method.granularity}' prunes in one: set iterations: 1"
        yield ("iterations",), f"'{criterion}' scores in {rounds} rounds, and {one}"
    if method.allocation == "lamp" and registry.criterion.facts(criterion).get("signed"):
        yield ("allocation",), f"'lamp' squares scores, and those of '{criterion}' have signs: use another allocation"
    if method.granularity != "channel" and registry.criterion.uses(criterion, "channels"):
        yield ("criterion",), f"'{criterion}' ranks channels: set granularity: channel"
    kind = kind_of_data(registry.dataset.facts(config.dataset(settings.dataset).source.name))
    if problem := unsuited(method, kind):
        yield ("criterion",), f"{problem}, as task '{task}' has"
    dataset = config.dataset(settings.dataset)
    if problem := too_few_examples(known_facts(dataset.source, dataset.transforms, config.data_root), method.criterion):
        yield ("criterion", "examples_per_class"), f"{problem} of '{settings.dataset}'"
