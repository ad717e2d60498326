"""The commands of the README and what they say."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lth_core.runtime import collector
from tests.support.project import AFTER_TRAINING, BRANCH, LEVELS, MINIATURE, PAGE, ROOT, Finished, Project

# ---------------------------------------------------------------- which config


def test_another_config_file_replaces_the_default_one(project: Project) -> None:
    (project.folder / "other.yaml").write_text(MINIATURE.replace("mini", "other"))
    (project.folder / "config.yaml").write_text("broken: [\n")
    jobs = project.would_run("--configfile", "other.yaml")
    assert "dense other seeds 0-1" in jobs and not any("mini" in job for job in jobs)


def test_several_config_files_are_laid_over_each_other(project: Project) -> None:
    (project.folder / "more.yaml").write_text("methods: {imp: {levels: 3}}\n")
    added = {"prune mini imp level 3 seeds 0-1", "retrain mini imp level 3 seeds 0-1"}
    after_training = {job.replace(PAGE, "reports/config-more/index.html") for job in AFTER_TRAINING}
    assert project.would_run("--configfile", "config.yaml", "more.yaml") == added | after_training


def test_a_single_key_is_overridden_on_the_command_line(project: Project) -> None:
    assert project.run("--config", "data_root=elsewhere", "--dry-run").nothing_to_do
    jobs = project.would_run("--config", "methods={imp: {rate: 0.3}}")
    assert "prune mini imp level 1 seeds 0-1" in jobs and "dense mini seeds 0-1" not in jobs


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("optimizer:", "optimiser:", "tasks.mini.train.optimiser: unknown key; did you mean 'optimizer'?"),
        ("rate: 0.2,", "rate: 20,", "methods.imp.rate: must be less than 1 (got 20)"),
        ("name: lenet", "name: lennet", "tasks.mini.model: unknown model 'lennet'; did you mean 'lenet'?"),
        ("tasks:", "tasks: [", "config.yaml:4: broken YAML:"),
    ],
)
def test_a_bad_config_is_one_line_and_nothing_starts(
    finished: Project, tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    project = Project.create(tmp_path / "project", finished.folder)
    project.edit("config.yaml", (old, new))
    before = everything(project)
    run = project.snakemake(PYTHONDONTWRITEBYTECODE="1")
    assert run.status == 1
    assert [complaint in line for line in run.said.splitlines()].count(True) == 1
    assert "Traceback" not in run.said and 'File "' not in run.said
    assert len(run.said.splitlines()) == 3, run.said  # the profile in use, what is wrong, where
    assert everything(project) == before


def everything(project: Project) -> set[Path]:
    """All files but snakemake's."""
    paths = {path.relative_to(project.folder) for path in project.folder.rglob("*")}
    return {path for path in paths if path.parts[0] != ".snakemake"}


# ---------------------------------------------------------------- how it runs


def test_two_cores_train_side_by_side_with_one_thread_each(finished: Project) -> None:
    logs = list((finished.folder / "logs/mini/0-1").rglob("*.log"))
    trainings = [text for log in logs if "seconds: train" in (text := log.read_text())]
    assert len(trainings) == 4
    assert all("device cpu, 1 thread(s)\n" in text for text in trainings)
    retrain, reinit = (finished.job_times(f"{folder}/trained.safetensors") for folder in (LEVELS[0], BRANCH))
    assert max(retrain[0], reinit[0]) < min(retrain[1], reinit[1])


def test_a_run_ends_by_saying_where_its_time_went(finished: Project) -> None:
    said = finished.read("first_run.txt")
    assert " s on 2 cores: training " in said and "% of the cores' time outside both" in said
    assert "page: reports/config/index.html" in said.splitlines()


PLAIN = """
rule all:
    input:
        expand("made/{{number}}", number=range({jobs})),


rule make:
    output:
        "made/{{number}}",
    shell:
        "touch {{output}}"
"""
"""A workflow without functions."""


