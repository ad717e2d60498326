"""The workflow used from elsewhere: imported by another one, run in another folder, with a long TMPDIR."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from lth_core.storage.tensors import read_header
from tests.support.documents import blocks
from tests.support.project import CLAIMS, MINIATURE, ROOT, Project

INITIAL = "mini/0-1/init.safetensors"
PLUGIN = ROOT / "tests/support/unsteady.py"

IMPORTER = """
configfile: "importer.yaml"


module lth:
    snakefile:
        "{snakefile}"
    config:
        config["tickets"]


use rule * from lth as lth_*


rule mine:
    default_target: True
    input:
        "tickets/{initial}",
        "kept.txt",
    output:
        "mine.txt",
    shell:
        "echo one > {{output}}; echo two >> {{output}}"


rule keep:
    output:
        "kept.txt",
    shell:
        "false"
"""


def with_plugin(**settings: object) -> dict[str, object]:
    """The miniature with the network of a plugin."""
    config = yaml.safe_load(MINIATURE) | {"plugins": ["unsteady"], **settings}
    config["tasks"]["mini"]["model"] = "unsteady"
    return config


def test_another_workflow_imports_this_one_with_a_config_of_its_own(tmp_path: Path) -> None:
    """Jobs find `lth-job` and a plugin beside the importer; its own rules may have several commands.

    What is known of its own files is what Snakemake knows.
    """
    snakefile = IMPORTER.format(snakefile=ROOT / "Snakefile", initial=INITIAL)
    (tmp_path / "Snakefile").write_text(snakefile)
    (tmp_path / "importer.yaml").write_text(yaml.safe_dump({"tickets": with_plugin(results="tickets")}))
    shutil.copy2(PLUGIN, tmp_path)
    (tmp_path / "kept.txt").write_text("made before there was a record of it")
    run = Project(tmp_path).run()
    assert "initialize mini seeds 0-1" in run.jobs
    assert (tmp_path / "mine.txt").read_text() == "one\ntwo\n"
    assert read_header(tmp_path / "tickets" / INITIAL)["provenance"]["spec"]["task"]["model"] == {"name": "unsteady"}

    (tmp_path / "Snakefile").write_text(snakefile.replace("    config:", '    prefix: "below"\n    config:'))
    refused = Project(tmp_path).snakemake("--dry-run")
    assert refused.status and "error: jobs know nothing of a module's `prefix`: set `results`" in refused.said


def test_the_example_of_the_documents_goes_on_from_a_table_of_a_finished_run(tmp_path: Path, finished: Project) -> None:
    example = blocks("python", "docs/module.md").replace("/path/to/lth", str(ROOT))
    (tmp_path / "Snakefile").write_text(example)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump({"tickets": yaml.safe_load(MINIATURE)}))
    shutil.copytree(finished.folder / "results", tmp_path / "results")
    run = Project(tmp_path).run()
    assert not [job for job in run.jobs if job.startswith(("dense", "retrain"))]
    claims = pd.read_csv(finished.folder / CLAIMS)
    decided = claims[claims["verdict"] != "inconclusive"]  # may be no claim at all
    assert pd.read_csv(tmp_path / "decided.csv")["claim"].tolist() == decided["claim"].tolist()


def test_a_plugin_beside_the_config_is_used_in_any_folder(tmp_path: Path) -> None:
    lab, work = tmp_path / "lab", tmp_path / "work"
    lab.mkdir()
    shutil.copy2(PLUGIN, lab)
    (lab / "mine.yaml").write_text(yaml.safe_dump(with_plugin()))
    elsewhere = ("--snakefile", str(ROOT / "Snakefile"), "--directory", str(work), "--configfile", "lab/mine.yaml")
    Project(tmp_path).run(f"results/{INITIAL}", *elsewhere)
    assert read_header(work / "results" / INITIAL)["provenance"]["spec"]["task"]["model"] == {"name": "unsteady"}


def test_a_long_folder_for_temporary_files_stops_neither_jobs_nor_the_decoding_of_images(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    rng = np.random.default_rng(0)
    for index in range(80):
        part, name = ("train", "test")[index % 2], ("ant", "bee")[index % 4 // 2]
        file = project.folder / f"data/pets/{part}/{name}/{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(file)
    source = {"name": "image-folder", "path": "pets", "size": 8, "validation": 10, "grey": True, "stream": True}
    config = yaml.safe_load(MINIATURE) | {"datasets": {"pets": {"source": source}}}
    config["tasks"]["mini"] |= {"dataset": "pets"}
    config["tasks"]["mini"]["train"] |= {"batch_size": 10, "steps": 4, "evaluate_every": 2}
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    long = tmp_path / ("x" * 100)
    long.mkdir()
    run = project.snakemake("results/mini/0-1/dense/trained.safetensors", TMPDIR=str(long))
    assert run.status == 0 and "path too long" not in run.said, run.said
