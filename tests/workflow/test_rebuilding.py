"""What is made again when something changes: what depends on it, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from lth_core.storage.paths import sum_file
from tests.support.project import (
    AFTER_TRAINING,
    BRANCH,
    CLAIMS,
    DENSE,
    INDEX,
    LEVELS,
    MINIATURE,
    PAGE,
    RUN,
    TABLES,
    Project,
    in_folder,
    touched,
)

EFFECTS = CLAIMS.replace("claims.csv", "effects.csv")
OF_CLAIMS = {name for path in (CLAIMS, EFFECTS) for name in (path, sum_file(path).as_posix())}
TABLES_FOLDER = Path(TABLES).parent.as_posix()
ANY_TRAINING = {"dense", "retrain", "branch"}
PAGES = {"table", "figures", "claims", "report", "index"}
CODE = "\nADDED = 1\n"
"""A change in substance that changes no result."""


def kinds(jobs: set[str]) -> set[str]:
    """The first words of jobs' messages: dense, prune, retrain, branch, ..."""
    return {job.split()[0] for job in jobs}


def test_a_second_run_has_nothing_to_do(project: Project) -> None:
    before = project.files()
    assert project.run().nothing_to_do
    assert project.files() == before


def test_two_runs_in_two_folders_give_identical_artifacts(finished: Project, tmp_path: Path) -> None:
    other = Project.create(tmp_path / "another place", finished.folder)
    other.run()
    assert other.hashes() == finished.hashes()
    assert {Path(path).suffix for path in other.files()} == {
        ".csv", ".html", ".json", ".pdf", ".png", ".safetensors", ".sha256", ".svg",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("deleted", "rebuilt"),
    [
        ("reports/config/frankle2019/*.svg", {"figures", "report", "index"}),
        ("reports/config/frankle2019/captions.json", {"figures", "report", "index"}),
        (TABLES, PAGES),
        ("results/tables/config/frankle2019/measurements.json", PAGES),
        ("results/tables/config/frankle2019/divergence.csv", PAGES),
        (CLAIMS, {"claims", "report", "index"}),
        (PAGE, {"report", "index"}),
        (f"{LEVELS[0]}/trained.safetensors", set()),  # weights may be deleted to save space
    ],
)
def test_what_people_read_is_made_again_when_it_was_deleted(project: Project, deleted: str, rebuilt: set[str]) -> None:
    paths = list(project.folder.glob(deleted))
    assert paths
    for path in paths:
        path.unlink()
    assert kinds(project.would_run()) == rebuilt


# ---------------------------------------------------------------- changes of the config


def test_another_pruning_rate_rebuilds_from_the_first_mask_on(project: Project) -> None:
    before = project.files()
    project.edit("config.yaml", ("rate: 0.2,", "rate: 0.3,"))
    project.run(CLAIMS)
    expected = in_folder(f"{RUN}/imp", before) | in_folder(TABLES_FOLDER, before)
    changed = touched(before, project.files()) - OF_CLAIMS
    assert changed == expected
    assert f"{DENSE}/trained.safetensors" in before and f"{DENSE}/trained.safetensors" not in changed
    masks = {f"{level}/mask.safetensors" for level in LEVELS}
    assert all(before[mask][1] != project.files()[mask][1] for mask in masks)


def test_more_processes_share_what_is_still_to_be_trained(project: Project) -> None:
    project.edit("config.yaml", ('cohorts: ["0-1"]', 'cohorts: ["0-1"]\n    processes: 2\n    nodes: 2'))
    assert project.run("--dry-run").nothing_to_do
    again = project.run("--dry-run", "--printshellcmds", "--forcerun", "dense", "retrain").said
    assert "lth-job support.launch 2 dense" in again and "lth-job support.launch 2 retrain" in again


