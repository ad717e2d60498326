"""What jobs inherit: where to find programs and modules, and the command that makes an artifact again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lth_core.runtime import environment
from lth_core.runtime.environment import ClashError, command_for, hand_down, search_paths


def test_jobs_find_this_python_first_then_the_programs_and_modules_of_the_project(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("PYTHONPATH", "/mine")
    python = os.path.dirname(sys.executable)
    assert search_paths("/lth") == {"PATH": f"{python}:/lth/workflow/bin:/usr/bin", "PYTHONPATH": "/lth:/mine"}
    assert search_paths("/lth", ["/lab", "/lth", "/lab"])["PYTHONPATH"] == "/lab:/lth:/mine"


def test_without_a_pythonpath_the_project_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert search_paths("/lth")["PYTHONPATH"] == "/lth"


@pytest.fixture
def snakemake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snakemake on the path."""
    program = tmp_path / "snakemake"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("snakemake")
def test_the_command_names_the_config_of_this_run_as_it_can_be_typed() -> None:
    assert command_for("{}", [], {}) == "snakemake --force {} --cores all"
    written = command_for("a.csv", [Path("my own.yaml").resolve()], {"methods": {"imp": {"rate": 0.3}}})
    overridden = """'methods={"imp": {"rate": 0.3}}'"""
    assert written == f"snakemake --force a.csv --cores all --configfile 'my own.yaml' --config {overridden}"


def test_a_snakemake_that_is_not_on_the_path_is_named_by_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", f"{os.getcwd()}/some/bin/python")
    assert command_for("a.csv", [], {}) == "some/bin/snakemake --force a.csv --cores all"


@pytest.mark.usefixtures("snakemake")
@pytest.mark.parametrize("name", ["Snakefile", "workflow/Snakefile"])
def test_the_command_names_a_workflow_that_lies_elsewhere(name: str) -> None:
    assert command_for("a.csv", [], {}, Path(name).resolve()) == "snakemake --force a.csv --cores all"
    written = command_for("a.csv", [], {}, Path("..", "elsewhere", name).resolve())
    assert written == f"snakemake --force a.csv --cores all --snakefile ../elsewhere/{name}"


def test_two_configs_in_one_process_are_refused_because_jobs_inherit_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_handed_down", {})
    monkeypatch.setattr(os, "environ", {})
    hand_down(LTH_DEVICE="cpu", LTH_DATA_ROOT="data")
    hand_down(LTH_DEVICE="cpu", LTH_DATA_ROOT="data")  # to change one of its rules
    with pytest.raises(ClashError, match=r"can import this one with one config only \(LTH_DATA_ROOT would have two"):
        hand_down(LTH_DEVICE="cpu", LTH_DATA_ROOT="elsewhere")
    assert os.environ == {"LTH_DEVICE": "cpu", "LTH_DATA_ROOT": "data"}
