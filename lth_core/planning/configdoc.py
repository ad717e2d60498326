"""The config's documentation, generated from its models: `python -m lth_core reference` writes it.

config/schema.json is what editors complete and check config files with. In docs/reference/, config.md lists all keys,
names.md the registered names, and tables.md files and tables (tabledoc.py). With `--check` nothing is written: exit
status 1 when one is out of date.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any

from lth_core import registry
from lth_core.config import COHORT_PATTERN, FOLDER_PATTERN, NAME_PATTERN, Config
from lth_core.config.sections import Section
from lth_core.planning import catalogue, tabledoc
from lth_core.planning.markdown import table
from lth_core.storage.files import write_whole

ROOT = Path(__file__).resolve().parents[2]

Schema = dict[str, Any]

# ---------------------------------------------------------------- the JSON schema

_CHOICES = (
    ("Dataset", "source", registry.dataset),
    ("Dataset", "transforms", registry.transform),
    ("Task", "model", registry.model),
    ("Task", "objective", registry.objective),
    ("Method", "criterion", registry.criterion),
    ("Method", "during", registry.sparsifier),
    ("Search", "parametrization", registry.parametrization),
    ("Method", "treatment", registry.treatment),
    ("Branch", "treatment", registry.treatment),
)


def schema() -> Schema:
    """The JSON schema of a config file, with the registered names and the options of the registered studies.

    No key of the top level or of a study is required: a file may be one of several that are merged.
    """
    config = _described(Config)
    del config["required"]
    for section, key, known in _CHOICES:
        field = config["$defs"][section]["properties"][key]
        field = field.get("items", field)  # one choice, or a list of them
        others = [{"$ref": field.pop("$ref")}] if "$ref" in field else field["anyOf"]
        field["anyOf"] = [{"enum": known.names()}, *others]
    kinds: dict[str, Any] = {name: registry.study.get(name) for name in registry.study.names()}
    studies = {name: _described(kind) for name, kind in kinds.items()}
    for study in studies.values():
        config["$defs"] |= study.pop("$defs", {})
        study.pop("required", None)
    for model in (config, *config["$defs"].values()):
        for field in model.get("properties", {}).values():
            if "patternProperties" in field:
                field["additionalProperties"] = False
    meaning = config["properties"]["studies"]["description"]
    config["properties"]["studies"] = {
        "description": meaning,
        "type": "object",
        "minProperties": 1,
        "properties": studies,
        "additionalProperties": {"type": "object"},
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | config


def _described(model: type[Section]) -> Schema:
    """The JSON schema of a section, with the docstrings below the fields as descriptions.

    Pydantic could read them whenever a section is defined, which would make up a quarter of the start of each process.
    """
    whole = model.model_json_schema()
    sections = whole.get("$defs", {}) | {model.__name__: whole}
    for kind in filter(lambda kind: kind.__name__ in sections, _kinds(Section)):
        meanings = {name: meaning for base in reversed(kind.__mro__) for name, meaning in _meanings(base).items()}
        aliases = {name: field.alias for name, field in kind.model_fields.items() if field.alias}
        meanings = {aliases.get(name, name): meaning for name, meaning in meanings.items()}
        section = sections[kind.__name__]
        for form in (section, *section.get("anyOf", [])):  # a choice may be a bare name
            for name in form.get("properties", {}).keys() & meanings:
                form["properties"][name]["description"] = meanings[name]
    return whole


def _kinds(section: type[Section]) -> Iterator[type[Section]]:
    """A section, and all that are made from it."""
    yield section
    for kind in section.__subclasses__():
        yield from _kinds(kind)


@cache
def _meanings(kind: type) -> dict[str, str]:
    """The docstring below each field that a section declares itself."""
    if not issubclass(kind, Section):
        return {}
    definition = ast.parse(dedent(inspect.getsource(kind))).body[0]
    assert isinstance(definition, ast.ClassDef)
    meanings = {}
    for statements in pairwise(definition.body):
        match statements:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(meaning))):
                meanings[name] = inspect.cleandoc(meaning)
    return meanings


# ---------------------------------------------------------------- the reference


def reference() -> str:
    """Markdown: every key of the config with type, default and meaning, one table for each key of the top level."""
    rows = _keys()
    sections = dict.fromkeys(_top(path) for path, *_ in rows)
    lone = [row for row in rows if sum(_top(path) == _top(row[0]) for path, *_ in rows) == 1]
    tables = [("Files and machine", lone)]
    for section in sections:
        inside = [row for row in rows if _top(row[0]) == section and row not in lone]
        tables += [(f"`{section}`", inside)] if inside else []
    head = ("key", "type", "default", "meaning")
    return _KEYS + "".join(f"\n## {title}\n\n{table(head, inside)}\n" for title, inside in tables)


_KEYS = """# Config reference

Every key of a config file. `python -m lth_core reference` generates this page from the code, and `config/schema.json`,
with which editors complete and check config files. [Registered names](names.md) lists what can stand where a name is
asked for.

A config is checked before anything runs; `python -m lth_core check my.yaml` does nothing else.
"""

_NAMES = """# Registered names

