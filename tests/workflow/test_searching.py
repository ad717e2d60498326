"""Methods that learn their masks, as snakemake runs them."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import yaml

from lth_core.storage.tensors import read_header, read_tensors
from tests.support.project import MINIATURE, Project

RUN = "results/mini/0-1"
FAST = {"optimizer": {"name": "sgd", "learning_rate": 5.0, "momentum": 0.9}, "steps": 12, "evaluate_every": 6}
METHODS = {
    "popup": {
        "levels": 2,
        "densities": [0.5, 0.3],
        "search": {"parametrization": "edge-popup", "weights": "constant", "retrain": False, "train": FAST},
    },
    "rescaled": {
        "levels": 1,
        "search": {"parametrization": {"name": "sampled-mask", "rescale": True}, "retrain": False, "train": FAST},
    },
    "gates": {"levels": 1, "search": {"parametrization": "bernoulli-gates", "train": FAST}},
}


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("searching"), finished.folder)
    config = yaml.safe_load(MINIATURE)
    config["methods"] |= METHODS
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    targets = [f"{RUN}/{method}/level_1/trained.safetensors" for method in METHODS]
    project.run(*targets, f"{RUN}/popup/level_2/trained.safetensors", f"{RUN}/gates/level_1/reinit/trained.safetensors")
    return project


def steps_of(project: Project, path: str) -> set[str]:
    with open(project.folder / RUN / path) as file:
        return {row["step"] for row in csv.DictReader(file)}


def test_strong_tickets_are_untrained_weights_under_masks_of_exact_counts(ran: Project) -> None:
    initial = read_tensors(ran.folder / RUN / "init.safetensors")
    for level, density in ((1, 0.5), (2, 0.3)):
        folder = ran.folder / RUN / f"popup/level_{level}"
        masks, subnetwork = read_tensors(folder / "mask.safetensors"), read_tensors(folder / "trained.safetensors")
        for name, mask in masks.items():
            assert [row.sum() for row in mask] == [round(mask[0].size * density)] * 2
            for row, weights, kept in zip(subnetwork[name], initial[name], mask, strict=True):
                np.testing.assert_array_equal(row, np.copysign(weights.std(), weights) * kept)
        assert read_header(folder / "trained.safetensors")["step"] == 0
        assert read_header(folder / "mask.safetensors")["diverged"] == [False, False]
        assert steps_of(ran, f"popup/level_{level}/search.csv") == {"0", "6", "12"}
        assert steps_of(ran, f"popup/level_{level}/history.csv") == {"0"}


def test_rescaled_weights_are_part_of_the_ticket(ran: Project) -> None:
    folder = ran.folder / RUN / "rescaled/level_1"
    masks, subnetwork = read_tensors(folder / "mask.safetensors"), read_tensors(folder / "trained.safetensors")
    initial = read_tensors(ran.folder / RUN / "init.safetensors")
    for name, mask in masks.items():
        for row, weights, kept in zip(subnetwork[name], initial[name], mask, strict=True):
            np.testing.assert_allclose(row, weights * kept * (kept.size / kept.sum()), rtol=1e-6)


def test_tickets_of_learned_masks_are_trained_and_have_branches(ran: Project) -> None:
    folder = ran.folder / RUN / "gates/level_1"
    masks, trained = read_tensors(folder / "mask.safetensors"), read_tensors(folder / "trained.safetensors")
    initial = read_tensors(ran.folder / RUN / "init.safetensors")
    for name, mask in masks.items():
        assert (trained[name][~mask] == 0).all() and (trained[name][mask] != initial[name][mask]).any()
    assert read_header(folder / "trained.safetensors")["step"] > 0
    assert (folder / "reinit/trained.safetensors").exists()


def test_nothing_of_a_search_runs_twice(ran: Project) -> None:
    targets = [f"{RUN}/{method}/level_1/trained.safetensors" for method in METHODS]
    assert not ran.run("--dry-run", *targets).jobs
