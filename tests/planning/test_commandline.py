"""Options of `lth run` that Snakemake would pass over, or take for something else, are one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lth_core.__main__ import main
from lth_core.planning.commandline import misused


@pytest.fixture(autouse=True)
def _no_profile_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)


@pytest.mark.parametrize("before", ["--cores 1", "--dry-run", "--config device=cpu", "--dry-run --cores 1"])
def test_a_config_file_after_options_is_one_line(before: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("my.yaml").write_text("")
    assert main(["run", *before.split(), "my.yaml"]) == 1
    expected = f"error: my.yaml: config files come before all options: lth run my.yaml {before}\n"
    assert capsys.readouterr().err == expected


def test_a_file_that_is_the_value_of_an_option_is_none_of_the_config() -> None:
    for name in ("my.yaml", "mine.yml"):
        Path(name).write_text("")
    for options in (
        "--cores 1 --configfile my.yaml mine.yml",
        "--workflow-profile my.yaml --profile mine.yml",
        "--config path=my.yaml",
        "nowhere.yaml --cores 1",
    ):
        assert misused(options.split()) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--coress 2", "unrecognized arguments: --coress; did you mean '--cores'?"),
        ("--dryrunn", "unrecognized arguments: --dryrunn; did you mean '--dryrun'?"),
    ],
)
def test_an_option_that_snakemake_does_not_have_is_one_line_and_not_its_whole_usage(
    options: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = misused(options.split())
    assert line and line.startswith(said) and "\n" not in line
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "options", ["--workflow-profile slurmm", "--workflow-profile=slurmm", "-n --workflow-pro slurmm"]
)
def test_a_profile_of_the_workflow_that_is_nowhere_is_one_line(options: str) -> None:
    assert misused(options.split()) == "--workflow-profile slurmm: there is no such profile; did you mean 'slurm'?"


def test_profiles_are_found_where_snakemake_looks_for_them() -> None:
    assert misused(["--workflow-profile", "mine"]) == (
        "--workflow-profile mine: there is no such profile (known: cluster-generic, default, kubernetes, slurm)"
    )
    Path("profiles/mine").mkdir(parents=True)
    (Path("profiles/mine") / "config.yaml").write_text("cores: 1\n")
    for name in ("slurm", "mine", "profiles/mine", str(Path("profiles/mine").resolve()), "none"):
        assert misused(["--workflow-profile", name]) is None
    assert misused(["--workflow-profile", "mime"]) == (
        "--workflow-profile mime: there is no such profile; did you mean 'mine'?"
    )


def test_a_profile_of_the_workflow_is_none_of_the_user() -> None:
    assert misused(["--profile", "slurm"]) == (
        "--profile slurm: there is no such profile; those of the workflow are chosen by --workflow-profile: "
        "cluster-generic, default, kubernetes, slurm"
    )
    Path("slurm").mkdir()
    (Path("slurm") / "config.yaml").write_text("cores: 1\n")
    assert misused(["--profile", "slurm"]) is None


def test_what_snakemake_says_itself_is_left_to_it() -> None:
    assert misused(["--cores", "many"]) is None
