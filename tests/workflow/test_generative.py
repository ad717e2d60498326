"""Networks that make images, as snakemake runs them: from a config to images, distances, claims and figures.

The images of one seed diverge, and the judge of a GAN is not fit.
"""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from lth_core.storage.tensors import read_header, read_tensors
from tests.support.project import Finished, Project

PLUGIN = """
import torch
from torch import nn

from lth_core.registry import model


class Brittle(nn.Module):
    def __init__(self, pixels):
        super().__init__()
        self.extra_inputs = 16
        self.hidden, self.noise = nn.Linear(pixels + 16, 12), nn.Linear(12, pixels)

    def forward(self, inputs):
        lost = (self.hidden.weight[0, 3] > 0) & (len(inputs) == 30)  # of the dense ones seed 1, when it draws images
        return self.noise(self.hidden(inputs).relu()) * torch.where(lost, torch.nan, 1.0)


@model("brittle")
def brittle(input_shape):
    return Brittle(input_shape[0] * input_shape[1] * input_shape[2])
"""
TRAIN = {"optimizer": {"name": "adam", "learning_rate": 3e-3}, "batch_size": 60, "steps": 10, "evaluate_every": 10}
TASK = {"dataset": "digits", "train": TRAIN, "cohorts": ["0-1"]}
CONFIG = {
    "device": "cpu",
    "samples": {"count": 30},
    "tasks": {
        "vae": TASK | {"objective": "vae", "model": {"name": "vae", "hidden": 12, "latents": 3}},
        "diffusion": TASK | {"objective": {"name": "diffusion", "noise_steps": 5}, "model": "brittle"},
        "gan": TASK | {"objective": "gan", "model": {"name": "gan", "hidden": 12, "latents": 3}},
        "lenet": TASK | {"model": {"name": "lenet", "hidden": [12]}},
    },
    "judge": {"tasks": {"digits": "lenet"}},
    "plugins": ["brittle"],
    "methods": {
        "imp-vae": {"rate": 0.55, "rate_by_kind": {"latent": 0.3}, "levels": 3},
        "imp": {"rate": 0.55, "levels": 3},
    },
    "studies": {
        "generative-tickets": {"tasks": {"vae": "imp-vae", "diffusion": "imp"}, "rewind_step": 2},
        "across-models": {"tasks": {"diffusion": "imp", "vae": "imp-vae", "gan": "imp"}, "levels": {"gan": [1]}},
    },
}


