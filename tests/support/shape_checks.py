"""While tests run, the shapes in the signatures of some rooms are checked at every call.

Signatures give them in jaxtyping's words, as in `Float[Tensor, "replicate batch classes"]`, which are imported only
where `TYPE_CHECKING` holds, so that nothing is imported or checked when the pipeline runs. Once this module is
imported, modules of these rooms load with beartype's checks: axes of one name must have one length within a call.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

ROOMS = ("engine", "pruning", "tickets", "treatments")
UNCHECKED = ("lth_core.engine.kernels",)
"""Functions that numba compiles, which declare their types to it."""
WORDS = {"Bool", "Float", "Int", "Num", "Shaped", "UInt32"}
CHECKS = "from beartype import beartype as _beartype\nfrom jaxtyping import jaxtyped as _jaxtyped"
CHECKED = ast.parse("_jaxtyped(typechecker=_beartype)", mode="eval").body


class _Checked(ast.NodeTransformer):
    """The code of a module in which functions with shapes in their signatures are checked."""

    def visit_Module(self, module: ast.Module) -> ast.Module:
        self.generic_visit(module)
        start = 1 + max(index for index, node in enumerate(module.body) if _is_future(node))
        module.body[start:start] = ast.parse(CHECKS).body
        return module

    def visit_If(self, node: ast.If) -> ast.If:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.test = ast.Constant(True)
        return node

    def visit_FunctionDef(self, function: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(function)
        annotations = [argument.annotation for argument in ast.walk(function.args) if isinstance(argument, ast.arg)]
        nodes = (node for part in (*annotations, function.returns) if part for node in ast.walk(part))
        if any(isinstance(node, ast.Name) and node.id in WORDS for node in nodes):
            function.decorator_list.append(CHECKED)  # the innermost one
        return function


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


class _Loader(SourceFileLoader):
    """Compiles a module anew, whatever Python has cached."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = ast.fix_missing_locations(_Checked().visit(ast.parse(self.get_data(path), path)))
        return compile(tree, path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, folder = ".".join(fullname.split(".")[:2]).partition(".")
        if package != "lth_core" or folder not in ROOMS or fullname in UNCHECKED:
            return None
        spec: Any = PathFinder.find_spec(fullname, path, target)
        if spec and isinstance(spec.loader, SourceFileLoader) and _has_code(spec.loader.path):
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


def _has_code(path: str) -> bool:
    """Whether there is more than a docstring in a module."""
    with open(path, encoding="utf-8") as file:
        return "from __future__" in file.read()


sys.meta_path.insert(0, _Finder())
