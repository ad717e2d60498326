"""Checks of the config that look beyond one key: registered names and their options, studies, distant keys.

`choices` and `build_studies` look at one place each, so they work on a config with other errors in it;
`references` needs a config that is valid otherwise.
"""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

from lth_core import registry
from lth_core.cells import DENSE, Cell
from lth_core.config import RESERVED_BRANCH_NAMES, Branch, Choice, Config, Method, Task
from lth_core.configerrors import Location, at, explain, shown, unknown_key
from lth_core.registry import Registry, UnknownName
from lth_core.studies.base import Study

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

# ---------------------------------------------------------------- registered names and their options

_CHOICES = (
    ("datasets", "source", registry.dataset),
    ("tasks", "model", registry.model),
    ("methods", "criterion", registry.criterion),
    ("branches", "treatment", registry.branch),
)


def choices(data: Mapping[str, Any]) -> list[str]:
    """Unknown names and bad options among the registered functions that the (raw) config chooses."""
    problems = []
    for section, key, known in _CHOICES:
        for name, entry in _entries(data, section):
            try:
                choice = Choice.model_validate(entry[key]) if key in entry else None
            except ValidationError:
                continue  # not even a choice: validation of the whole config says so
            if choice:
                problems += _choice(known, choice, (section, name, key))
    return problems


