"""Checks of searches for masks on the tasks whose networks they search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydantic import ValidationError

from lth_core import registry
from lth_core.config import Config, Method
from lth_core.planning.configerrors import Location, at
from lth_core.storage.runs import Run


def searched(config: Config, runs: Iterable[Run], methods: Mapping[str, Method], derived_from: Location) -> list[str]:
    """Say what is wrong with the searches of the runs.

    `derived_from` derives methods that are not configured: what is wrong with those alone is said of it.
    """
    configured, derived = {}, {}
    for task, name in sorted({(run.task, run.method) for run in runs if run.level and methods[run.method].search}):
        for keys, problem in _problems(methods[name], config, task):
            if name in config.methods:
                configured[at(("methods", name, "search", *keys), problem)] = None
            else:
                derived[at(derived_from, problem)] = None
    return list(configured or derived)


def _problems(method: Method, config: Config, task: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Keys of a search and what is wrong with them on a task."""
    assert method.search is not None
    name, settings = method.search.parametrization.name, config.tasks[task]
    if method.iterative and not registry.parametrization.facts(name).get("nested"):
        yield ("parametrization",), f"'{name}' does not go on from the mask of the level before: remove iterative: true"
    if method.levels > 1 and not registry.parametrization.facts(name).get("exact"):
        yield ("parametrization",), f"'{name}' finds one density, whatever the level asks for: set levels: 1"
    try:
        recipe = method.search.train.applied(settings.train)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        yield ("train",), f"does not go with the recipe of task '{task}': {reason}"
        return
    if recipe.batch_size % settings.processes:
        shared = f"{recipe.batch_size} must be a multiple of the {settings.processes} processes of task '{task}'"
        yield ("train", "batch_size"), shared
