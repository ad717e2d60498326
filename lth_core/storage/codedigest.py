"""Digest of the code that a job runs: changes with its substance, not with comments, docstrings or formatting.

A rule passes the digest of its job module and of everything that this imports inside the package, so a code change
reruns the rules that depend on it and no others.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import hashlib
import json
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import write_whole

PACKAGE = "lth_core"


def _find(module: str) -> tuple[Path, Path] | None:
    """The folder of sys.path that holds a dotted name and its source file; None if there is none. Imports nothing."""
    parts = Path(*module.split("."))
    for folder in map(Path, sys.path):
        for candidate in (folder / parts.with_suffix(".py"), folder / parts / "__init__.py"):
            if candidate.is_file():
                return folder.resolve(), candidate
    return None


@cache
def _read(module: str) -> tuple[str, list[str]] | None:
    """The digest of a module's code without docstrings, and the names it imports; None for what is no module file."""
    found = _find(module)
    if found is None:
        return None
    _, source = found
    package = module if source.name == "__init__.py" else module.rpartition(".")[0]
    content = source.read_bytes()
    key = _short(repr((_RULES, package)).encode() + content, 16)
    if key not in _known:
        _known[key] = _parsed(content, package)
    return _known[key]


_RULES = hashlib.blake2b(sys.version.encode() + Path(__file__).read_bytes()).digest()
"""What decides how a source file is read."""
_known: dict[str, tuple[str, list[str]]] = {}
"""Digest of a source file as it is -> what `_read` gives: looking it up takes a hundredth of the time of parsing."""


def remember(file: Path) -> None:
    """Know what earlier processes wrote to `file`, and write to it when this one ends. Deleting it does no harm.

    The notes begin with their digest: damaged ones are not believed.
    """
    file = file.absolute()
    with contextlib.suppress(OSError):
        noted, _, content = file.read_bytes().partition(b"\n")
        if noted == _short(content, 16).encode():
            _known.update(json.loads(content))
    before = set(_known)

    def write() -> None:
        if set(_known) != before:
            content = json.dumps(_known).encode()
            noted = _short(content, 16).encode() + b"\n" + content
            with contextlib.suppress(ArtifactError):  # nothing depends on it
                write_whole(file, lambda part: part.write_bytes(noted), summed=False)

    atexit.register(write)


def _parsed(content: bytes, package: str) -> tuple[str, list[str]]:
    """What `_read` gives for a source file whose relative imports are from `package`."""
    tree = ast.parse(content)
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(filter(None, [above, node.module]))
            imports += [base, *(f"{base}.{alias.name}" for alias in node.names)]
        if hasattr(node, "body") and isinstance(node.body, list):
            node.body = [statement for statement in node.body if not _is_text(statement)]
    return _short(ast.dump(tree).encode(), 16), imports


def _is_text(node: ast.stmt) -> bool:
    """A bare string: the docstring of a module, class, function or attribute."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def closure(modules: tuple[str, ...], without: tuple[str, ...] = ()) -> dict[str, str]:
    """Module name -> digest of the code of `modules` and of all that they import in the package, or beside plugins.

    Modules that match a pattern of `without` are left out, with what only they import.
    """
    plugins = [module for module in modules if module.partition(".")[0] != PACKAGE]
    roots = {PACKAGE, *(module.partition(".")[0] for module in plugins)}
    # An installed plugin has other neighbours than its own modules.
    folders = {folder for folder in map(_folder, plugins) if folder and "site-packages" not in folder.parts}
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found or any(fnmatchcase(module, pattern) for pattern in without):
            continue
        if module.partition(".")[0] not in roots and not (folders and _folder(module) in folders):
            continue
        read = _read(module)
        if read is None:
            continue
        found[module], imports = read
        waiting += imports
        waiting += [module.rsplit(".", count)[0] for count in range(1, module.count(".") + 1)]
    return found


def _folder(module: str) -> Path | None:
    """The folder of sys.path that a dotted name is found in."""
    found = _find(module)
    return found[0] if found else None


def digest(modules: Sequence[str], without: Sequence[str] = ()) -> str:
    """Twelve hexadecimal digits that change when the code behind `modules` changes in substance."""
    code = closure(tuple(modules), tuple(without))
    return _short(repr(sorted(code.items())).encode())


def files_digest(folder: Path) -> str:
    """Twelve hexadecimal digits that change with the name or content of any (visible) file in a folder."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return _short(repr([(path.name, path.read_bytes()) for path in files]).encode())


def _short(content: bytes, size: int = 6) -> str:
    return hashlib.blake2b(content, digest_size=size).hexdigest()
