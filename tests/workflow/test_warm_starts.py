"""Warm starts as snakemake runs them: the weights that a training on all examples starts from, and the whole study."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml

from lth_core.storage.tensors import Tensors, read_tensors
from tests.support.project import MINIATURE, Project

STUDY = {"tasks": {"mini": "imp"}, "rewind_step": 10, "levels": [1]}


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("warm"), finished.folder)
    config = yaml.safe_load(MINIATURE) | {"studies": {"warm-start": STUDY}, "connectivity": {"points": 3}}
    config["methods"]["imp"] = {"rate": 0.5, "levels": 1}
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    project.run()
    return project


def tensors(project: Project, path: str) -> Tensors:
    return read_tensors(project.folder / "results" / f"{path}.safetensors")


def first_losses(project: Project, run: str) -> list[str]:
    """Validation loss before the first step, by seed."""
    with open(project.folder / "results/mini/0-1" / run / "history.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["step"] == "0" and row["split"] == "validation"]
    return [row["loss"] for row in rows]


def last_losses(project: Project, run: str) -> list[float]:
    """Loss on the test split after the last step on the known examples, by seed."""
    with open(project.folder / "results/mini-known/0-1" / run / "history.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    last = max(int(row["step"]) for row in rows)
    return [float(row["loss"]) for row in rows if int(row["step"]) == last]


def test_known_examples_are_half_of_those_to_train_and_the_other_splits_are_whole(ran: Project) -> None:
    whole, part = (tensors(ran, f"data/{name}") for name in ("digits", "digits-known"))
    assert len(part["train_labels"]) == round(len(whole["train_labels"]) / 2)
    images = {image.tobytes() for image in whole["train_images"]}
    assert all(image.tobytes() in images for image in part["train_images"])
    for split in ("validation", "test"):
        assert np.array_equal(part[f"{split}_images"], whole[f"{split}_images"])


@pytest.mark.parametrize(
    ("mask", "folder", "first"),
    [
        ("dense", "dense", "dense"),
        ("known", "imp/level_1", "imp/level_1/subnetwork-of-mini-known"),
        ("whole", "imp/level_1", "imp/level_1/subnetwork-of-mini"),
        ("random", "imp-random/level_1", "imp-random/level_1/subnetwork-of-mini"),
    ],
)
def test_warm_starts_begin_where_the_same_subnetwork_ended_on_the_known_examples(
    ran: Project, mask: str, folder: str, first: str
) -> None:
    """The pixels are normalized a little differently, by the mean of the known examples or of all."""
    warm = f"{folder}/warm-mini-{mask}" if mask != "dense" else "dense/warm-mini-dense"
    with open(ran.folder / "results/mini/0-1" / warm / "history.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["step"] == "0" and row["split"] == "test"]
    assert [float(row["loss"]) for row in rows] == pytest.approx(last_losses(ran, first), rel=0.05)
    assert first_losses(ran, warm) != first_losses(ran, "dense")


def test_the_mask_of_all_starts_is_the_same_and_random_masks_keep_as_many_weights(ran: Project) -> None:
    known = tensors(ran, "mini-known/0-1/imp/level_1/mask")
    for start in ("warm", "shrink-perturb", "rewound", "fresh"):
        mask = tensors(ran, f"mini/0-1/imp/level_1/{start}-mini-known/mask")
        assert all(np.array_equal(mask[name], known[name]) for name in known)
    whole, random = (tensors(ran, f"mini/0-1/{method}/level_1/mask") for method in ("imp", "imp-random"))
    for name in whole:
        assert (whole[name].sum() == random[name].sum()) and (whole[name] != random[name]).any()


def test_the_study_ends_with_its_claims_tables_and_figures(ran: Project) -> None:
    folder: Path = ran.folder / "reports/config/warm-start"
    assert {path.stem for path in folder.glob("*.png")} == {
        f"{kind}-mini" for kind in ("gaps", "curves", "speed", "barriers", "overlap")
    }
    with open(ran.folder / "results/tables/config/claims.csv") as file:
        assert {row["study"] for row in csv.DictReader(file)} == {"warm-start"}
    assert ran.snakemake().nothing_to_do