def test_excluded_layers_that_the_network_lacks_are_found_before_training(finished: Project, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project", finished.folder)
    project.edit("config.yaml", ("rate: 0.2,", "rate: 0.2, exclude: ['*.shorcut.*'],"))
    run = project.snakemake(f"{DENSE}/trained.safetensors")
    assert run.status == 1 and "dense mini seeds 0-1" not in run.jobs
    assert "error: methods.imp.exclude: '*.shorcut.*' matches no kind and no weight of the network" in run.said


def test_another_exclusion_draws_and_trains_no_dense_network_again(project: Project) -> None:
    project.edit("config.yaml", ("rate: 0.2,", "rate: 0.2, exclude: [hidden],"))
    assert kinds(project.would_run()) == {"prune", "retrain", "branch", *PAGES}


def test_a_new_branch_trains_only_that_branch(project: Project) -> None:
    before = project.files()
    project.edit("config.yaml", ("controls: [reinit]", "controls: [reinit, random-mask]"))
    run = project.run(CLAIMS)
    assert run.jobs == {"branch random-mask of mini imp level 1 seeds 0-1", "table frankle2019", "claims"}
    changed = touched(before, project.files())
    assert {path for path in changed if path.startswith(RUN)} == {
        f"{LEVELS[0]}/random-mask/{name}"
        for name in ("mask.safetensors", "trained.safetensors", "history.csv", ".history.csv.sha256")
    }


def test_a_new_cohort_leaves_the_old_one_untouched(project: Project) -> None:
    before = project.files()
    project.edit("config.yaml", ('cohorts: ["0-1"]', 'cohorts: ["0-1", "2-2"]'))
    project.run(TABLES)
    after = project.files()
    changed = touched(before, after)
    assert not changed & in_folder(RUN, before) and "results/data/digits.safetensors" not in changed
    new = {path.replace("0-1", "2-2") for path in in_folder(RUN, before)}
    assert new == in_folder("results/mini/2-2", after)
    assert new < changed and changed - new == in_folder(TABLES_FOLDER, before)


def test_more_levels_train_only_those_levels(project: Project) -> None:
    project.edit("config.yaml", ("levels: 2}", "levels: 3}"))
    added = {"prune mini imp level 3 seeds 0-1", "retrain mini imp level 3 seeds 0-1"}
    assert project.would_run() == added | AFTER_TRAINING


def test_the_same_config_written_differently_rebuilds_nothing(project: Project) -> None:
    def reordered(value: object) -> object:
        if isinstance(value, dict):
            return {key: reordered(value[key]) for key in reversed(value)}
        return value

    before = project.files()
    text = yaml.safe_dump(reordered(yaml.safe_load(MINIATURE)), sort_keys=False)
    assert "      batch_size: 60\n" in text and text.startswith("studies")
    text = text.replace("batch_size: 60", "batch_size:    60   # examples").replace("0.0012", "12e-4")
    (project.folder / "config.yaml").write_text(f"# written anew\n\n{text}")
    assert project.run().nothing_to_do
    assert project.files() == before


def test_where_to_compute_and_where_data_lie_rebuild_nothing(project: Project) -> None:
    project.edit("config.yaml", ("device: cpu", "device: auto\ndata_root: moved/elsewhere"))
    assert project.run().nothing_to_do


def test_another_time_rebuilds_nothing_however_large_the_file(project: Project) -> None:
    project.edit("config.yaml", ("hidden: [20, 10]", "hidden: [900, 200]"))
    initial, trained = f"{RUN}/init.safetensors", f"{DENSE}/trained.safetensors"
    project.run(trained)
    assert (project.folder / initial).stat().st_size > 1_000_000  # up to where Snakemake compares contents by itself
    os.utime(project.folder / initial)
    assert project.would_run(trained) == set()


# ---------------------------------------------------------------- changes of the code


def test_a_change_of_plot_style_rebuilds_figures_and_the_page_only(project: Project) -> None:
    before = project.files()
    project.edit(
        "lth_core/drawing/colours.py", ('"random reinitialization", "#D55E00"', '"random reinitialization", "#AA3377"')
    )
    run = project.run()
    assert run.jobs == {"figures frankle2019", f"report {PAGE}", f"index {INDEX}"}
    after = project.files()
    changed = touched(before, after)
    assert changed == in_folder("reports", before)
    redrawn = {path for path in changed if before[path][1] != after[path][1]}
    assert PAGE in redrawn and any("fig04" in path and path.endswith(".svg") for path in redrawn)


def test_comments_docstrings_formatting_and_touching_rebuild_nothing(project: Project) -> None:
    before = project.files()
    docstring = project.read("lth_core/training/loop.py").splitlines()[0]
    project.edit(
        "lth_core/training/loop.py",
        (docstring, docstring.upper()),
        ("def step(", "# a comment\n\n\ndef step("),
        ("state.step += 1", "state.step  +=  (1)  # one more"),
    )
    description = '"""Base learning rate, which the schedule multiplies."""'
    project.edit("lth_core/config/tasks.py", (description, '"""The base rate."""'))
    project.append("environment.yml", "# a comment\n")
    project.append("workflow/rules/tickets.smk", "\n# a comment\n")
    for path in project.folder.rglob("*"):
        if path.suffix in (".py", ".smk", ".yaml", ".j2", ".css") or path.name == "Snakefile":
            os.utime(path)
    assert project.run().nothing_to_do
    assert project.files() == before


REINIT_WRITTEN_DIFFERENTLY = (
    (
        "return replace(ticket, weights=apply_mask(checkpoints.fresh(), ticket.mask), first_step=0)",
        "return replace(ticket, weights=apply_mask(checkpoints.fresh(), ticket.mask), first_step=int(0))",
    ),
)


def test_a_change_of_a_treatment_retrains_its_branches_only(project: Project) -> None:
    before = project.files()
    project.edit("lth_core/treatments/controls.py", *REINIT_WRITTEN_DIFFERENTLY)
    run = project.run(TABLES)
    assert run.jobs == {"branch reinit of mini imp level 1 seeds 0-1", "table frankle2019"}
    assert touched(before, project.files()) == in_folder(BRANCH, before) | in_folder(TABLES_FOLDER, before)


@pytest.mark.parametrize(
    ("module", "rebuilt"),
    [
        ("lth_core/training/loop.py", {"initialize", "dense", "prune", "retrain", "branch"} | PAGES),
        ("lth_core/pruning/rounds.py", {"prune", "retrain", "branch"} | PAGES),
        ("lth_core/analysis/divergence.py", PAGES),
        ("lth_core/report/page.py", {"report", "index"}),
        ("lth_core/report/templates/style.css", {"report", "index"}),
        ("lth_core/analysis/distances.py", set()),
        ("lth_core/planning/plan.py", set()),
    ],
)
def test_a_change_of_code_rebuilds_what_depends_on_it(project: Project, module: str, rebuilt: set[str]) -> None:
    project.append(module, "\n.added {}\n" if module.endswith(".css") else CODE)
    assert kinds(project.would_run()) == rebuilt
