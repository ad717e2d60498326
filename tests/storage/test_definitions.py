"""The digest of one registered function: its definition and what that refers to, not what else is in its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lth_core import registry
from lth_core.storage.codedigest import closure, code_of, digest
from tests.support.code import read_anew

LAB = """
import math
from functools import cache

import numpy as np
import side
from helper import scaled, shifted
from lth_core.registry import criterion, model

POWER = 2
LEAST = 4
TABLE = {"a": 1}
TABLE["b"] = 2


def size(values):
    return abs(values) ** POWER


@cache
def unrelated():
    return scaled(1)


class Base:
    pass


class Special(Base):
    factor = 3


def special():
    return Base.__subclasses__()[0].factor


@criterion("growth")
def growth(trained, mask):
    return {name: size(trained[name]) for name in mask}


@criterion("shifted")
def moved(trained, mask):
    import late

    return {name: shifted(trained[name]) + late.LATE for name in mask}


@criterion("special")
def by_special(trained, mask):
    return {name: special() * trained[name] for name in mask}


@criterion("by-name")
def by_name(trained, mask):
    return {name: globals()["size"](trained[name]) for name in mask}


@model("net", least_side=LEAST)
def net(classes, input_shape):
    return math.prod(input_shape)
"""
HELPER = """
from deeper import DEPTH


def scaled(value):
    return 2 * value


def shifted(value):
    return value + DEPTH
"""
FILES = {"lab.py": LAB, "helper.py": HELPER, "deeper.py": "DEPTH = 1", "late.py": "LATE = 1", "side.py": "SIDE = 1"}
FUNCTIONS = ("growth", "moved", "by_special", "by_name", "net")

Changed = Callable[..., set[str]]


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Changed:
    """changed(old, new, file) -> the functions of the lab whose digest changes when a piece of a file does."""
    monkeypatch.syspath_prepend(tmp_path)

    def digests(files: dict[str, str]) -> dict[str, str]:
        for name, source in files.items():
            (tmp_path / name).write_text(source)
        read_anew()
        return {name: digest([f"lab:{name}", "lab:"]) for name in FUNCTIONS}

    def compare(old: str, new: str, file: str = "lab.py") -> set[str]:
        assert FILES[file].count(old) == 1
        before, after = digests(FILES), digests(FILES | {file: FILES[file].replace(old, new)})
        return {name for name in before if before[name] != after[name]}

    return compare


@pytest.mark.parametrize(
    ("old", "new", "functions"),
    [
        pytest.param("size(trained[name]) for", "-size(trained[name]) for", {"growth", "by_name"}, id="one function"),
        pytest.param("abs(values)", "abs(values) + 1", {"growth", "by_name"}, id="a helper"),
        pytest.param("POWER = 2", "POWER = 3", {"growth", "by_name"}, id="a constant of a helper"),
        pytest.param("scaled(1)", "scaled(2)", {"by_name"}, id="what none of them refers to"),
        pytest.param("LEAST = 4", "LEAST = 5", {"net", "by_name"}, id="a fact told beside the name"),
        pytest.param("least_side=LEAST", "least_side=1 + LEAST", {"net", "by_name"}, id="a decorator"),
        pytest.param("factor = 3", "factor = 4", {"by_special", "by_name"}, id="a subclass of what it uses"),
        pytest.param('TABLE["b"] = 2', 'TABLE["b"] = 3', set(FUNCTIONS), id="a statement with an effect"),
        pytest.param("import math", "import cmath as math", {"net", "by_name"}, id="where a name comes from"),
        pytest.param("POWER = 2", "POWER = 2\nWIDTH = 3", {"by_name"}, id="a new constant"),
        pytest.param(
            "@model(",
            "@criterion('new')\ndef new(mask):\n    return mask\n\n\n@model(",
            {"by_name"},
            id="a new function",
        ),
        pytest.param("def size(values):", 'def size(values):\n    """x"""', set(), id="a docstring"),
        pytest.param("POWER = 2", "POWER = 2  # two", set(), id="a comment"),
    ],
)
def test_a_change_of_the_file_concerns_the_functions_that_refer_to_it(
    changed: Changed, old: str, new: str, functions: set[str]
) -> None:
    assert changed(old, new) == functions


@pytest.mark.parametrize(
    ("file", "old", "new", "functions"),
    [
        pytest.param("helper.py", "value + DEPTH", "value - DEPTH", {"moved", "by_name"}, id="what is imported"),
        pytest.param("helper.py", "2 * value", "3 * value", {"by_name"}, id="something else beside it"),
        pytest.param("deeper.py", "DEPTH = 1", "DEPTH = 2", {"moved", "by_name"}, id="what that imports"),
        pytest.param("late.py", "LATE = 1", "LATE = 2", {"moved", "by_name"}, id="imported inside the function"),
        pytest.param("side.py", "SIDE = 1", "SIDE = 2", {"by_name"}, id="a module that nobody refers to"),
        pytest.param("side.py", "SIDE = 1", "print()", set(FUNCTIONS), id="what importing the file does"),
    ],
)
def test_a_change_beside_the_file_does_so_too(
    changed: Changed, file: str, old: str, new: str, functions: set[str]
) -> None:
    assert changed(old, new, file) == functions


@pytest.mark.parametrize(
    "source",
    [
        "import tools\n@tools.keep\ndef kept():\n    return 1",
        "KEPT = []\ndef keep(function):\n    KEPT.append(function)\n@keep\ndef kept():\n    return 1",
        "import numpy\nnumpy.seterr(all='raise')\nX = 1",
        "RESULT = print('once')\nX = 1",
        "if True:\n    X = 1",
        "from tools import *\nX = 1\ntry:\n    X = 1\nfinally:\n    pass",
    ],
)
def test_what_a_file_does_when_it_is_imported_counts_for_all_of_it(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decorator that is not a registry's may keep what it decorates, to be found by other means than its name."""
    monkeypatch.syspath_prepend(tmp_path)
    function = "\n\ndef mine(mask):\n    return mask\n"

    def digest_with(text: str) -> str:
        (tmp_path / "plugin.py").write_text(text + function)
        read_anew()
        return digest(["plugin:mine"])

    last = source.rstrip().splitlines()[-1]
    changes = {"return 1": "return 2", "'raise'": "'warn'", "'once'": "'twice'", "X = 1": "X = 2"}
    old, new = next((old, new) for old, new in changes.items() if old in source)
    assert last and digest_with(source) != digest_with(source.replace(old, new, 1))


