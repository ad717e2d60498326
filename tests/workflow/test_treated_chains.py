"""Chains whose every ticket is treated before it is trained, and supermasks, as snakemake runs them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml

from lth_core.storage.tensors import Tensors, read_tensors
from tests.support.project import MINIATURE, Project

STUDY = {
    "tasks": {"mini": "imp"},
    "levels": [1, 2],
    "criteria": ["large-final", "movement"],
    "pruned_actions": ["freeze-init", "freeze-init-zero-mask"],
    "kept_actions": ["constant-signed"],
}
RUN = "results/mini/0-1"


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("treated"), finished.folder)
    config = yaml.safe_load(MINIATURE) | {"studies": {"deconstructing": STUDY}}
    config["methods"]["random"] = {"levels": 1, "treatment": "random-mask"}  # cannot be: see below
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    project.run()
    return project


def tensors(project: Project, path: str) -> Tensors:
    return read_tensors(project.folder / RUN / f"{path}.safetensors")


def level(project: Project, method: str, number: int) -> tuple[Tensors, Tensors, Tensors]:
    """The mask of a level, what its training started from, and what it ended with."""
    return tuple(tensors(project, f"{method}/level_{number}/{name}") for name in ("mask", "start", "trained"))


@pytest.mark.parametrize("number", [1, 2])
def test_frozen_weights_keep_the_bits_of_theta_0_through_training(ran: Project, number: int) -> None:
    initial = tensors(ran, "init")
    mask, start, trained = level(ran, "imp-freeze-init", number)
    for name in mask:
        assert np.array_equal(start[name], initial[name])
        assert np.array_equal(trained[name][~mask[name]], initial[name][~mask[name]])
        assert (trained[name][mask[name]] != initial[name][mask[name]]).any()


def test_pruned_weights_that_moved_toward_zero_are_zero_from_then_on(ran: Project) -> None:
    initial, dense = tensors(ran, "init"), tensors(ran, "dense/trained")
    first_mask, first, first_trained = level(ran, "imp-freeze-init-zero-mask", 1)
    second_mask, second, second_trained = level(ran, "imp-freeze-init-zero-mask", 2)
    for name in first_mask:
        zero = ~first_mask[name] & (np.abs(dense[name]) < np.abs(initial[name]))
        assert zero.any() and np.array_equal(first[name], np.where(zero, 0, initial[name]))
        fell = np.abs(first_trained[name]) < np.abs(first[name])
        zero_later = zero | (~second_mask[name] & fell)
        assert np.array_equal(second[name], np.where(zero_later, 0, initial[name]))
        assert np.array_equal(second_trained[name][~second_mask[name]], second[name][~second_mask[name]])


def test_the_next_mask_comes_from_the_treated_training(ran: Project) -> None:
    for method, score in (("imp-constant-signed", np.abs), ("imp-movement", None)):
        before = tensors(ran, f"{method}/level_1/trained")
        masks = [tensors(ran, f"{method}/level_{number}/mask") for number in (1, 2)]
        for name in masks[0]:
            values = score(before[name]) if score else np.abs(before[name] - tensors(ran, "init")[name])
            for seed in range(2):
                kept, gone = masks[1][name][seed], (masks[0][name] & ~masks[1][name])[seed]
                assert values[seed][gone].max() <= values[seed][kept].min()


def test_a_treatment_that_changes_the_mask_is_one_clear_line(ran: Project) -> None:
    run = ran.snakemake(f"{RUN}/random/level_1/trained.safetensors")
    assert run.status != 0
    log = ran.read("logs/mini/0-1/random/level_1/retrain.log")
    assert "error: treatment 'random-mask' changes the mask: use it in a branch" in log and "Traceback" not in log


def rows(project: Project, path: str) -> list[dict[str, str]]:
    with Path(project.folder, RUN, path).open() as file:
        return list(csv.DictReader(file))


def test_supermasks_are_measured_for_every_criterion_and_learned_in_four_ways(ran: Project) -> None:
    measured = rows(ran, "imp-movement/supermasks.csv")
    assert len(measured) == len(rows(ran, "imp/supermasks.csv")) == 2 * 3 * 2  # seeds, levels from 0 on, values
    for kind in ("initial-plain", "initial-rescaled", "constant-plain", "constant-rescaled"):
        for final in ("drawn", "likely"):
            assert len(rows(ran, f"imp-learned-{kind}-{final}/level_1/history.csv")) == 2 * 3  # seeds, splits
    assert "supermask-bars-mini" in ran.read("reports/config/deconstructing/captions.json")
