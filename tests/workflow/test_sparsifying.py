"""Methods whose masks change while they train, as snakemake runs them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml

from lth_core.storage.tensors import read_header, read_tensors
from tests.support.project import MINIATURE, Project

RUN = "results/mini/0-1"
METHODS = {
    "gmp": {"levels": 1, "rate": 0.8, "during": {"name": "gradual", "every": 5}},
    "set": {"levels": 1, "densities": [0.2], "criterion": "random", "during": {"name": "set", "every": 10}},
    "rigl": {
        "levels": 1,
        "densities": [0.2],
        "criterion": "random",
        "allocation": "erdos-renyi",
        "rewind": {"policy": "rewind", "step": 4},
        "during": {"name": "rigl", "every": 5},
    },
}


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("sparsifying"), finished.folder)
    config = yaml.safe_load(MINIATURE)
    config["methods"] |= METHODS
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    targets = [f"{RUN}/{method}/level_1/trained.safetensors" for method in METHODS]
    project.run(*targets, f"{RUN}/rigl/level_1/reinit/trained.safetensors")
    return project


@pytest.mark.parametrize("method", METHODS)
def test_weights_are_those_of_the_mask_at_the_end_which_has_the_density_of_the_level(ran: Project, method: str) -> None:
    folder = ran.folder / RUN / method / "level_1"
    mask, header = read_tensors(folder / "mask.safetensors"), read_header(folder / "mask.safetensors")
    trained = read_tensors(folder / "trained.safetensors")
    assert header["density"] == pytest.approx(0.2, abs=0.001) and header["diverged"] == [False, False]
    for name, kept in mask.items():
        assert header["kept"][name] == kept.reshape(2, -1).sum(1).tolist() and header["total"][name] == kept[0].size
        assert not trained[name][~kept].any() and (kept[0] != kept[1]).any()


def changes(project: Project, method: str) -> list[dict[str, str]]:
    with open(project.folder / RUN / method / "level_1/changes.csv") as file:
        return list(csv.DictReader(file))


def test_changes_are_rows_of_every_seed(ran: Project) -> None:
    rows = {method: [row for row in changes(ran, method) if row["seed"] == "1"] for method in METHODS}
    assert [*rows["rigl"][0]] == ["seed", "step", "density", "moved", "explored"]
    assert [row["step"] for row in rows["gmp"]] == ["0", "15", "20", "25", "30"]
    assert [row["step"] for row in rows["set"]] == ["0", "10", "20", "30"]
    assert [row["step"] for row in rows["rigl"]] == ["4", "9", "14", "19", "24", "29"]  # T_end is 27 after step 4
    for method in ("set", "rigl"):
        explored = [float(row["explored"]) for row in rows[method]]
        assert explored == sorted(explored) and explored[-1] > explored[0] == float(rows[method][0]["density"])
    assert [float(row["density"]) for row in rows["gmp"]] == sorted(
        (float(r["density"]) for r in rows["gmp"]), reverse=True
    )


def test_the_first_mask_is_made_as_any_other_and_none_where_training_starts_dense(ran: Project) -> None:
    folder = ran.folder / RUN
    first, last = (read_tensors(folder / f"rigl/level_1/{name}.safetensors") for name in ("first_mask", "mask"))
    for name, kept in first.items():
        assert kept.reshape(2, -1).sum(1).tolist() == last[name].reshape(2, -1).sum(1).tolist()
        assert (kept != last[name]).any()
    assert not (folder / "gmp/level_1/first_mask.safetensors").exists()


def test_a_branch_is_made_from_the_mask_at_the_end(ran: Project) -> None:
    folder = ran.folder / RUN / "rigl/level_1"
    mask, reinit = (read_tensors(folder / f"{name}mask.safetensors") for name in ("", "reinit/"))
    assert all(np.array_equal(kept, reinit[name]) for name, kept in mask.items())
    trained = read_tensors(folder / "reinit/trained.safetensors")
    assert all(not trained[name][~kept].any() and trained[name][kept].any() for name, kept in mask.items())


def test_a_sparsifier_that_loses_weights_is_one_clear_line(ran: Project, tmp_path: Path) -> None:
    project = ran.copy(tmp_path / "project")
    (project.folder / "my_lab.py").write_text(
        "from lth_core.registry import sparsifier\n"
        "from lth_core.training.moment import Change\n\n\n"
        "@sparsifier('forgetful')\n"
        "def forgetful(moment):\n"
        "    return Change({name: kept & (moment.weights[name] > 0) for name, kept in moment.mask.items()})\n"
    )
    config = yaml.safe_load((project.folder / "config.yaml").read_text()) | {"plugins": ["my_lab"]}
    config["methods"]["set"]["during"] = "forgetful"
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    run = project.snakemake(f"{RUN}/set/level_1/trained.safetensors")
    log = (project.folder / "logs/mini/0-1/set/level_1/sparsify.log").read_text()
    assert run.status != 0 and "Traceback" not in log
    assert "sparsifier 'forgetful' keeps" in log and "grow as many as are dropped (step 0)" in log
