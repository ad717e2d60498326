"""Networks that make images, as snakemake runs them: from a config to images, distances, claims and figures."""

from __future__ import annotations

import pandas as pd
import pytest

from lth_core.storage.tensors import read_header, read_tensors
from tests.support.project import Project

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 3e-3}, "batch_size": 60, "steps": 10, "evaluate_every": 10}
TASK = {"dataset": "digits", "train": TRAIN, "cohorts": ["0-1"]}
CONFIG = {
    "device": "cpu",
    "samples": {"count": 30},
    "tasks": {
        "vae": TASK | {"objective": "vae", "model": {"name": "vae", "hidden": 12, "latents": 3}},
        "diffusion": TASK
        | {"objective": {"name": "diffusion", "noise_steps": 5}, "model": {"name": "denoiser", "hidden": [12]}},
    },
    "methods": {
        "imp-vae": {"rate": 0.55, "rate_by_kind": {"latent": 0.3}, "levels": 3},
        "imp": {"rate": 0.55, "levels": 3},
    },
    "studies": {
        "generative-tickets": {"tasks": {"vae": "imp-vae", "diffusion": "imp"}, "rewind_step": 2},
        "across-models": {"tasks": {"diffusion": "imp", "vae": "imp-vae"}},
    },
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.ran(tmp_path_factory.mktemp("generative"), CONFIG)


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
    assert claims == {(study, task): count for study, count in counts.items() for task in ("vae", "diffusion")}
    drawn = {path.name for path in (ran.folder / "reports/config").rglob("*.svg")}
    of_tasks = {f"{kind}-{task}.svg" for kind in ("tickets", "samples") for task in ("vae", "diffusion")}
    assert drawn == {*of_tasks, "lowest-density.svg"}


def test_a_study_across_models_reads_the_trainings_of_the_other(ran: Project) -> None:
    rows = ran.table("across-models/lowest")
    assert list(rows["kind"]) == ["autoencoder"] * 3 + ["diffusion model"] * 3
    assert set(rows["branch"]) == {"ticket", "random-mask", "reinit"} and (rows["seeds"] == 2).all()
    across, other = (ran.table(f"{study}/measurements") for study in ("across-models", "generative-tickets"))
    keys = ["task", "method", "level", "branch", "seed", "draw", "metric"]
    assert len(across) == 2 * 2 * (1 + 3 * 3) and len(across.merge(other, on=keys)) == len(across)
