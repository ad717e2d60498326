"""Errors of the config in plain words: one line each, with the YAML path of the key and the nearest known name."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from lth_core.config import COHORT_PATTERN, FOLDER_PATTERN, NAME_PATTERN
from lth_core.registry import failure, suggestion

Location = tuple[str | int, ...]
OTHER_WORDS = {
    "gpu": "cuda",
    "bfloat16": "bf16",
    "float16": "bf16",
    "epochs": "steps",
    "lr": "learning_rate",
    "seed": "cohorts",
    "seeds": "cohorts",
}
"""What other projects call it -> what it is called here."""


class ConfigError(ValueError):
    """What is wrong with the config; the message has one line per error."""

    def __init__(self, lines: Iterable[str]):
        super().__init__("\n".join(lines))


def at(location: Location, message: str) -> str:
    """`"tasks.digits.cohorts[0]: message"`."""
    return f"{dotted(location)}: {message}" if location else message


def of_study(name: str, options: Container[str], error: ValueError) -> str:
    """Whatever a study with these options cannot work with; its message may name an option, or the whole key."""
    text = str(error)
    if text.startswith(f"studies.{name}"):
        return text
    key, colon, _ = text.partition(": ")
    names_option = colon and key.partition(".")[0] in options
    return f"studies.{name}.{text}" if names_option else at(("studies", name), text)


def of_failed_study(name: str, study: BaseModel, error: Exception) -> str:
    """Whatever a study cannot work with, which it says by a ValueError, or the line of a plugin in which it failed."""
    if isinstance(error, ValueError):
        return of_study(name, type(study).model_fields, error)
    return at(("studies", name), f"the study failed{failure(type(study), error)}")


def dotted(location: Location) -> str:
    """The YAML path of a place in the config: `tasks.digits.cohorts[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_plain(part)}" for part in location)
    return text.removeprefix(".")


def shown(value: Any) -> str:
    """A value of the config, short enough for one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def unknown_key(key: str, known: Iterable[str], noun: str = "key") -> str:
    """The nearest known key, or all of them when none is near."""
    names = sorted(known)
    hint = _near(key, names) or (f" (known: {', '.join(names)})" if names else "")
    return f"unknown {noun}{hint}"


def _near(word: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"` for what other projects call `word`, or for the nearest known name."""
    if word not in OTHER_WORDS:
        return suggestion(word, known)
    meant = OTHER_WORDS[word]
    return f"; did you mean '{meant}'?" if meant in known else suggestion(word, known, cutoff=0.7)


def explain(error: ValidationError, model: type[BaseModel] | None = None, root: Location = ()) -> list[str]:
    """One line per error of a validation of `model`, whose value stands at `root` in the config."""
    details = error.errors(include_url=False)
    meant = {_meant(model, detail["loc"]) for detail in details if detail["type"] == "extra_forbidden"}
    lines = []
    for detail in details:
        location = detail["loc"]
        if detail["type"] == "missing" and location in meant:  # there, but misspelt: reported as an unknown key
            continue
        if detail["type"] == "extra_forbidden":
            message = unknown_key(str(location[-1]), _keys(model, location[:-1]))
        else:
            message = _message(detail)
        if location and location[-1] == "[key]":
            location = location[:-1]
        key = message.partition(": ")[0]
        if key != message and not location and root and key in _keys(model, ()):  # of several options, named by one
            location, message = (key,), message.removeprefix(f"{key}: ")
        lines.append(at((*root, *location), message))
    return lines


def misnamed(lines: Sequence[str], data: Mapping[str, Any]) -> list[str]:
    """Say of an entry that lacks keys, and has nearly the name of another, which one it may be meant to change."""
    lacking: dict[str, list[str]] = {}
    for line in lines:
        if missing := re.fullmatch(r"((?:tasks|methods|datasets|branches)\.[\w-]+)\.(\S+): missing", line):
            lacking.setdefault(missing[1], []).append(missing[2])
    named = {}
    for entry, keys in lacking.items():
        section, name = entry.split(".")
        others = [f"{other}" for other in data[section] if other != name and f"{section}.{other}" not in lacking]
        if near := _near(name, others):
            named[entry] = f"{entry}: lacks {', '.join(keys)}{near}"
    instead = {f"{entry}.{key}: missing": line for entry, line in named.items() for key in lacking[entry]}
    return list(dict.fromkeys(instead.get(line, line) for line in lines))


# ---------------------------------------------------------------- pydantic's error types in plain words

_PATTERNS = {
    NAME_PATTERN: "a name has only a-z, 0-9, '-' and '_', starts with a letter or digit and has at most 64 characters",
    FOLDER_PATTERN: "must be a folder, without braces or control characters",
}


def _no_seeds(detail: Mapping[str, Any]) -> str:
    numbers = re.fullmatch(r"([0-9]+)-([0-9]+)", detail["input"])
    got = f"(got {shown(detail['input'])})"
    if numbers and any(number != str(int(number)) for number in numbers.groups()):
        return f"seeds are written without leading zeros, for example '0-4' {got}"
    if numbers:
        return f"a seed has at most 6 digits: 999999 is the last {got}"
    return f"must be seeds as 'first-last', for example '0-4' {got}"


def _one_of(detail: Mapping[str, Any]) -> str:
    known = detail["ctx"]["expected"].replace(" or ", ", ")
    names = re.findall(r"'([^']*)'", known)
    hint = _near(detail["input"], names) if isinstance(detail["input"], str) else ""
    choice = f"one of {known}" if "," in known else known
    return f"must be {choice} (got {shown(detail['input'])}){hint}"


def _no_map(detail: Mapping[str, Any]) -> str:
    wanted = "a name, or a map with a name" if detail["ctx"]["class_name"] == "Choice" else "a map of keys"
    if detail["ctx"]["class_name"] in ("Optimizer", "Schedule") and isinstance(detail["input"], str):
        wanted += f", such as {{name: {_plain(detail['input'])}}}"
    return f"must be {wanted} (got {shown(detail['input'])})"


def _too_short(detail: Mapping[str, Any]) -> str:
    least, given = detail["ctx"]["min_length"], detail["ctx"]["actual_length"]
    return f"needs at least {least} entries (got {given})" if least > 1 else "must not be empty"


def _too_long(detail: Mapping[str, Any]) -> str:
    return f"has at most {detail['ctx']['max_length']} entries (got {detail['ctx']['actual_length']})"


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda detail: "missing",
    "literal_error": _one_of,
    "model_type": _no_map,
    "too_short": _too_short,
    "too_long": _too_long,
    "value_error": lambda detail: str(detail["ctx"]["error"]),
}
_DEMANDS = {
    "greater_than": "greater than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a map of keys",
}


def _message(detail: Mapping[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _SENTENCES:
        return _SENTENCES[kind](detail)
    if context.get("pattern") == COHORT_PATTERN:
        return _no_seeds(detail)
    got = f" (got {shown(detail['input'])})"
    if kind in _DEMANDS:
        return f"must be {_DEMANDS[kind].format(**context)}{got}"
    if context.get("pattern") in _PATTERNS:
        return _PATTERNS[context["pattern"]] + got
    return " ".join(detail["msg"].split()) + got


# ---------------------------------------------------------------- the known keys at a place of the config


def _keys(model: Any, location: Location) -> list[str]:
    """The keys that a section takes; `location` is its path inside `model`."""
    for part in location:
        if isinstance(model, type) and issubclass(model, BaseModel):
            model = _fields(model).get(str(part))
        else:  # a map or a list: what it holds
            model = (typing.get_args(model) or (None,))[-1]
        if type(None) in typing.get_args(model):  # or nothing
            model = typing.get_args(model)[0]
    return list(_fields(model)) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _fields(section: type[BaseModel]) -> dict[str, Any]:
    """What the keys of a section hold, by key."""
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def _meant(model: Any, location: Location) -> Location:
    nearest = re.search(r"did you mean '(.*)'", _near(str(location[-1]), _keys(model, location[:-1])))
    return (*location[:-1], nearest[1]) if nearest else ()


def _plain(part: str) -> str:
    """A key as it is written in a path: in quotes when it has characters that a path would not show clearly."""
    return part if re.fullmatch(r"[\w-]+", part, re.ASCII) else shown(part)
