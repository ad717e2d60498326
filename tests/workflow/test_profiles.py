"""The profiles say only what is true, and jobs that start on another machine do as well as here."""

from __future__ import annotations

import os
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from tests.support.project import DENSE, ROOT, Project

PROFILES = {path.parent.name: yaml.safe_load(path.read_text()) for path in ROOT.glob("profiles/*/config.yaml")}
CLUSTERS = sorted(set(PROFILES) - {"default"})
KUBERNETES = ROOT / ".venv" / "kubernetes"
"""Where the tests have its packages: in .venv they would slow down every start of snakemake."""
SAFETY = ("rerun-incomplete", "nolock", "keep-going", "show-failed-logs", "max-checksum-file-size", "scheduler")
TRAINED = f"{DENSE}/trained.safetensors"

FAKE_QUEUE = """\
#!/bin/sh
# The batch system of a cluster whose only node is this machine: prints the job's id and runs it.
sh "$1" >> queue.log 2>&1 &
echo $!
"""


def rules() -> set[str]:
    """The names of the rules that are written down; those of studies are made."""
    text = "\n".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    return set(re.findall(r"^rule (\w+):", text, re.MULTILINE)) | set(
        re.findall(r"^use rule \w+ as (\w+) ", text, re.MULTILINE)
    )


def needs_plugin(name: str):
    """A skip where the executor plugin of a profile is not installed."""
    missing = name != "default" and find_spec(f"snakemake_executor_plugin_{name.replace('-', '_')}") is None
    return pytest.param(
        name, marks=pytest.mark.skipif(missing, reason="the packages of requirements-cluster.txt are not installed")
    )


def test_there_is_one_for_every_kind_of_machine() -> None:
    assert set(PROFILES) == {"default", "slurm", "kubernetes", "cluster-generic"}


@pytest.mark.parametrize("name", CLUSTERS)
def test_what_makes_runs_safe_on_one_machine_does_so_on_a_cluster(name: str) -> None:
    assert {key: PROFILES[name][key] for key in SAFETY} == {key: PROFILES["default"][key] for key in SAFETY}
    assert PROFILES[name]["executor"] == name
    assert {"prune", "retrain", "retrain_treated"} == set(PROFILES[name]["groups"])


@pytest.mark.parametrize("name", CLUSTERS)
def test_only_rules_that_there_are_are_named_commented_examples_included(name: str) -> None:
    text = (ROOT / "profiles" / name / "config.yaml").read_text()
    with_examples = yaml.safe_load(re.sub(r"^(\s*)# ((?:\s*[\w-]+: ?[^ ]*|  [\w-]+: .*))$", r"\1\2", text, flags=re.M))
    named = {
        rule
        for profile in (PROFILES[name], with_examples)
        for key in ("groups", "set-resources", "set-threads")
        for rule in profile.get(key) or {}
    }
    assert named and named <= rules()


@pytest.mark.parametrize("name", [needs_plugin(name) for name in ("default", "slurm", "cluster-generic")])
def test_snakemake_takes_it(finished: Project, tmp_path: Path, name: str) -> None:
    run = Project.create(tmp_path / "project", finished.folder).run("--dry-run", "--workflow-profile", name)
    assert re.search(r"^retrain +2$", run.said, re.MULTILINE)


@pytest.mark.skipif(not KUBERNETES.exists(), reason="make cluster installs the packages of requirements-kubernetes.txt")
def test_snakemake_takes_that_of_kubernetes_with_another_store(finished: Project, tmp_path: Path) -> None:
    """A dry run looks into the store, so a folder stands in for the bucket."""
    project = Project.create(tmp_path / "project", finished.folder)
    store = ("--default-storage-provider=fs", f"--default-storage-prefix={tmp_path}")
    surroundings = {f"SNAKEMAKE_STORAGE_S3_{key}": "none" for key in ("ACCESS_KEY", "SECRET_KEY")}
    surroundings["PYTHONPATH"] = str(KUBERNETES)
    run = project.snakemake("--dry-run", "--workflow-profile=kubernetes", *store, **surroundings)
    assert run.status == 0 and re.search(r"^retrain +2$", run.said, re.MULTILINE), run.said


def test_changed_resources_are_no_reason_to_run_anything_again(finished: Project) -> None:
    run = finished.run(
        "--dry-run",
        "--set-resources",
        "dense:mem_mb=99",
        "retrain:runtime=7",
        "branch:gpu=0",
        "--set-threads",
        "dense=2",
        "--config",
        "device=auto",
    )
    assert run.nothing_to_do


@pytest.mark.parametrize("name", [needs_plugin("cluster-generic")])
def test_a_job_of_a_batch_system_starts_without_the_server_of_another_run(
    finished: Project, tmp_path: Path, name: str
) -> None:
    project = finished.copy(tmp_path / "project")
    shutil.rmtree(project.folder / DENSE)
    queue = project.folder / "queue.sh"
    queue.write_text(FAKE_QUEUE)
    queue.chmod(0o755)
    gone = f"1:{os.path.dirname(sys.executable)}:{tmp_path}/gone"
    profile = ("--workflow-profile", name, "--cluster-generic-submit-cmd", str(queue))
    patience = ("--latency-wait=5", "--seconds-between-status-checks=1")
    run = project.snakemake(*profile, *patience, TRAINED, LTH_JOB_SERVER=gone)
    assert run.status == 0, run.said + project.read("queue.log")
    assert "external jobid" in run.said
    assert project.hashes() == finished.hashes()
