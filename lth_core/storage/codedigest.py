"""Digest of the code that a job runs: changes with its substance, not with comments, docstrings or formatting.

A rule passes the digest of its job's module and of everything that this imports inside the package, and of the
registered functions that the job uses: of each its definition and all that this refers to, but not what else lies in
the same file. So a code change reruns the rules that depend on it and no others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from lth_core.storage import definitions, notes
from lth_core.storage.definitions import EVERYTHING, Definition, Source, short, take_apart

PACKAGE = "lth_core"


def code_of(function: Any) -> str:
    """The code of a registered function or class, as `digest` takes it."""
    name = getattr(function, "__qualname__", "").partition(".")[0]
    return f"{function.__module__}:{name}" if name else function.__module__


def digest(code: Sequence[str], without: Sequence[str] = ()) -> str:
    """Twelve hexadecimal digits that change when the code changes in substance; for the arguments see `closure`."""
    return short(repr(sorted(closure(tuple(code), tuple(without)).items())).encode())


@cache
def closure(code: tuple[str, ...], without: tuple[str, ...] = ()) -> dict[str, str]:
    """List all code that `code` depends on in the package, or beside plugins: part -> digest.

    A part is a module with all that it imports (`lth_core.jobs.dense`), one definition of a module with all that it
    refers to (`my_lab:growth`), or what a module does when it is imported (`my_lab:`). Parts of modules that match a
    pattern of `without` are left out, with what only they depend on.
    """
    roots, folders = _surroundings({part.partition(":")[0] for part in code})
    digests: dict[str, str] = {}
    waiting, seen = list(code), set()
    while waiting:
        part = waiting.pop()
        module, _, _ = part.partition(":")
        if part in seen or any(fnmatchcase(module, pattern) for pattern in without):
            continue
        seen.add(part)
        if module.partition(".")[0] not in roots and not (folders and _folder(module) in folders):
            continue
        source = _read(module)
        if source is not None:
            for needed, code_digest in _needed(part, source):
                digests |= {part: code_digest} if code_digest else {}
                waiting += needed
    return digests


def _surroundings(modules: set[str]) -> tuple[set[str], set[Path]]:
    """The packages, and the folders of plugins, whose code counts."""
    plugins = {module for module in modules if module.partition(".")[0] not in {PACKAGE, *sys.stdlib_module_names}}
    # An installed plugin has other neighbours than its own modules.
    folders = {folder for folder in map(_folder, plugins) if folder and "site-packages" not in folder.parts}
    return {PACKAGE, *(module.partition(".")[0] for module in plugins)}, folders


def _needed(part: str, source: Source) -> Iterator[tuple[list[str], str]]:
    """What a part depends on directly, with the digest of its own code where it has some."""
    module, colon, name = part.partition(":")
    parents = [module.rsplit(".", count)[0] for count in range(1, module.count(".") + 1)]
    if not colon:
        yield [*source.imports, *parents], source.digest
        return
    yield [f"{imported}:" for imported in [*source.runs, *parents]], ""
    if not name:
        yield _referred(module, source.effects), source.effects.digest
        return
    yield [f"{module}:"], ""
    if name in source.definitions:
        yield _referred(module, source.definitions[name]), source.definitions[name].digest
    elif name in source.aliases:
        yield [_part(*reference) for reference in source.aliases[name]], ""
    else:
        yield [f"{module}.{name}" if _find(f"{module}.{name}") else module], ""


def _referred(module: str, definition: Definition) -> list[str]:
    if EVERYTHING in definition.names:
        return [module]
    return [*(f"{module}:{name}" for name in definition.names), *(_part(*other) for other in definition.references)]


def _part(module: str, name: str) -> str:
    return f"{module}:{name}" if name else module


# ---------------------------------------------------------------- source files


@cache
def _find(module: str) -> tuple[Path, Path] | None:
    """The folder of sys.path that holds a dotted name and its source file; None if there is none. Imports nothing."""
    parts = module.replace(".", "/")
    for folder in sys.path:
        for candidate in (f"{folder or '.'}/{parts}.py", f"{folder or '.'}/{parts}/__init__.py"):
            if os.path.isfile(candidate):
                return Path(folder).resolve(), Path(candidate)
    return None


def _folder(module: str) -> Path | None:
    """The folder of sys.path that a dotted name is found in."""
    location = _find(module)
    return location[0] if location else None


@cache
def _read(module: str) -> Source | None:
    """A module's code taken apart; None for what is no module file."""
    location = _find(module)
    if location is None:
        return None
    _, file = location
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    content = file.read_bytes()
    key = short(repr((_RULES, package)).encode() + content, 16)
    if key not in _known:
        _known[key] = _packed(take_apart(content, package))
    return _unpacked(_known[key])


_RULES = short(sys.version.encode() + Path(definitions.__file__).read_bytes() + Path(__file__).read_bytes(), 32)
"""What decides how a source file is read."""
_known: dict[str, list[Any]] = {}
"""Digest of a source file as it is -> what it consists of: looking it up takes a hundredth of the time of parsing."""


def _packed(source: Source) -> list[Any]:
    """A source as JSON can hold it."""
    return list(astuple(source))


def _unpacked(packed: list[Any]) -> Source:
    code, imports, runs, effects, defined, aliases = packed
    return Source(code, imports, runs, Definition(*effects), {k: Definition(*v) for k, v in defined.items()}, aliases)


def remember(file: Path) -> None:
    """Know what earlier processes took apart, and tell later ones, by way of `file`."""
    notes.remember(_known, file)


def files_digest(folder: Path) -> str:
    """Twelve hexadecimal digits that change with the name or content of any (visible) file in a folder."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return short(repr([(path.name, path.read_bytes()) for path in files]).encode())