What can stand in a config where a name is asked for: data sets, networks, criteria, treatments and so on, with their
options. `python -m lth_core reference` generates this page from the code. [Config reference](config.md) lists the keys.
"""


def _top(path: str) -> str:
    """The key of the top level that a path lies under."""
    return path.strip("`").partition(".")[0]


def _keys() -> list[tuple[str, ...]]:
    config = schema()
    studies = config["properties"].pop("studies")
    rows = list(_rows(config, _required(Config), "", config["$defs"]))
    rows.append(("`studies`", "section", "needed", studies["description"]))
    for name, study in studies["properties"].items():
        rows += _rows(study, _required(registry.study.get(name)), f"studies.{name}.", config["$defs"])
    return rows


def _required(model: Any) -> list[str]:
    """The keys of a section (a BaseModel) that have no default."""
    return [key for key, field in model.model_fields.items() if field.is_required()]


def _rows(section: Schema, required: list[str], prefix: str, definitions: Schema) -> Iterator[tuple[str, ...]]:
    for key, field in section["properties"].items():
        inner, path = _section(field, definitions), f"{prefix}{key}"
        default = "needed" if key in required else f"`{_default(field['default'])}`"
        if key not in required and inner and field["default"] is not None:
            default = ""  # its own keys have theirs
        yield (
            f"`{path}`",
            "section" if inner else _type(field),
            default,
            field.get("description") or (inner or {})["description"],
        )
        if inner:
            path += ".<name>" if "patternProperties" in field else ""
            yield from _rows(inner, inner.get("required", []), f"{path}.", definitions)


def _section(field: Schema, definitions: Schema) -> Schema | None:
    """The section that a field holds, if it holds one, or that each entry of its map is."""
    for entry in field.get("patternProperties", {}).values():
        return _section(entry, definitions)
    options = [field, *field.get("anyOf", [])]
    names = [option["$ref"].rpartition("/")[2] for option in options if "$ref" in option]
    return next((definitions[name] for name in names if "properties" in definitions[name]), None)


def _default(value: Any) -> str:
    """A default as it would be written in a config file; a choice without options as its bare name."""
    if isinstance(value, Mapping) and set(value) == {"name"}:
        value = value["name"]
    return value if isinstance(value, str) else json.dumps(value)


_PATTERNS = {NAME_PATTERN: "name", COHORT_PATTERN: "`first-last`", FOLDER_PATTERN: "folder"}
_BOUNDS = {"exclusiveMinimum": "> {}", "minimum": "≥ {}", "exclusiveMaximum": "< {}", "maximum": "≤ {}"}


def _type(field: Schema) -> str:
    """A field's type in words."""
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        if any("$ref" in option for option in field["anyOf"]):
            return "name, or map with `name` and options"
        return " or ".join(map(_type, field["anyOf"]))
    kind = field.get("type", "")
    if kind in ("integer", "number"):
        bounds = [words.format(field[key]) for key, words in _BOUNDS.items() if key in field]
        return f"{'whole number' if kind == 'integer' else 'number'} {' and '.join(bounds)}".strip()
    if kind == "array":
        return f"list of {_type(field['items'])}"
    if kind == "object":
        key = _type(field["propertyNames"]) if "propertyNames" in field else "name"
        values = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")]
        return f"map: {key} → {_type(values[0])}" if isinstance(values[0], dict) else "map"
    return {"string": _PATTERNS.get(field.get("pattern", ""), "text"), "boolean": "`true` or `false`"}.get(
        kind, kind or "any"
    )


def names() -> str:
    """Markdown: the registered names with their options and the first lines of their docstrings, a table a registry."""
    text = _NAMES
    for known in (
        registry.dataset,
        registry.transform,
        registry.model,
        registry.objective,
        registry.criterion,
        registry.sparsifier,
        registry.parametrization,
        registry.treatment,
    ):
        rows = []
        for name in known.names():
            options = [_option(option) for option in known.options(name).values()]
            meaning = (known.get(name).__doc__ or "").strip().partition("\n")[0]
            rows.append((f"`{name}`", ", ".join(options), meaning))
        text += f"\n## {known.noun.capitalize()}\n\n{table(('name', 'options', 'meaning'), rows)}\n"
    studies = [(f"`{name}`", registry.study.get(name).title) for name in registry.study.names()]
    return f"{text}\n## Study\n\nOptions: see [`studies`](config.md#studies).\n\n{table(('name', 'title'), studies)}\n"


def _option(option: Any) -> str:
    return f"`{option.name}`" if option.default is option.empty else f"`{option.name}: {json.dumps(option.default)}`"


# ---------------------------------------------------------------- files


def documents() -> dict[Path, str]:
    """The generated files as they ought to be."""
    return {
        ROOT / "config" / "schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        ROOT / "docs" / "reference" / "config.md": reference(),
        ROOT / "docs" / "reference" / "names.md": names(),
        ROOT / "docs" / "reference" / "tables.md": tabledoc.tables(),
    }


def write(check: bool = False) -> int:
    """Write the generated files that are out of date, or only `check` them; returns 1 when a checked one is."""
    catalogue.register()
    stale = {
        path: text
        for path, text in documents().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        if check:
            print(f"{path.relative_to(ROOT)}: out of date; run `python -m lth_core reference`")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, lambda part, text=text: part.write_text(text, encoding="utf-8"), summed=False)
            print(f"{path.relative_to(ROOT)}: written")
    return 1 if stale and check else 0