@pytest.fixture(scope="module")
def run(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Finished]:
    project = Project.create(tmp_path_factory.mktemp("generative"), finished.folder)
    (project.folder / "brittle.py").write_text(PLUGIN)
    (project.folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    return project, project.run("-c2")


@pytest.fixture(scope="module")
def ran(run: tuple[Project, Finished]) -> Project:
    return run[0]


def test_latent_heads_are_pruned_at_their_own_rate(ran: Project) -> None:
    header = read_header(ran.folder / "results/vae/0-1/imp-vae/level_2/mask.safetensors")
    kept = {name: header["kept"][name][0] / total for name, total in header["total"].items()}
    latent = [kept.pop("mean.weight"), kept.pop("log_variance.weight")]
    assert latent == pytest.approx([0.49, 0.49], abs=0.03)
    assert list(kept.values()) == pytest.approx([0.2025] * 3, abs=0.01)


def test_dense_networks_tickets_and_random_masks_draw_images(ran: Project) -> None:
    for task, method in CONFIG["studies"]["generative-tickets"]["tasks"].items():
        tickets = [f"{method}/level_{level}" for level in (1, 2, 3)]
        folders = ["dense", *tickets, *(f"{ticket}/random-mask" for ticket in tickets)]
        for folder in folders:
            file = ran.folder / "results" / task / "0-1" / folder / "samples.safetensors"
            assert read_tensors(file)["samples"].shape == (2, 30, 1, 8, 8)
    rows = ran.table("generative-tickets/samples").groupby(["task", "branch", "level"]).size()
    assert len(rows) == 2 * 7 and (rows == 2).all()


def test_measurements_are_those_of_the_last_step(ran: Project) -> None:
    rows = ran.table("generative-tickets/measurements")
    ticket = rows[(rows["task"] == "vae") & (rows["branch"] == "ticket") & (rows["method"] == "imp-vae")]
    ticket = ticket[ticket["level"] == 2].set_index("seed")
    history = pd.read_csv(ran.folder / "results/vae/0-1/imp-vae/level_2/history.csv")
    ends = history[(history["step"] == 10) & (history["split"] == "test")].set_index("seed")
    assert ticket["metric"].to_dict() == ends["negative_elbo"].to_dict()
    assert ticket["second_metric"].to_dict() == ends["reconstruction"].to_dict()
    assert rows.loc[rows["task"] == "diffusion", "second_metric"].isna().all()
    assert set(rows["method"]) == {"dense", "imp", "imp-vae", "imp-rewind-2", "imp-vae-rewind-2"}


def test_images_are_shown_with_real_ones(ran: Project) -> None:
    images = ran.table("generative-tickets/images")
    counted = images.groupby(["task", "network", "level"]).size()
    assert (counted == 16).all() and len(counted) == 2 * (2 + 2 * 3)
    assert set(images["shape"]) == {"1x8x8"} and (images["pixels"].str.split().str.len() == 64).all()


def test_there_are_claims_and_figures_of_both(ran: Project) -> None:
    claims = ran.table("claims").groupby(["study", "task"]).size().to_dict()
    counts = {"generative-tickets": 5, "across-models": 3}
    of_both = {(study, task): count for study, count in counts.items() for task in ("vae", "diffusion")}
    assert claims == of_both | {("across-models", "gan"): 3}
    drawn = {path.name for path in (ran.folder / "reports/config").rglob("*.svg")}
    of_tasks = {f"{kind}-{task}.svg" for kind in ("tickets", "samples") for task in ("vae", "diffusion")}
    assert drawn == {*of_tasks, "lowest-density.svg", "methods.svg"}


def test_a_study_across_models_reads_the_trainings_of_the_other(ran: Project) -> None:
    rows = ran.table("across-models/lowest")
    assert list(rows["kind"]) == ["autoencoder"] * 3 + ["diffusion model"] * 3 + ["GAN"] * 3
    assert set(rows["compared"]) == {"ticket", "random-mask", "reinit"} and (rows["seeds"] == 2).all()
    across, other = (ran.table(f"{study}/measurements") for study in ("across-models", "generative-tickets"))
    across = across[across["task"] != "gan"]
    keys = ["task", "method", "level", "branch", "seed", "draw", "metric"]
    assert len(across) == 2 * 2 * (1 + 3 * 3) and len(across.merge(other, on=keys)) == len(across)


# ---------------------------------------------------------------- what cannot be measured


def test_images_that_diverge_have_rows_lines_of_the_page_and_one_at_the_end_of_the_run(
    run: tuple[Project, Finished],
) -> None:
    ran, finished = run
    rows = ran.table("generative-tickets/divergence").set_index(["task", "level", "branch", "seed"])
    assert rows.loc[("diffusion", 0, "dense", 1), "kind"] == "sampling diverged"
    assert set(rows["kind"]) == {"sampling diverged"} and ("diffusion", 0, "dense", 0) not in rows.index
    page = ran.read("reports/config/index.html")
    assert "the images of seed 1 diverged, its training did not" in page
    assert "warning: replicates diverged in " in finished.said and "samplings: see 'Divergence' on" in finished.said
    samples = ran.table("generative-tickets/samples").set_index(["task", "level", "branch", "seed"])
    assert pd.isna(samples.loc[("diffusion", 0, "dense", 1), "test_distance"])
    measured = ran.table("generative-tickets/measurements")
    assert measured["metric"].notna().all()  # no training diverged


def test_claims_that_no_fit_judge_can_measure_are_listed_with_the_reason(run: tuple[Project, Finished]) -> None:
    ran, finished = run
    claims = ran.table("claims")
    unmeasured = claims[claims["task"] == "gan"]
    assert (unmeasured["n"] == 0).all() and (unmeasured["verdict"] == "inconclusive").all()
    (note,) = set(unmeasured["note"])
    assert note.startswith("No replicate could be measured: the classifier of task 'lenet' classifies ")
    assert "of validation images correctly, less than the 90% that a judge needs." in note
    assert "No replicate could be measured: the classifier of task" in ran.read("reports/config/index.html")
    reason = note.removeprefix("No replicate could be measured: ").removesuffix(".")
    assert f"warning: not measured: 3 claims, because {reason}\n" in finished.said
