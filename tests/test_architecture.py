"""The house rules that a machine can check: floors, one subject per file, who may know what."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lth_core"

# A room imports from the floors below its own, and from itself. Later lines are higher floors.
FLOORS = (
    ("registry", "randomness", "metrics", "storage", "runtime"),
    ("config",),
    ("data", "models", "pruning"),
    ("tasks", "tickets"),
    ("engine", "treatments"),
    ("training", "scoring"),
    ("analysis",),
    ("drawing", "report"),
    ("studies",),
    ("planning", "jobs"),
    ("compare",),
)
LOOSE = {"__init__.py", "__main__.py", "registry.py", "randomness.py", "metrics.py"}
"""The only files that lie in no room."""
PAPERS = sorted(path.name for path in (PACKAGE / "studies").iterdir() if (path / "__init__.py").is_file())
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """The dotted name of a module inside the package."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def room(name: str) -> str:
    return name.partition(".")[0]


def floor(name: str) -> int:
    return next(level for level, rooms in enumerate(FLOORS) if room(name) in rooms)


NAMES = {name_of(path) for path in MODULES}


def imports(path: Path) -> set[str]:
    """All dotted names that a module imports, at its start or later: of a name of a module, the module."""
    tree = ast.parse(path.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_modules(path: Path) -> set[str]:
    """The modules of this package that a module imports, by their names inside the package."""
    modules = set()
    for name in imports(path):
        inside = name.removeprefix("lth_core.")
        if inside != name:
            modules.add(inside if inside in NAMES else inside.rpartition(".")[0])
    return modules - {""}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_import_from_floors_below_their_own(path: Path) -> None:
    importer = name_of(path)
    if path in (PACKAGE / "__init__.py", PACKAGE / "__main__.py"):  # the face of the package stands above all rooms
        return
    others = {name for name in imported_modules(path) if room(name) != room(importer)}
    assert not sorted(name for name in others if floor(name) >= floor(importer))


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count, too: they hide a circle, they do not break it."""
    graph = {name_of(path): imported_modules(path) - {name_of(path)} for path in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" is imported by ".join(error.args[1]))


def test_every_module_lies_in_a_room() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == LOOSE
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms | {name.removesuffix(".py") for name in LOOSE - {"__init__.py", "__main__.py"}} == {
        name for names in FLOORS for name in names
    }
    assert all((PACKAGE / name / "__init__.py").is_file() for name in rooms)


REGISTERING = ("data", "data/sets", "data/transforms", "models", "models/networks", "pruning", "pruning/criteria")


@pytest.mark.parametrize("package", [*REGISTERING, "treatments", "studies", "planning", "jobs", "jobs/support"])
def test_packages_import_nothing_by_themselves(package: str) -> None:
    """What imports one of their modules would depend on all that the package imports."""
    (docstring,) = ast.parse((PACKAGE / package / "__init__.py").read_text()).body
    assert isinstance(docstring, ast.Expr) and isinstance(docstring.value, ast.Constant)


def test_contributing_lists_these_floors() -> None:
    lines = re.findall(r"^\| \d+: [^|]*\| (.*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert [sorted(re.findall(r"`(\w+)`", line)) for line in reversed(lines)] == [sorted(rooms) for rooms in FLOORS]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_package_runs_without_snakemake_and_loads_no_pickle(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"snakemake", "pickle", "joblib"}


def test_only_studies_know_papers() -> None:
    assert len(PAPERS) >= 7
    paper = re.compile(rf"\b({'|'.join(PAPERS)})\b".replace("_", "[-_]"))
    knowing = {
        str(path.relative_to(ROOT))
        for path in [*MODULES, ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
        if not path.is_relative_to(PACKAGE / "studies") and paper.search(path.read_text())
    }
    assert not knowing


def test_a_file_has_one_subject() -> None:
    code = [*MODULES, ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
    long = {str(path.relative_to(ROOT)): lines for path in code if (lines := len(path.read_text().splitlines())) > 300}
    assert not long
