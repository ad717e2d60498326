"""Digest of the code that a job runs: changes with its substance, not with comments, docstrings or formatting.

A rule passes the digest of its job module and of everything that this imports inside the package, so a code change
reruns the rules that depend on it and no others.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

PACKAGE = "lth_core"


def _file(module: str) -> Path | None:
    """The source file of a dotted name, looked for on sys.path without importing anything; None if there is none."""
    parts = Path(*module.split("."))
    for folder in map(Path, sys.path):
        for candidate in (folder / parts.with_suffix(".py"), folder / parts / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


@cache
def _parsed(module: str) -> tuple[str, tuple[str, ...]] | None:
    """A module's code without docstrings, and the names it imports; None for what is no Python module file."""
    source = _file(module)
    if source is None:
        return None
    tree = ast.parse(source.read_text(encoding="utf-8"))
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imports += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        if hasattr(node, "body") and isinstance(node.body, list):
            node.body = [statement for statement in node.body if not _is_text(statement)]
    return ast.dump(tree), tuple(imports)


def _is_text(node: ast.stmt) -> bool:
    """A bare string: the docstring of a module, class, function or attribute."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def closure(modules: tuple[str, ...], without: tuple[str, ...] = ()) -> dict[str, str]:
    """Module name -> code of `modules` and of all that they import inside the package (or beside them, for plugins).

    Modules that match a pattern of `without` are left out, with what only they import.
    """
    roots = {PACKAGE, *(module.partition(".")[0] for module in modules)}
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found or module.partition(".")[0] not in roots or any(fnmatchcase(module, p) for p in without):
            continue
        parsed = _parsed(module)
        if parsed is None:
            continue
        found[module], imports = parsed
        waiting += imports
        waiting += [module.rsplit(".", count)[0] for count in range(1, module.count(".") + 1)]
    return found


def digest(modules: Sequence[str], without: Sequence[str] = ()) -> str:
    """Twelve hexadecimal digits that change when the code behind `modules` changes in substance."""
    code = closure(tuple(modules), tuple(without))
    return hashlib.blake2b(repr(sorted(code.items())).encode(), digest_size=6).hexdigest()
