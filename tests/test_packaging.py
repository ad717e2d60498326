"""Packaging: three dependency lists that agree, and the commands that a newcomer types first."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from lth_core import registry
from lth_core.planning import catalogue

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OWN_PACKAGES = ("lth_core", "snakemake_logger_plugin_lth")
# Conda names that differ: smaller builds of the same package, and PyTorch's own name.
CONDA_NAMES = {
    "matplotlib-base": "matplotlib",
    "pytorch": "torch",
    "snakemake-minimal": "snakemake",
}


def bounds(lines: list[str]) -> dict[str, SpecifierSet]:
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement.specifier for requirement in requirements}


def pinned(file: str = "requirements.txt") -> dict[str, str]:
    """A list of requirements: package -> exact version."""
    lines = [line for line in (ROOT / file).read_text().splitlines() if line and line[0] != "#"]
    named = ((Requirement(line).name, line.partition("==")[2]) for line in lines)
    return {canonicalize_name(name): version for name, version in named}


def declared() -> dict[str, SpecifierSet]:
    """pyproject.toml: package -> bounds, those for development included."""
    return bounds([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]])


def conda() -> dict[str, SpecifierSet]:
    """environment.yml: package under its name in the package index -> bounds."""
    packages = bounds(yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"])
    return {CONDA_NAMES.get(name, name): specifier for name, specifier in packages.items()}


def test_pyproject_and_requirements_name_the_same_packages() -> None:
    assert set(pinned()) == set(declared())


@pytest.mark.parametrize("extra", ["cluster", "docs", "hugging-face", "kubernetes"])
def test_what_extras_need_besides_is_listed_twice_as_well(extra: str) -> None:
    needed, exact = bounds(PROJECT["optional-dependencies"][extra]), pinned(f"requirements-{extra}.txt")
    assert set(exact) == set(needed) and not set(exact) & set(pinned())
    assert all(version in needed[name] for name, version in exact.items())


def test_conda_users_get_the_same_packages_and_bounds() -> None:
    python = SpecifierSet(PROJECT["requires-python"])
    assert conda() == {**declared(), "python": python}


def test_the_pinned_versions_lie_within_the_bounds() -> None:
    outside = {name: version for name, version in pinned().items() if version not in declared()[name]}
    assert not outside


def test_no_list_names_a_place_to_install_from() -> None:
    for name in (
        "requirements.txt",
        "requirements-cluster.txt",
        "requirements-docs.txt",
        "requirements-kubernetes.txt",
        "requirements-hugging-face.txt",
        "environment.yml",
        "Makefile",
        "workflow/venv.sh",
        ".ci/run",
    ):
        assert not re.search(r"https?:|index-url|find-links", (ROOT / name).read_text()), name


def imports_of(folder: str) -> dict[str, Path]:
    """Top-level packages that the Python files of a folder import, with one file that does."""
    packages: dict[str, Path] = {}
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                packages |= {alias.name.split(".")[0]: path for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                packages[node.module.split(".")[0]] = path
    return packages


@pytest.mark.parametrize("folder", ["lth_core", "benchmarks"])
def test_what_the_code_imports_is_declared(folder: str) -> None:
    runtime = set(bounds(PROJECT["dependencies"]))
    distributions = packages_distributions()
    for module, path in imports_of(folder).items():
        if module in sys.stdlib_module_names or module in (*OWN_PACKAGES, folder):
            continue
        names = {canonicalize_name(name) for name in distributions.get(module, [module])}
        assert names & runtime, f"{path.relative_to(ROOT)} imports {module}, which pyproject.toml does not list"


def test_the_core_does_not_import_snakemake() -> None:
    assert not {module for module in imports_of("lth_core") if module.startswith("snakemake")}


def test_the_papers_of_all_studies_are_cited() -> None:
    catalogue.register()
    references = yaml.safe_load((ROOT / "CITATION.cff").read_text())["references"]
    cited = {entry["title"]: entry for entry in references}
    studies = [registry.study.get(name) for name in registry.study.names()]
    studies = [study for study in studies if study.__module__.startswith("lth_core.")]  # other tests register theirs
    papers = [study for study in studies if not study.citation.startswith("After ")]  # others have no single one
    numbers = {number for study in studies for number in re.findall(r"arXiv (\d+\.\d+)", study.citation)}
    assert not numbers - {entry.get("notes", "").removeprefix("arXiv:") for entry in references}
    assert not {study.title for study in papers} - set(cited), "CITATION.cff: add the papers of these studies"
    assert len(cited) == len(references)
    for study in papers:
        entry = cited[study.title]
        assert str(entry["year"]) in study.citation
        assert all(entry["authors"].count(author) == 1 for author in entry["authors"]), "give given names, too"
        assert all(author["family-names"] in study.citation for author in entry["authors"])


def test_the_project_has_one_tagline() -> None:
    tagline = PROJECT["description"]
    heading = (ROOT / "README.md").read_text().partition("\n")[0].removeprefix("# ")
    assert heading == yaml.safe_load((ROOT / "CITATION.cff").read_text())["title"]
    assert heading.lower() == f"lth: {tagline.lower()}"
    assert f"\nsite_description: {tagline}\n" in (ROOT / "mkdocs.yml").read_text()


def test_templates_of_issues_and_the_catalog_of_workflows_are_well_formed() -> None:
    for path in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")):
        form = yaml.safe_load(path.read_text())
        if path.name != "config.yml":
            assert {"name", "description", "body"} <= set(form)
            assert all(
                field["type"] in ("input", "textarea") and field["attributes"]["label"] for field in form["body"]
            )
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["report"] is True and set(usage["software-stack-deployment"]) == {"conda", "apptainer"}


def test_make_lists_its_commands() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"figures", "everything", "test", "lint", "docs", "benchmark", "gpu"} <= set(
        re.findall(r"make (\w+)", listed)
    )


def test_an_unsuitable_python_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/venv.sh").write_bytes((ROOT / "workflow/venv.sh").read_bytes())
    (tmp_path / "requirements.txt").touch()
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 || exit 1\n')
    old.chmod(0o755)
    for python, version in [(str(old), "Python 3.9.2"), ("no-such-python", "none called no-such-python")]:
        made = subprocess.run(
            ["bash", "workflow/venv.sh", python], cwd=tmp_path, env=os.environ, capture_output=True, text=True
        )
        assert made.returncode == 1 and made.stdout == ""
        assert made.stderr.startswith(f"error: Python 3.11, 3.12 or 3.13 is needed, found {version};")
        assert len(made.stderr.splitlines()) == 1
    assert not (tmp_path / ".venv").exists()


def test_an_interrupted_installation_starts_over_and_a_finished_one_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/venv.sh").write_bytes((ROOT / "workflow/venv.sh").read_bytes())
    (tmp_path / "requirements.txt").touch()

    def make_venv() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "workflow/venv.sh", sys.executable], cwd=tmp_path, capture_output=True, text=True, check=True
        )

    (tmp_path / ".venv").mkdir()
    for name in ("unfinished", "half-written"):
        (tmp_path / ".venv" / name).touch()
    assert "Installing" in make_venv().stdout
    left = {path.name for path in (tmp_path / ".venv").iterdir()}
    assert "installed.txt" in left and not left & {"unfinished", "half-written"}
    assert make_venv().stdout == ""
    (tmp_path / "requirements.txt").write_text("# another list\n")
    assert "Installing" in make_venv().stdout


def test_what_commands_make_in_a_clone_is_ignored() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/build/", "/compared/"} <= {*ignored}  # of `pip install .` and `lth compare`