def _entries(data: Mapping[str, Any], section: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    entries = data.get(section)
    if isinstance(entries, Mapping):
        yield from ((name, entry) for name, entry in entries.items() if isinstance(entry, Mapping))


def _choice(known: Registry, choice: Choice, location: Location) -> list[str]:
    try:
        options = known.options(choice.name)
    except UnknownName as error:
        return [at(location, str(error))]
    named = {key: option for key, option in options.items() if option.kind not in VARIADIC}
    takes_any = any(option.kind == option.VAR_KEYWORD for option in options.values())
    problems = []
    for key, value in choice.options.items():
        if key in named:
            problems += _typed(known.get(choice.name), named[key], value, (*location, key))
        elif not takes_any:
            problems.append(at((*location, key), unknown_key(key, named, f"option of {known.noun} '{choice.name}'")))
    for key in missing_options(known, choice.name):
        if key not in choice.options:
            problems.append(at((*location, key), f"missing: {known.noun} '{choice.name}' needs it"))
    return problems


def missing_options(known: Registry, name: str) -> list[str]:
    """The options without a default."""
    return [
        key
        for key, option in known.options(name).items()
        if option.default is option.empty and option.kind not in VARIADIC
    ]


def _typed(function: Any, option: inspect.Parameter, value: Any, location: Location) -> list[str]:
    """Whether the value is of the type that the signature names; no judgement where the type cannot be told."""
    if option.annotation is option.empty:
        return []
    stub = types.SimpleNamespace(__annotations__={option.name: option.annotation})
    try:  # this one annotation, for others of the signature may name types that are imported for checkers only
        hints = typing.get_type_hints(stub, globalns=getattr(function, "__globals__", {}), include_extras=True)
        adapter = TypeAdapter(hints[option.name])
    except (NameError, TypeError, SyntaxError, PydanticSchemaGenerationError, PydanticUserError):
        return []
    try:
        adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        if typing.get_origin(hints[option.name]) in (types.UnionType, typing.Union) and error.error_count() > 1:
            return [at(location, f"must be {option.annotation} (got {shown(value)})")]
        return explain(error, None, location)
    return []


# ---------------------------------------------------------------- studies


def build_studies(data: Mapping[str, Any]) -> tuple[dict[str, Study], list[str]]:
    """The studies that the (raw) config names, and what is wrong with their options."""
    studies, problems = {}, []
    for name, options in _entries(data, "studies"):
        try:
            kind = registry.study.get(name)
            studies[name] = kind.model_validate_json(json.dumps(options, default=str), strict=True)
        except UnknownName as error:
            problems.append(at(("studies", name), str(error)))
        except ValidationError as error:
            problems += explain(error, kind, ("studies", name))
    return studies, problems


# ---------------------------------------------------------------- names and numbers that refer to one another


def references(config: Config, studies: Mapping[str, Study]) -> list[str]:
    """What is wrong between the parts of a config that is valid in each part."""
    problems = _datasets(config)
    methods, branches = dict(config.methods), dict(config.branches)
    for name, study in studies.items():
        unknown = _tasks_of_study(config, name, study)
        problems += unknown
        if unknown:
            continue
        try:
            derived_methods, derived_branches = study.methods(config), study.branches(config)
            cells = study.cells(config)
        except ValueError as error:  # whatever else the study cannot work with; it may name the key itself
            text = str(error)
            problems.append(text if text.startswith(f"studies.{name}") else at(("studies", name), text))
            continue
        problems += _collisions(("methods",), name, derived_methods, methods)
        problems += _collisions(("branches",), name, derived_branches, branches)
        problems += _cells(
            config, name, study, cells, config.methods | derived_methods, config.branches | derived_branches
        )
        methods |= derived_methods
        branches |= derived_branches
    return problems


def _datasets(config: Config) -> list[str]:
    problems = []
    for name, task in config.tasks.items():
        location = ("tasks", name, "dataset")
        source = config.datasets[task.dataset].source if task.dataset in config.datasets else Choice(name=task.dataset)
        if source.name not in registry.dataset.names():
            known = {*config.datasets, *registry.dataset.names()}
            problems.append(at(location, str(UnknownName("data set", task.dataset, known))))
            continue
        missing = [key for key in missing_options(registry.dataset, source.name) if key not in source.options]
        if missing:
            needs = f"data set '{source.name}' needs {', '.join(missing)}: give it an entry under datasets"
            problems.append(at(location, needs))
        elif not source.options:
            problems += _facts(name, task, registry.dataset.facts(source.name))
    return problems


def _facts(name: str, task: Task, images: Mapping[str, Any]) -> list[str]:
    """What does not go together with what is known of the images before they are read."""
    problems = []
    examples, (_, *sides) = images.get("train_examples"), images.get("input_shape", (None,))
    if examples is not None and task.train.batch_size > examples:
        larger = f"{task.train.batch_size} is more than the {examples} training examples of '{task.dataset}'"
        problems.append(at(("tasks", name, "train", "batch_size"), larger))
    least = registry.model.facts(task.model.name).get("least_side", 1)
    if any(side < least for side in sides):
        size = "x".join(map(str, sides))
        small = (
            f"'{task.model.name}' needs images of at least {least}x{least} pixels, not {size} as in '{task.dataset}'"
        )
        problems.append(at(("tasks", name, "model"), small))
    return problems


def _tasks_of_study(config: Config, name: str, study: Study) -> list[str]:
    problems = []
    for task, method in study.tasks.items():
        location = ("studies", name, "tasks", task)
        if task not in config.tasks:
            problems.append(at(location, str(UnknownName("task", task, config.tasks))))
        if method not in config.methods:
            problems.append(at(location, str(UnknownName("method", method, config.methods))))
    return problems


def _collisions(section: Location, name: str, derived: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Names that a study derives for something else than they stand for already."""
    return [
        at((*section, key), f"study '{name}' derives something else under this name: choose another")
        for key, value in derived.items()
        if known.get(key, value) != value
    ]


def _cells(
    config: Config,
    name: str,
    study: Study,
    cells: Iterable[Cell],
    methods: Mapping[str, Method],
    branches: Mapping[str, Branch],
) -> list[str]:
    """Names, levels and steps of the trainings that a study asks for."""
    problems = []
    for noun, used, known in (
        ("task", {cell.task for cell in cells}, config.tasks),
        ("method", {cell.method for cell in cells} - {DENSE}, methods),
        ("branch", {cell.branch for cell in cells} - {None}, {*branches, *registry.branch.names()}),
    ):
        for word in sorted(used - set(known)):
            problems.append(at(_mention(name, study, word), str(UnknownName(noun, word, known))))
    if problems:
        return problems
    for word in sorted({cell.branch for cell in cells} & set(RESERVED_BRANCH_NAMES)):
        problems.append(at(_mention(name, study, word), f"'{word}' is reserved (artifact folders and tables use it)"))
    repeated = [cell for cell, count in Counter(cells).items() if count > 1]
    for cell in repeated[:1]:
        same = f"asks for the same training twice ({cell.folder(config.results)})"
        problems.append(at(_mention(name, study, cell.branch) if cell.branch else ("studies", name), same))
    for task, method in sorted({(cell.task, cell.method) for cell in cells if cell.method != DENSE}):
        step, steps = methods[method].rewind.step, config.tasks[task].train.steps
        if step >= steps:
            own = method in config.methods
            location = ("methods", method, "rewind", "step") if own else ("studies", name)
            what = str(step) if own else f"step {step} of method '{method}'"
            problems.append(
                at(location, f"{what} is beyond training of task '{task}' ({steps} steps) in study '{name}'")
            )
    for branch in sorted({cell.branch for cell in cells} - {None} - set(branches)):
        missing = missing_options(registry.branch, branch)
        if missing:
            needs = f"branch '{branch}' needs {', '.join(missing)}: give it an entry under branches"
            problems.append(at(_mention(name, study, branch), needs))
    return problems


def _mention(name: str, study: Study, word: str) -> Location:
    """The option of the study that names `word`, or the study when none does."""
    for key, value in study:
        if value == word or (isinstance(value, list | tuple | set | dict) and word in value):
            return ("studies", name, key)
    return ("studies", name)
