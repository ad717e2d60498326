"""Chains whose tickets are treated at every level, as snakemake runs them."""

from __future__ import annotations

import numpy as np
import pytest

from lth_core.artifacts import read_tensors
from tests.workflow.project import MINIATURE, Project

CHAIN = "results/mini/0-1/redrawn/level_"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("treated"))
    methods = (
        "  redrawn: {rate: 0.2, levels: 2, treatment: redraw-kept}\n  random: {levels: 1, treatment: random-mask}\n"
    )
    (project.folder / "config.yaml").write_text(MINIATURE.replace("methods:\n", f"methods:\n{methods}"))
    project.run(f"{CHAIN}2/trained.safetensors")
    return project


def test_every_level_starts_from_the_treated_weights_and_keeps_them(ran: Project) -> None:
    initial = read_tensors(ran.folder / "results/mini/0-1/init.safetensors")
    for level in (1, 2):
        folder = ran.folder / f"{CHAIN}{level}"
        mask, start = read_tensors(folder / "mask.safetensors"), read_tensors(folder / "start.safetensors")
        for name, kept in mask.items():
            assert not start[name][~kept].any()
            values, own = start[name][kept], initial[name][kept]
            assert np.isin(values, own).all() and (values != own).mean() > 0.5


def test_the_next_mask_is_made_from_the_treated_run(ran: Project) -> None:
    first, second = (read_tensors(ran.folder / f"{CHAIN}{level}/mask.safetensors") for level in (1, 2))
    trained = read_tensors(ran.folder / f"{CHAIN}1/trained.safetensors")
    for name, kept in second.items():
        removed = first[name] & ~kept
        for replicate in range(2):
            lost = np.abs(trained[name][replicate][removed[replicate]])
            assert lost.max() <= np.abs(trained[name][replicate][kept[replicate]]).min()


def test_a_treatment_that_changes_the_mask_is_one_clear_line(ran: Project) -> None:
    run = ran.snakemake("results/mini/0-1/random/level_1/trained.safetensors")
    assert run.status != 0
    log = ran.read("logs/mini/0-1/random/level_1/retrain.log")
    assert "error: treatment 'random-mask' changes the mask: use it in a branch" in log and "Traceback" not in log
