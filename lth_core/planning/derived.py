"""Checks of what studies derive from a config: names that are taken, and methods that cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from lth_core.config import Method
from lth_core.planning.configerrors import Location, at, dotted, explain
from lth_core.studies.base import Study


def collisions(section: Location, name: str, derived: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Name what a study derives under a name that stands for something else already."""
    return [
        at((*section, key), f"study '{name}' derives something else under this name: choose another")
        for key, value in derived.items()
        if known.get(key, value) != value
    ]


def at_their_studies(problems: Iterable[str], deriving: Mapping[Location, str]) -> list[str]:
    """Say of problems with tasks and data sets that studies derive which study that is: no key of the config has them.

    `deriving`: section and name -> study.
    """
    nouns, lines = {"tasks": "task", "datasets": "data set"}, []
    for problem in problems:
        for (section, entry), study in deriving.items():
            key = f"{dotted((section, entry))}."
            if problem.startswith(key):
                its = f"derives {nouns[str(section)]} '{entry}', whose {problem.removeprefix(key)}"
                problem = at(("studies", study), its)
        lines.append(problem)
    return lines


def impossible_methods(name: str, study: Study, derived: Mapping[str, Method]) -> list[str]:
    """Say which methods of tasks a study cannot derive its own from: what it changes of them is not validated yet.

    Of the methods that it derives from one, the first that cannot be is named.
    """
    problems: dict[Location, str] = {}
    for method, settings in derived.items():
        try:
            Method.model_validate(settings.model_dump())
        except ValidationError as error:
            bases = [(len(base), task, base) for task, base in study.tasks.items() if method.startswith(base)]
            _, task, base = max(bases, default=(0, "", ""))
            location = ("studies", name, "tasks", task) if task else ("studies", name)
            (reason, *_) = explain(error, Method)
            of_base = f" from method '{base}'" if base else ""
            why = f"the study derives '{method}'{of_base}, which cannot be ({reason})"
            problems.setdefault(location, f"{why}: name another method, or turn this variant off")
    return [at(location, problem) for location, problem in problems.items()]