def test_planning_a_large_grid_costs_little_more_than_snakemake_itself(project: Project, tmp_path: Path) -> None:
    """10 tasks with a method each x 20 levels x 5 branches.

    Seconds would measure the machine; plain Snakemake on as many jobs, side by side, does not depend on it.
    """
    names = [f"m{index}" for index in range(10)]
    task = MINIATURE[MINIATURE.index("  mini:") : MINIATURE.index("methods:")]
    branches = ["reinit", "random-mask", "random-mask-reinit", "redraw-kept", "reset"]
    (project.folder / "config.yaml").write_text(
        "tasks:\n"
        + "".join(task.replace("mini", name) for name in names)
        + "methods:\n"
        + "".join(f"  {name}: {{rate: 0.{index + 1}, levels: 20}}\n" for index, name in enumerate(names))
        + f"studies:\n  frankle2019:\n    tasks: {{{', '.join(f'{name}: {name}' for name in names)}}}\n"
        + f"    controls: [{', '.join(branches)}]\n"
        + "    histogram_levels: []\n    one_shot: false\n    continued: false\n"
    )
    (tmp_path / "Snakefile").write_text(PLAIN.format(jobs=10 * 20 * 7))  # a mask, a ticket and five branches of it
    before, start = plan_plainly(tmp_path), cpu_seconds_of_children()
    jobs = project.would_run()
    ours, after = cpu_seconds_of_children() - start, plan_plainly(tmp_path)
    theirs = (before + after) / 2  # what a core does in a second changes while others are busy
    assert len([job for job in jobs if job.startswith("branch ")]) == 10 * 20 * 5
    assert ours < 2.6 * theirs


def plan_plainly(folder: Path) -> float:
    """The CPU seconds that snakemake takes to plan a workflow without functions."""
    start = cpu_seconds_of_children()
    subprocess.run([sys.executable, "-m", "snakemake", "--dry-run"], cwd=folder, capture_output=True, check=True)
    return cpu_seconds_of_children() - start


def cpu_seconds_of_children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def test_a_run_collects_dead_objects_again(project: Project) -> None:
    project.append("Snakefile", "\n\nonstart:\n    import gc\n    sys.exit(f'thresholds: {gc.get_threshold()}')\n")
    assert f"thresholds: {collector.RUNNING}" in project.snakemake("--forcerun", "claims").said


def test_jobs_find_imported_what_they_need_and_nothing_else(project: Project) -> None:
    """Importing torch takes longer than making all tables, figures and pages of the miniature."""
    project.append("Snakefile", "\n\nonstart:\n    sys.exit(f'{what_is_made()}')\n")
    for (*targets, forced), computes, reports in (
        ((PAGE, "figures_frankle2019"), False, True),
        ((f"{LEVELS[0]}/trained.safetensors", "retrain"), True, False),
        (("retrain",), True, True),
    ):
        said = project.snakemake(*targets, "--forcerun", forced).said
        assert said.strip().endswith(f"{{'computes': {computes}, 'reports': {reports}}}")


# ---------------------------------------------------------------- what else snakemake offers


def test_the_linter_of_snakemake_finds_nothing(finished: Project) -> None:
    run = finished.run("--lint")
    assert "in a good condition" in run.said and "Lints for" not in run.said


def test_the_report_of_snakemake_shows_the_page(project: Project) -> None:
    project.run("--report", "report.html")
    report = project.read("report.html")
    assert "index.html" in report and "Front page" in report


PLAN_EACH = """
import gc, os, sys
from snakemake.cli import main
from lth_core.planning import catalogue, plan

catalogue.register()  # imports what every plan imports
gc.freeze()
for files in sys.argv[1:]:
    child = os.fork()
    if not child:
        said = os.open(files.replace("/", "-") + ".log", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1), os.dup2(said, 2)
        main(["--cores", "2", "--dry-run", "--configfile", *files.split()])
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
"""Plan each of several configs, in processes that have imported Snakemake already."""


def test_every_ready_made_config_can_be_planned(project: Project) -> None:
    shutil.copy2(ROOT / "config.yaml", project.folder / "config.yaml")
    files = [path.relative_to(project.folder).as_posix() for path in (project.folder / "config").glob("*.yaml")]
    assert len(files) >= 6
    files = ["config.yaml", *(f"config.yaml {file}" if "everything" in file else file for file in files)]
    statuses = project.python("-c", PLAN_EACH, *files).split()
    logs = [(project.folder / f"{file.replace('/', '-')}.log").read_text() for file in files]
    runs = [Finished(int(status), said) for status, said in zip(statuses, logs, strict=True)]
    assert not [(file, run.said) for file, run in zip(files, runs, strict=True) if run.status or not run.jobs]