def test_a_registered_subclass_is_no_part_of_its_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = "from lth_core import registry\n@registry.study('a')\nclass A: ...\n"
    added = "@registry.study('b')\nclass B(A): ...\nclass C(A): ...\n"
    (tmp_path / "plugin.py").write_text(source + added)
    read_anew()
    parts = {part for part in closure(("plugin:A",)) if part.startswith("plugin:")}
    assert parts == {"plugin:A", "plugin:C"}


def test_what_only_type_checkers_read_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import typed\n\ndef mine(mask: typed.X): ...\n"
    (tmp_path / "typed.py").write_text("X = int")
    (tmp_path / "plugin.py").write_text(source)
    read_anew()
    assert closure(("plugin:mine", "plugin")).keys() == {"plugin:mine", "plugin"}


def test_built_in_functions_are_told_apart_like_those_of_plugins() -> None:
    parts = closure((code_of(registry.criterion.get("large-final-same-sign")),))
    criteria = {part.removeprefix("lth_core.pruning.criteria.") for part in parts if ".criteria." in part}
    signs = {"signs:large_final_same_sign", "signs:_where_sign", "signs:TIE_BREAK"}
    assert criteria == signs | {"magnitude:magnitude"}


def test_a_study_counts_with_its_helpers_and_without_what_it_draws() -> None:
    parts = closure((code_of(registry.study.get("frankle2019")),), ("lth_core.drawing.*", "lth_core.studies.*figures"))
    modules = {part.partition(":")[0] for part in parts}
    assert "lth_core.studies.frankle2019.claims" in modules and "lth_core.analysis.measurements" in modules
    assert not {module for module in modules if "figures" in module or "drawing" in module}
    assert not {module for module in modules if "transfer" in module}
