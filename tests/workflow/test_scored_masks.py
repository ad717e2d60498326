"""Masks of scores that are computed with the network, as snakemake makes them: of theta_0, before any training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from lth_core.planning.plan import Plan
from lth_core.storage.tensors import Tensors, read_header, read_tensors
from tests.support.project import MINIATURE, RUN, Project

METHODS = {
    "synflow": {"criterion": "synflow", "scope": "global"},
    "snip": {"criterion": "snip", "scope": "global"},
    "random-erk": {"criterion": "random", "prune_at": 0, "iterations": 4, "allocation": "erdos-renyi-kernel"},
}
DENSITIES = [0.2, 0.05]


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The masks of both levels of all three methods, and a trained ticket."""
    project = Project.create(tmp_path_factory.mktemp("scored"), finished.folder)
    config = yaml.safe_load(MINIATURE)
    for name, method in METHODS.items():
        config["methods"][name] = method | {"densities": DENSITIES, "levels": 2, "iterative": False}
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    masks = [f"{RUN}/{name}/level_{level}/mask.safetensors" for name in METHODS for level in (1, 2)]
    done = project.snakemake("-c2", *masks, f"{RUN}/synflow/level_2/trained.safetensors")
    assert done.status == 0, done.said
    return project


def mask(project: Project, method: str, level: int) -> Path:
    return project.folder / RUN / method / f"level_{level}" / "mask.safetensors"


def kept_of(tensors: Tensors) -> int:
    return sum(int(kept[0].sum()) for kept in tensors.values())


@pytest.mark.parametrize("method", METHODS)
def test_masks_have_their_densities_for_every_seed(ran: Project, method: str) -> None:
    for level, density in enumerate(DENSITIES, start=1):
        tensors, size = read_tensors(mask(ran, method, level)), 64 * 20 + 20 * 10 + 10 * 10
        assert kept_of(tensors) == round(density * size)
        assert any((kept[0] != kept[1]).any() for kept in tensors.values())
        assert read_header(mask(ran, method, level))["diverged"] == [False, False]


def test_no_mask_and_no_ticket_of_theta_0_waits_for_a_dense_run(ran: Project) -> None:
    assert not (ran.folder / RUN / "dense").exists()


def test_tickets_train_what_the_mask_keeps(ran: Project) -> None:
    trained = read_tensors(ran.folder / RUN / "synflow" / "level_2" / "trained.safetensors")
    for name, kept in read_tensors(mask(ran, "synflow", 2)).items():
        assert not trained[name][~kept].any() and np.isfinite(trained[name]).all()


def test_a_change_of_how_networks_are_trained_makes_no_mask_anew(ran: Project, tmp_path: Path) -> None:
    """But a change of how many rounds there are does."""
    config = yaml.safe_load(ran.read("config.yaml"))

    def spec(change: dict) -> str:
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(config | change))
        return Plan.read([path]).specs.score("mini", "0-1", "synflow", 2)

    train = config["tasks"]["mini"]["train"] | {"steps": 80, "batch_size": 30}
    assert spec({"tasks": {"mini": config["tasks"]["mini"] | {"train": train}}}) == spec({})
    fewer = config["methods"]["synflow"] | {"iterations": 10}
    assert spec({"methods": config["methods"] | {"synflow": fewer}}) != spec({})
