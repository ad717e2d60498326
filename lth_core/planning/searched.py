"""Checks of searches for masks on the tasks whose networks they search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydantic import ValidationError

from lth_core import registry
from lth_core.config import Branch, Config, Method
from lth_core.data.facts import known_facts
from lth_core.planning.configerrors import at
from lth_core.storage.runs import Run


def searched(
    config: Config, runs: Iterable[Run], methods: Mapping[str, Method], branches: Mapping[str, Branch], study: str
) -> list[str]:
    """Say what is wrong with the searches of a study's runs: of the study where its derived methods alone are wrong."""
    configured, derived = {}, {}
    searching = [run for run in runs if run.level and methods[run.method].search]
    for task, name in sorted({(_searched_task(run, config, branches), run.method) for run in searching}):
        for keys, problem in _problems(methods[name], config, task):
            if name in config.methods:
                configured[at(("methods", name, "search", *keys), problem)] = None
            else:
                derived[at(("studies", study), problem)] = None
    return list(configured or derived)


def _searched_task(run: Run, config: Config, branches: Mapping[str, Branch]) -> str:
    """The task whose network is searched for the mask of a run: a branch may train the ticket of another task."""
    source = branches[run.branch].source if run.branch and run.branch in branches else None
    return source if source and source in config.tasks else run.task


def _problems(method: Method, config: Config, task: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Keys of a search and what is wrong with them on a task."""
    assert method.search is not None
    name, settings = method.search.parametrization.name, config.tasks[task]
    if method.iterative and not registry.parametrization.facts(name).get("nested"):
        yield ("parametrization",), f"'{name}' does not go on from the mask of the level before: remove iterative: true"
    if method.levels > 1 and not registry.parametrization.facts(name).get("exact"):
        yield ("parametrization",), f"'{name}' finds one density, whatever the level asks for: set levels: 1"
    if getattr(registry.parametrization.get(name), "trains_weights", False) and not method.search.retrain:
        untrained = "which do not fit untrained ones: remove retrain: false"
        yield ("retrain",), f"'{name}' trains weights with its masks, {untrained}"
    try:
        recipe = method.search.train.applied(settings.train)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        yield ("train",), f"does not go with the recipe of task '{task}': {reason}"
        return
    dataset = config.dataset(settings.dataset)
    examples = known_facts(dataset.source, dataset.transforms, config.data_root).get("train_examples")
    if examples is not None and recipe.batch_size > examples:
        larger = f"{recipe.batch_size} is more than the {examples} training examples of '{settings.dataset}'"
        yield ("train", "batch_size"), larger
    elif recipe.batch_size % settings.processes:
        shared = f"{recipe.batch_size} must be a multiple of the {settings.processes} processes of task '{task}'"
        yield ("train", "batch_size"), shared
