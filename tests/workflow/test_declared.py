"""What a network of a plugin declares prunable is pruned, each kind at its rate, and a wrong name costs nothing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from lth_core.storage.tensors import read_header, read_tensors
from tests.support.project import BRANCH, DENSE, LEVELS, PAGE, RUN, Project

KEPT = {
    "table.weight": 0.8,
    "mix.weight": 0.8,
    "read.weight_ih_l0": 0.5,
    "attend.in_proj_weight": 0.6,
    "attend.out_proj.weight": 0.6,
}


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("declared"), finished.folder)
    shutil.copy2(Path(__file__).parents[1] / "support/reader.py", project.folder)
    network = ("{name: lenet, hidden: [20, 10]}", "reader")
    rates = ("rate_by_kind: {output: 0.1}", "rate_by_kind: {recurrent: 0.5, attention: 0.4}, exclude: [output]")
    project.edit("config.yaml", network, rates)
    project.append("config.yaml", "plugins: [reader]\n")
    project.run()
    return project


def test_masks_are_of_what_is_declared_each_kind_at_its_rate(ran: Project) -> None:
    for level, folder in enumerate(LEVELS, start=1):
        header = read_header(ran.folder / folder / "mask.safetensors")
        kept = {name: counts[0] / header["total"][name] for name, counts in header["kept"].items()}
        assert kept == pytest.approx({name: share**level for name, share in KEPT.items()}, abs=0.02)


def test_frozen_weights_are_pruned_and_keep_their_values_otherwise(ran: Project) -> None:
    initial = read_tensors(ran.folder / RUN / "init.safetensors")
    for folder in LEVELS:
        mask, trained = (read_tensors(ran.folder / folder / f"{name}.safetensors") for name in ("mask", "trained"))
        assert np.array_equal(trained["mix.weight"], np.where(mask["mix.weight"], initial["mix.weight"], 0))
        assert np.array_equal(trained["mix.bias"], initial["mix.bias"])
        assert all(not trained[name][~kept].any() for name, kept in mask.items())


def test_controls_are_masked_alike(ran: Project) -> None:
    ticket, control = (read_tensors(ran.folder / folder / "mask.safetensors") for folder in (LEVELS[0], BRANCH))
    assert all(np.array_equal(control[name], kept) for name, kept in ticket.items())


def test_the_page_names_what_is_not_declared(ran: Project) -> None:
    (named,) = re.findall(r"never pruned: (.*?); densities", ran.read(PAGE))
    assert named == "read.weight_hh_l0 (256)"
    assert read_header(ran.folder / DENSE / "trained.safetensors")["unpruned"] == {"read.weight_hh_l0": 256}


def test_the_ticket_is_an_ordinary_module_with_the_same_zeros(ran: Project) -> None:
    code = (
        "import reader; from lth_core.tickets import load_mask, load_module, prune_masks\n"
        f"mask, module = load_mask('{LEVELS[1]}', 0), load_module('{LEVELS[1]}', 0)\n"
        "assert all(not module.get_parameter(name)[~kept].any() for name, kept in mask.items())\n"
        "print(len(mask), type(prune_masks(module, mask)).__name__)"
    )
    assert ran.python("-c", code) == "5 Reader\n"


def test_a_wrong_name_is_one_line_before_anything_is_removed(ran: Project) -> None:
    before = ran.files()
    ran.edit("reader.py", ('"weight_ih_l0": "recurrent"', '"weight_ih": "recurrent"'))
    refused = ran.snakemake()
    assert refused.status != 0 and ran.files() == before
    said = "error: tasks.mini.model: reader: `prunable` of read: 'weight_ih' is no parameter of it; did you mean "
    assert said in refused.said
