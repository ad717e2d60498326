"""Loading the configuration: YAML files, merged, checked, with every error in one plain line.

Later files are merged over earlier ones, key by key: maps are merged, everything else is replaced.
`python -m lth_core check FILE ...` checks files and runs nothing; it also explains a file that Snakemake, which reads
it first, cannot parse.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lth_core.config import Config
from lth_core.config.sections import mixed
from lth_core.planning import catalogue, crosscheck
from lth_core.planning.configerrors import ConfigError, Location, at, dotted, explain, misnamed, shown
from lth_core.planning.references import references
from lth_core.registry import one_line
from lth_core.runtime.installation import DEFAULT, RUN, is_clone, workflow_folder
from lth_core.studies.base import Study


@dataclass(frozen=True)
class Loaded:
    """A config that holds together, and its studies."""

    config: Config
    studies: dict[str, Study]


def load(paths: Sequence[str | Path], overrides: Mapping[str, Any] | None = None) -> Loaded:
    """Read, merge and check config files. Raises ConfigError with one line per error.

    What parts of the config say of one another is looked at only when each part is valid, except for names.
    """
    try:
        return _load(paths, overrides)
    except ConfigError:
        if advice := _laid_alone(paths):
            raise ConfigError([advice]) from None
        raise


def is_laid_over_the_default(config: Path) -> bool:
    """Tell whether a ready-made config is no whole one by itself, and is one together with the default."""

    def is_whole(*files: Path) -> bool:
        try:
            _load(files)
        except ConfigError:
            return False
        return True

    return not is_whole(config) and is_whole(workflow_folder() / DEFAULT, config)


def _laid_alone(paths: Sequence[str | Path]) -> str | None:
    """Say of a ready-made config, or a copy of one, that it is laid over the default one, and how; or None."""
    ready = workflow_folder() / "config" / Path(paths[0]).name if len(paths) == 1 else None
    if not ready or not ready.is_file() or not is_laid_over_the_default(Path(paths[0])):
        return None
    file = os.path.relpath(paths[0])
    makes = f" (make {ready.stem})" if is_clone() and os.path.samefile(file, ready) else ""
    return f"{file}: is no config by itself, but is laid over the default one: {RUN} {DEFAULT} {file}{makes}"


def _load(paths: Sequence[str | Path], overrides: Mapping[str, Any] | None = None) -> Loaded:
    data: dict[str, Any] = {}
    for part in [*map(read, paths), _reread(overrides or {})]:
        data = merge(data, part)
    data.setdefault("name", name_of(paths))
    catalogue.register()
    problems = _import_plugins(data.get("plugins"), [Path.cwd(), *(Path(path).resolve().parent for path in paths)])
    names_known = not problems  # a plugin that failed would make all of its names unknown

    try:  # by way of JSON, strictly: nothing is guessed (no "5" for 5, no 1 for true), but a list can be a tuple
        config = Config.model_validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        problems += misnamed(explain(error, Config), data)
    studies: dict[str, Study] = {}
    if names_known:
        problems += crosscheck.choices(data)
        studies, study_problems = crosscheck.build_studies(data)
        problems += study_problems
    problems += [
        at(location, f"must be a finite number (got {shown(value)})")
        for location, value in infinite(data)
        if not any(problem.startswith(f"{dotted(location)}:") for problem in problems)
    ]
    if problems:
        raise ConfigError(problems + (crosscheck.mentions(data, studies) if names_known else []))
    problems = _folders(config) + references(config, studies)
    if problems:
        raise ConfigError(problems)
    return Loaded(config, studies)


def _folders(config: Config) -> list[str]:
    """One line per folder that cannot be there: something else has its name, or it holds all that the user has."""
    problems = []
    for key in ("results", "reports", "data_root"):
        path = Path(getattr(config, key))
        blocking = [str(part) for part in (path, *path.parents) if os.path.lexists(part) and not part.is_dir()]
        problems += [at((key,), f"'{part}' is no folder: name another, or remove it") for part in blocking[:1]]
        home = Path(os.path.expanduser("~"))  # Path.home() fails in a container whose user has none
        if key != "data_root" and path.resolve() in (home.resolve(), Path.cwd(), *Path.cwd().parents):
            problems.append(at((key,), mixed(str(path))))
    return problems


def name_of(paths: Sequence[str | Path]) -> str:
    """Name a config by its files: `config/mnist.yaml` is `mnist`, and one in another folder below is `folder-mnist`."""
    words = []
    for path in paths:
        relative = Path(os.path.relpath(path)).with_suffix("")
        parts = relative.parts if ".." not in relative.parts else relative.parts[-1:]
        words += parts[1:] if len(parts) == 2 and parts[0] == "config" else parts
    return re.sub(r"[^a-z0-9_]+", "-", "-".join(words).lower()).strip("-_")[:64] or "config"


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`: maps key by key, anything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def infinite(value: Any, location: Location = ()) -> Iterator[tuple[Location, float]]:
    """Go through the numbers of a config that are infinite or not a number; JSON, which jobs are told in, has none."""
    if isinstance(value, float) and not math.isfinite(value):
        yield location, value
    elif isinstance(value, Mapping | list):
        for key, part in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from infinite(part, (*location, key))


def _import_plugins(names: Any, folders: Sequence[Path]) -> list[str]:
    """Import the user's modules, which lie in one of the folders; one line per module that does not import."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return []  # absent, or an error that validation reports
    sys.path[:0] = [folder for folder in dict.fromkeys(map(str, folders)) if folder not in sys.path]
    problems = []
    for index, name in enumerate(names):
        if name.endswith(".py") or "/" in name:
            problems.append(at(("plugins", index), f"'{name}' is a file: write the module's name, {_module_of(name)}"))
            continue
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # a plugin may fail in any way
            reason = one_line(error)
            if isinstance(error, ImportError) and (error.name or "").startswith("lth_core"):
                reason += "; CHANGELOG.md says what has moved"
            problems.append(at(("plugins", index), f"module '{name}' does not import ({reason})"))
    return problems


