"""The house rules that a machine can check: floors, one subject per file, who may know what."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lth_core"

# A module imports from its own floor and those below it. Later lines are higher floors.
FLOORS = (
    (
        *("registry", "randomness", "config", "artifacts", "codedigest", "timing", "progress", "memory", "gpus"),
        *("cells", "shares"),
    ),
    ("data", "models", "tasks"),
    (
        "schedules",
        "optimizers",
        "linear_network",
        "module_network",
        "cuda_graph",
        "sparse_network",
        "kernels",
        "cohort",
        "distributed",
        "training",
        "resume",
        "pruning",
        "rewinding",
        "branches",
        "divergence",
        "exclusions",
        "adaptation",
        "tickets",
        "filters",
    ),
    ("analysis", "plotting", "marks", "heatmaps", "bars", "shrinking"),
    ("studies", "reporting"),
    ("configerrors", "crosscheck", "references", "configfile", "configdoc", "plan", "resources", "jobs"),
)
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def floor(name: str) -> int:
    return next(level for level, rooms in enumerate(FLOORS) if name in rooms)


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_import_from_their_own_floor_or_below(path: Path) -> None:
    if path == PACKAGE / "__init__.py":
        return
    rooms = {name.split(".")[1] for name in imports(path) if name.startswith("lth_core.") and name.count(".")}
    above = sorted(name for name in rooms if floor(name) > floor(room(path)))
    assert not above, f"{room(path)} imports from above: {above}"


def test_contributing_lists_these_floors() -> None:
    lines = re.findall(r"^\| \d: [^|]*\| (.*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert [sorted(re.findall(r"`(\w+)`", line)) for line in reversed(lines)] == [sorted(rooms) for rooms in FLOORS]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_package_runs_without_snakemake_and_loads_no_pickle(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"snakemake", "pickle", "joblib"}


def test_only_studies_know_papers() -> None:
    papers = {path.stem for path in (PACKAGE / "studies").glob("*20[0-9][0-9].py")}
    assert papers
    knowing = {
        str(path.relative_to(ROOT))
        for path in [*MODULES, ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
        if not path.is_relative_to(PACKAGE / "studies") and any(paper in path.read_text() for paper in papers)
    }
    assert not knowing


def test_a_file_has_one_subject() -> None:
    code = [*MODULES, ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
    long = {str(path.relative_to(ROOT)): lines for path in code if (lines := len(path.read_text().splitlines())) > 300}
    assert not long
