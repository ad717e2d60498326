"""Results belong to their config and their inputs, wherever they lie and whatever Snakemake remembers of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lth_core.storage.paths import sum_file
from tests.support.project import (
    AFTER_TRAINING,
    BRANCH,
    DENSE,
    INDEX,
    LEVELS,
    MINIATURE,
    PAGE,
    TABLES,
    Project,
    touched,
)

FROM_THE_FIRST_MASK = {
    *(f"{job} mini imp level {level} seeds 0-1" for job in ("prune", "retrain") for level in (1, 2)),
    "branch reinit of mini imp level 1 seeds 0-1",
}


def test_without_snakemakes_records_a_file_is_used_for_the_config_that_it_was_made_for_only(project: Project) -> None:
    shutil.rmtree(project.folder / ".snakemake")
    assert project.run("--dry-run").nothing_to_do
    project.edit("config.yaml", ("rate: 0.2,", "rate: 0.3,"))
    assert project.would_run() == FROM_THE_FIRST_MASK | AFTER_TRAINING
    project.edit("config.yaml", ("steps: 40", "steps: 60"))
    assert project.would_run() == FROM_THE_FIRST_MASK | AFTER_TRAINING | {"dense mini seeds 0-1"}


def test_a_plain_copy_of_results_in_another_clone_has_nothing_to_do(finished: Project, tmp_path: Path) -> None:
    clone = Project.create(tmp_path / "clone", finished.folder)
    for folder in ("results", "reports"):  # as `cp -r`: the copies have the time of copying, inputs the latest
        shutil.copytree(finished.folder / folder, clone.folder / folder, copy_function=shutil.copyfile)
    os.utime(clone.folder / "results/data/digits.safetensors", (2e9 - 1, 2e9 - 1))
    assert clone.run().nothing_to_do


def test_a_file_that_another_folder_has_made_anew_is_not_taken_for_the_own_one(project: Project) -> None:
    """As where two clones share a results folder: the record of this one knows nothing of what the other one did."""
    origin = project.folder / DENSE / ".trained.safetensors.origin"
    text = origin.read_text()
    os.utime(project.folder / DENSE / "trained.safetensors")
    assert project.run("--dry-run").nothing_to_do
    origin.write_text(text.replace('"asked": "', '"asked": "0'))
    assert project.would_run() == {"dense mini seeds 0-1"} | FROM_THE_FIRST_MASK | AFTER_TRAINING


def test_even_with_triggers_switched_off_no_table_mixes_configs(project: Project) -> None:
    project.edit("config.yaml", ("rate: 0.2,", "rate: 0.3,"))
    (project.folder / TABLES).unlink()
    before = project.files()
    stopped = project.snakemake("--rerun-triggers", "mtime")
    assert stopped.status == 1 and "Traceback" not in stopped.said
    (line,) = [line for line in stopped.said.splitlines() if line.startswith("error: ")]
    assert "was made from another config" in line and "make it again" in line
    assert any(folder in line for folder in (*LEVELS, BRANCH))
    assert project.files() == before


def test_a_second_config_has_tables_and_a_page_of_its_own_and_shares_what_is_trained(project: Project) -> None:
    (project.folder / "second.yaml").write_text(MINIATURE.replace("[reinit]", "[]").replace("[1]", "[]"))
    before = project.files()
    run = project.run("--configfile", "second.yaml")
    after_training = {job.replace(PAGE, "reports/second/index.html") for job in AFTER_TRAINING}
    assert run.jobs == after_training and "warning: " not in run.said
    assert touched(before, project.files()) & before.keys() == {INDEX, sum_file(INDEX).as_posix()}
    assert all(f'<a href="{name}/index.html">' in project.read(INDEX) for name in ("config", "second"))
    assert project.run("--dry-run").nothing_to_do
    assert project.run("--dry-run", "--configfile", "second.yaml").nothing_to_do


def test_a_config_that_replaces_what_another_one_has_trained_says_so(project: Project) -> None:
    (project.folder / "second.yaml").write_text(MINIATURE.replace("steps: 40", "steps: 20"))
    run = project.run("--configfile", "second.yaml")
    warnings = [line for line in run.said.splitlines() if line.startswith("warning: ")]
    assert warnings == [
        "warning: tasks.mini: means something else in config 'config', whose files of it in results/ this run "
        "replaces; to keep both, choose another name here, or other `results`"
    ]


def test_a_config_that_cannot_run_costs_no_finished_file(project: Project) -> None:
    before = project.files()
    project.edit("config.yaml", ("rate: 0.2,", "rate: 0.2, exclude: ['*.shorcut.*'],"))
    stopped = project.snakemake()
    assert stopped.status == 1 and not stopped.jobs and "Traceback" not in stopped.said
    said = "error: methods.imp.exclude: '*.shorcut.*' matches no kind and no weight of the network"
    assert stopped.said.strip().splitlines()[-1].startswith(said)
    assert project.files() == before


def test_a_treatment_that_fails_costs_no_finished_file(project: Project) -> None:
    project.edit("lth_core/treatments/controls.py", ("ticket.mask), first_step=0)", "ticket.mask[0]), first_step=0)"))
    before = project.files()
    stopped = project.snakemake()
    assert stopped.status == 1 and not stopped.jobs and "Traceback" not in stopped.said
    said = "error: studies: branch 'reinit': 'reinit' cannot treat a ticket of 'mini' (KeyError: 0)"
    assert stopped.said.strip().splitlines()[-1] == said
    assert project.files() == before