def _module_of(file: str) -> str:
    """The name of the module in a file: of one that is not below this folder, as if it lay beside the config."""
    path = Path(os.path.normpath(file)).with_suffix("")
    return path.name if path.is_absolute() or ".." in path.parts else ".".join(path.parts)


# ---------------------------------------------------------------- YAML


class _Loader(yaml.SafeLoader):
    """YAML with text as keys, no key twice in a map, no dates, and the numbers of YAML 1.2.

    PyYAML reads YAML 1.1, in which 020 is 16, 1:30 is 90 and 1e-3 is text.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(problem="a key must be text", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"duplicate key '{key.value}'", problem_mark=key.start_mark
                )
            seen.add(key.value)
            if key.tag != "tag:yaml.org,2002:merge":
                key.tag = "tag:yaml.org,2002:str"
        return node

    def construct_whole_number(self, node: yaml.ScalarNode) -> int:
        digits = node.value.replace("_", "")
        try:
            return int(digits, 0 if re.match(r"[-+]?0[ox]", digits) else 10)
        except ValueError:  # of a tag, as in !!int 1:30
            problem = f"'{node.value}' is not a whole number"
            raise yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark) from None


_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:timestamp", _INT, _FLOAT)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# Underscores, as in 50_000, are of YAML 1.1: what they mean is plain.
_Loader.add_implicit_resolver(_INT, re.compile(r"([-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"),
    list("-+.0123456789"),
)
_Loader.add_constructor(_INT, _Loader.construct_whole_number)


def _reread(value: Any) -> Any:
    """A value of `--config` as a file would give it: Snakemake leaves 1e-3, and any number inside a map, as text."""
    if isinstance(value, Mapping):
        return {key: _reread(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_reread(item) for item in value]
    try:
        return yaml.load(value, Loader=_Loader) if isinstance(value, str) else value  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError:
        return value


def _broken(path: str | Path, error: yaml.MarkedYAMLError) -> str:
    """Say what is wrong at which line: that of the mistake, which YAML may notice only in a later one."""
    mark, begun, context = error.problem_mark or error.context_mark, error.context_mark, error.context or ""
    problem = " ".join(str(error.problem or context).split())
    suspect = -1
    if begun and context.startswith("while scanning a simple key"):
        suspect = begun.line
    elif mark and problem.startswith("mapping values are not allowed"):
        suspect = mark.line - 1  # a text that goes on in this line, unless it was meant to be a key
    text = Path(path).read_text(encoding="utf-8").splitlines()[suspect].strip() if suspect >= 0 else ""
    if text and not re.search(r":(\s|$)", text):
        return f"{path}:{suspect + 1}: broken YAML: {shown(text)} is no key with a value: ': ' is missing"
    if begun and mark and context.startswith("while parsing a flow") and begun.line < mark.line:
        problem += f"; the bracket of line {begun.line + 1} is still open"
    where = f"{path}:{mark.line + 1}" if mark else str(path)
    return f"{where}: broken YAML: {problem}"


def _meant(path: str | Path) -> str:
    """Suggest the file of this name that has the ending of a config, or lies where the ready-made ones do."""
    for folder in ("", "config"):
        for file in (os.path.join(folder, f"{path}{ending}") for ending in ("", ".yaml", ".yml")):
            if os.path.isfile(file):
                return f"; did you mean {file}?"
    return ""


def read(path: str | Path) -> dict[str, Any]:
    """The map that a YAML file holds. Raises ConfigError, with the line where there is one."""
    try:
        data = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a SafeLoader)
        json.dumps(data, default=str)
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file{_meant(path)}"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror})"]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: not UTF-8 text (byte 0x{error.object[error.start]:02x})"]) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_broken(path, error)]) from None
    except yaml.YAMLError as error:
        raise ConfigError([f"{path}: broken YAML: {' '.join(str(error).split())}"]) from None
    except (RecursionError, ValueError):
        raise ConfigError([f"{path}: broken YAML: nested too deeply, or in itself"]) from None
    if data is None:
        raise ConfigError([f"{path}: empty; a config needs tasks, methods and studies"])
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "a single value"
        raise ConfigError([f"{path}: must be a map of keys (got {kind})"])
    return data
