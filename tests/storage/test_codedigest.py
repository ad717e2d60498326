"""The digest of a job's code changes with its substance and with nothing else."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lth_core.storage.codedigest import closure, digest, files_digest
from tests.support.code import read_anew

ROOT = Path(__file__).parents[2]
SOURCE = '''"""A module."""

import math


class Settings:
    """Some settings."""

    rate: float = 0.2
    """The rate."""


def area(radius: float) -> float:
    """The area of a disc."""
    return math.pi * radius**2  # exactly
'''

Digest = Callable[..., str]


@pytest.fixture(autouse=True)
def _files_are_read_anew() -> None:
    read_anew()


@pytest.fixture
def digest_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Digest:
    """digest_of({"plugin.py": source, ...}, without=...) -> the digest of the module `plugin` with these files."""
    monkeypatch.syspath_prepend(tmp_path)

    def write_and_digest(files: dict[str, str], without: tuple[str, ...] = (), module: str = "plugin") -> str:
        for name, source in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(source)
        read_anew()
        return digest([module], without)

    return write_and_digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # exactly", ""),
        ('"""A module."""', '"""The module, explained at length."""'),
        ('"""Some settings."""', '"""All settings."""'),
        ('    """The rate."""\n', ""),
        ('    """The area of a disc."""\n', ""),
        ("math.pi * radius**2", "(math.pi\n            * radius ** 2)"),
        ("\n\n\n", "\n\n\n\n\n"),
        ("0.2", "2e-1"),
    ],
)
def test_comments_docstrings_and_formatting_do_not_count(digest_of: Digest, old: str, new: str) -> None:
    assert old in SOURCE
    assert digest_of({"plugin.py": SOURCE}) == digest_of({"plugin.py": SOURCE.replace(old, new)})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("radius**2", "radius**3"),
        ("0.2", "0.3"),
        ("radius: float", "radius: int"),
        ("import math", "import math as m"),
        ("return math.pi", "return 'a text that is no docstring' and math.pi"),
    ],
)
def test_code_counts(digest_of: Digest, old: str, new: str) -> None:
    assert old in SOURCE
    assert digest_of({"plugin.py": SOURCE}) != digest_of({"plugin.py": SOURCE.replace(old, new)})


def test_every_module_of_the_package_keeps_its_digest_when_it_is_formatted_anew(digest_of: Digest) -> None:
    for path in sorted((ROOT / "lth_core").rglob("*.py")):
        source = path.read_text()
        before = digest_of({"plugin.py": source}, without=("lth_core*",))
        assert before == digest_of({"plugin.py": ast.unparse(ast.parse(source))}, without=("lth_core*",)), path


@pytest.mark.parametrize(
    "statement", ["import helper", "from helper import use", "def later():\n    import helper", "import helper.deep"]
)
def test_what_a_plugin_imports_from_beside_it_counts(digest_of: Digest, statement: str) -> None:
    name = "helper/deep.py" if "deep" in statement else "helper.py"
    files = {"plugin.py": statement, **({"helper/__init__.py": ""} if "deep" in statement else {})}
    assert digest_of({**files, name: "use = 1"}) != digest_of({name: "use = 2"})


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("mine.plugin", "from . import part"),
        ("mine.plugin", "from .part import x"),
        ("mine.deep.plugin", "from ..part import x"),
        ("mine.deep.plugin", "from .. import part"),
        ("mine", "from .part import x"),
    ],
)
def test_relative_imports_count(digest_of: Digest, module: str, statement: str) -> None:
    files = {"mine/__init__.py": "", "mine/deep/__init__.py": "", "mine/part.py": "x = 1"}
    source = "mine/__init__.py" if module == "mine" else f"{module.replace('.', '/')}.py"
    before = digest_of({**files, source: statement}, module=module)
    assert before != digest_of({"mine/part.py": "x = 2"}, module=module)


def test_what_a_plugin_imports_from_the_package_counts(digest_of: Digest) -> None:
    digest_of({"plugin.py": "from lth_core.tickets import rewinding"})
    assert {"plugin", "lth_core.tickets.rewinding", "lth_core.storage.tensors"} <= set(closure(("plugin",)))


def test_installed_packages_and_modules_that_are_not_imported_do_not_count(digest_of: Digest) -> None:
    before = digest_of({"plugin.py": "import numpy, json, missing", "unrelated.py": "x = 1"})
    assert before == digest_of({"unrelated.py": "x = 2"})
    assert set(closure(("plugin",))) == {"plugin"}


def test_modules_left_out_take_along_what_only_they_import(digest_of: Digest) -> None:
    files = {"plugin.py": "import style, core", "style.py": "import colours", "core.py": "", "colours.py": "red = 1"}
    before = digest_of(files, without=("styl*",))
    assert set(closure(("plugin",), ("styl*",))) == {"plugin", "core"}
    assert before == digest_of({"colours.py": "red = 2"}, without=("styl*",))
    assert before != digest_of({"core.py": "x = 1"}, without=("styl*",))


def test_nothing_is_imported(digest_of: Digest) -> None:
    digest_of({"plugin.py": "import explosive", "explosive.py": "raise SystemExit('imported')"})
    assert "explosive" in closure(("plugin",)) and "explosive" not in sys.modules


@pytest.mark.parametrize(
    ("job", "depends_on", "not_on"),
    [
        (
            "dense",
            {"training.loop", "engine.cohort", "tasks.images", "engine.linear_network"},
            {"treatments", "pruning.prune", "drawing", "models.networks", "data.sets"},
        ),
        (
            "initialize",
            {"models.initialization", "pruning.exclusions"},
            {"pruning.prune", "treatments", "models.networks"},
        ),
        (
            "prune",
            {"pruning.exclusions", "pruning.rounds", "randomness"},
            {"training", "treatments", "models", "pruning.criteria"},
        ),
        (
            "branch",
            {"training.loop", "tickets.checkpoints", "models.initialization"},
            {"drawing", "studies", "treatments.controls"},
        ),
        ("prepare_data", {"data.splits"}, {"training", "config", "planning", "data.sets", "data.transforms"}),
        ("figures", {"drawing.figures"}, {"training", "report", "studies.frankle2019"}),
    ],
)
def test_jobs_depend_on_what_they_use(job: str, depends_on: set[str], not_on: set[str]) -> None:
    modules = {module.removeprefix("lth_core.") for module in closure((f"lth_core.jobs.{job}",))}
    assert depends_on <= modules and not not_on & modules


DIGEST_AND_WHAT_WAS_PARSED = """
import os, sys
sys.path.insert(0, os.getcwd())
from pathlib import Path
from lth_core.storage import codedigest
take_apart = codedigest.take_apart
codedigest.take_apart = lambda content, package: print(content) or take_apart(content, package)
codedigest.remember(Path("notes/code"))
os.chdir("/")
print(codedigest.digest(["plugin"]))
"""


def test_processes_remember_what_they_have_parsed_by_its_content(tmp_path: Path) -> None:
    def said(source: str) -> list[str]:
        (tmp_path / "plugin.py").write_text(source)
        command = [sys.executable, "-c", DIGEST_AND_WHAT_WAS_PARSED]
        surroundings = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=True)
        assert not done.stderr
        return done.stdout.split("\n")[:-1]

    source, first = said("x = 1")
    assert source == "b'x = 1'"
    assert said("x = 1") == [first]
    source, second = said("x = 2")
    assert source == "b'x = 2'" and second != first
    assert said("x = 1") == [first]  # as in another branch, whatever the file's time of change
    notes = tmp_path / "notes" / "code"
    for damaged in (notes.read_text()[:-9], notes.read_text().replace('": ["', '": ["0'), "[" * 10**5, ""):
        notes.write_text(damaged)
        assert said("x = 1") == ["b'x = 1'", first]


def test_files_count_by_name_and_content_but_hidden_ones_do_not(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p>")
    before = files_digest(tmp_path)
    (tmp_path / ".page.html.swp").write_text("an editor's")
    assert files_digest(tmp_path) == before
    page.write_text("<b>")
    changed = files_digest(tmp_path)
    page.rename(tmp_path / "other.html")
    assert len({before, changed, files_digest(tmp_path)}) == 3
