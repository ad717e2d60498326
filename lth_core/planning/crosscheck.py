"""Checks of the config against the registries: names of functions and their options, studies.

They look at one place each, so they work on a config with other errors in it.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

from lth_core import registry
from lth_core.config import RESERVED_BRANCH_NAMES, Choice
from lth_core.planning.configerrors import Location, at, explain, shown, unknown_key
from lth_core.planning.registrations import misregistered_objective
from lth_core.registry import PluginError, Registry, UnknownName, failure
from lth_core.studies.base import Study
from lth_core.studies.captions import listing

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

# ---------------------------------------------------------------- registered names and their options

_CHOICES = (
    ("datasets", "source", registry.dataset),
    ("tasks", "model", registry.model),
    ("tasks", "objective", registry.objective),
    ("methods", "criterion", registry.criterion),
    ("methods", "during", registry.sparsifier),
    ("methods", "search.parametrization", registry.parametrization),
    ("methods", "treatment", registry.treatment),
    ("branches", "treatment", registry.treatment),
)


def choices(data: Mapping[str, Any]) -> list[str]:
    """Unknown names and bad options among the registered functions that the (raw) config chooses."""
    problems = []
    for section, keys, known in _CHOICES:
        *outer, key = keys.split(".")
        for name, entry in _entries(data, section):
            for word in outer:
                entry = entry.get(word) if isinstance(entry, Mapping) else None
            try:
                choice = Choice.model_validate(entry[key]) if isinstance(entry, Mapping) and key in entry else None
            except ValidationError:
                continue  # not even a choice: validation of the whole config says so
            if choice:
                problems += _choice(known, choice, (section, name, *outer, key))
    return problems + _transforms(data) + _names_of_treatments(data)


def _names_of_treatments(data: Mapping[str, Any]) -> list[str]:
    """Branches that are called like a treatment and have another one: studies look for treatments by these names."""
    problems, known = [], registry.treatment
    for name, entry in _entries(data, "branches"):
        try:
            chosen = Choice.model_validate(entry.get("treatment")).name
        except ValidationError:
            continue
        named = {name, chosen} <= {*known.names()} and name not in RESERVED_BRANCH_NAMES
        if named and known.get(name) is not known.get(chosen):
            taken = f"this is the name of another treatment than '{chosen}': choose another name"
            problems.append(at(("branches", name), taken))
    return problems


def _transforms(data: Mapping[str, Any]) -> list[str]:
    problems = []
    for name, entry in _entries(data, "datasets"):
        chosen = entry.get("transforms")
        for position, item in enumerate(chosen if isinstance(chosen, list) else []):
            try:
                choice = Choice.model_validate(item)
            except ValidationError:
                continue
            problems += _choice(registry.transform, choice, ("datasets", name, "transforms", position))
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
    if known is registry.objective and (problem := misregistered_objective(choice.name)):
        return [at(location, problem)]
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
            given = ", ".join(sorted(known.offered))
            needed = f"missing: {known.noun} '{choice.name}' needs it as an option (what it is given: {given})"
            problems.append(at((*location, key), needed))
    return problems or _unread(known, choice, location)


def _unread(known: Registry, choice: Choice, location: Location) -> list[str]:
    """The files that the function says it reads, and that are not there."""
    try:
        missing = [path for path in known.reads(choice.name, choice.options) if not os.path.isfile(path)]
    except PluginError as error:
        return [at(location, str(error))]
    return [at(location, f"{known.noun} '{choice.name}' reads '{path}', which is no file here") for path in missing]


def missing_options(known: Registry, name: str) -> list[str]:
    """The options without a default."""
    return [
        key
        for key, option in known.options(name).items()
        if option.default is option.empty and option.kind not in VARIADIC
    ]


def needed_by(known: Registry, name: str) -> set[str]:
    """The arguments without a default that the pipeline offers to some functions of this sort."""
    parameters = inspect.signature(known.get(name)).parameters
    return {key for key, value in parameters.items() if key in known.offered and value.default is value.empty}


def _typed(function: Any, option: inspect.Parameter, value: Any, location: Location) -> list[str]:
    """Whether the value is of the type that the signature names; no judgement where the type cannot be told."""
    if option.annotation is option.empty:
        return []
    stub = types.SimpleNamespace(__annotations__={option.name: option.annotation})
    try:  # this one annotation, for others of the signature may name types that are imported for checkers only
        names = getattr(function, "__globals__", None) or vars(sys.modules[function.__module__])
        hints = typing.get_type_hints(stub, globalns=names, include_extras=True)
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


NEEDED = ("title", "citation", "table_names", "runs", "tables", "figure_names", "figures", "claims")
"""What every study has to define."""


def build_studies(data: Mapping[str, Any]) -> tuple[dict[str, Study], list[str]]:
    """The studies that the (raw) config names, and what is wrong with their options."""
    studies, problems = {}, []
    for name, options in _entries(data, "studies"):
        try:
            kind: Any = registry.study.get(name)
        except UnknownName as error:
            problems.append(at(("studies", name), str(error)))
            continue
        if not (isinstance(kind, type) and issubclass(kind, Study)):
            problems.append(at(("studies", name), f"'{name}' of {kind.__module__} must be a class that extends Study"))
            continue
        if lacking := [part for part in NEEDED if getattr(kind, part, None) is getattr(Study, part, None)]:
            problems.append(at(("studies", name), f"'{name}' of {kind.__module__} lacks {listing(lacking)}"))
            continue
        try:
            studies[name] = kind.model_validate_json(json.dumps(options, default=str), strict=True)
        except ValidationError as error:
            problems += explain(error, kind, ("studies", name))
        except Exception as error:  # of any type: a validator may be a plugin's
            problems.append(at(("studies", name), f"the study failed{failure(kind, error)}"))
    return studies, problems


# ---------------------------------------------------------------- names of other entries


def mentions(data: Mapping[str, Any], studies: Mapping[str, Study]) -> list[str]:
    """Unknown data sets, tasks and methods that the entries of a (raw) config mention, which may have other errors."""
    tasks, methods, configured = (data.get(section, {}) for section in ("tasks", "methods", "datasets"))
    if not tasks or not methods:
        return []
    if not (isinstance(tasks, Mapping) and isinstance(methods, Mapping) and isinstance(configured, Mapping)):
        return []
    mentioned, datasets = [], {*configured, *registry.dataset.names()}
    for name, task in _entries(data, "tasks"):
        mentioned.append((("tasks", name, "dataset"), "data set", task.get("dataset"), datasets))
    for name, study in studies.items():
        for task, method in study.tasks.items():
            location = ("studies", name, "tasks", task)
            mentioned += [(location, "task", task, {*tasks}), (location, "method", method, {*methods})]
    return [
        at(location, str(UnknownName(noun, word, known)))
        for location, noun, word, known in mentioned
        if isinstance(word, str) and word not in known
    ]
