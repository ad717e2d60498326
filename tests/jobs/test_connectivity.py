"""The connectivity job on networks trained on handwritten digits: which are paired, and the tables that it writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from lth_core.analysis.barriers import barriers
from lth_core.config import Initialization, Task
from lth_core.data.reading import open_data
from lth_core.data.sets.digits import digits
from lth_core.jobs import connectivity
from lth_core.jobs.connectivity import ENDS_COLUMNS, PATH_COLUMNS, next_seeds, same_seeds
from lth_core.jobs.support.trainings import model_factory
from lth_core.models.initialization import initialize_cohort
from lth_core.models.symmetries import symmetries
from lth_core.storage.tensors import Tensors, write_tensors
from lth_core.tasks.opening import build_task
from lth_core.training.loop import train
from lth_core.training.resume import Resume
from lth_core.training.state import start_state

SEEDS = [3, 4, 5]
POINTS = 5
LENET = {"name": "lenet", "hidden": [20, 10]}
RESNET = {"name": "resnet-8", "width": 0.25}


def settings(model: dict[str, Any]) -> Task:
    recipe = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 60, "steps": 60, "evaluate_every": 60}
    return Task(dataset="digits", model=model, train=recipe, cohorts=["3-5"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits, a trained LeNet of every seed (lenet, and permuted.safetensors) and the start of a ResNet."""
    folder = tmp_path_factory.mktemp("digits")
    splits = digits()
    write_tensors(folder / "data.safetensors", splits.tensors(), splits.facts())
    data = open_data(folder / "data.safetensors")
    for name, model in (("lenet", LENET), ("resnet", RESNET)):
        task = settings(model)
        factory = model_factory(task, data.facts)
        weights = initialize_cohort(factory, Initialization(), SEEDS)
        if name == "lenet":
            trainable = build_task(factory(), data, task.train, torch.device("cpu"))
            weights = train(trainable, start_state(trainable, weights, {}), SEEDS, 60).weights
            write_tensors(folder / "permuted.safetensors", permuted(weights, symmetries(factory(), (1, 8, 8))), {})
        write_tensors(folder / f"{name}.safetensors", weights, {})
    return folder


def permuted(weights: Tensors, groups: list[Any]) -> Tensors:
    replicates = []
    for index in range(len(SEEDS)):
        one = {name: value[index] for name, value in weights.items()}
        for group in groups:
            one = group.permute(one, np.random.default_rng(index).permutation(group.size))
        replicates.append(one)
    return {name: np.stack([one[name] for one in replicates]) for name in weights}


def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, pair: str, first: str, second: str, model: dict[str, Any] = LENET
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The job's two tables."""
    spec = {"seeds": SEEDS, "modules": [], "task": settings(model).model_dump(mode="json")}
    spec["connectivity"] = {"points": POINTS, "examples": 200}
    files = {"data": "data", "first": first, "second": second}
    arguments = [f"--{name}={folder / file}.safetensors" for name, file in files.items()]
    output = folder / pair / f"{pair}_path.csv"
    monkeypatch.setenv("LTH_DEVICE", "cpu")
    monkeypatch.setattr(
        sys, "argv", ["connectivity", f"--spec={json.dumps(spec)}", f"--pair={pair}", f"--output={output}", *arguments]
    )
    connectivity.main()
    return pd.read_csv(output), pd.read_csv(output.with_name(f"{pair}_ends.csv"))


def test_the_tables_of_networks_and_their_permuted_copies(folder: Path, monkeypatch: Any, capsys: Any):
    path, ends = run(folder, monkeypatch, "order", "lenet", "permuted")
    assert (tuple(path), tuple(ends)) == (PATH_COLUMNS, ENDS_COLUMNS)
    assert len(path) == 3 * 2 * 2 * POINTS and len(ends) == 3 * 2
    assert sorted(path["alpha"].unique()) == [0, 0.25, 0.5, 0.75, 1]
    assert path["metric"].mul(200).round(6).mod(1).eq(0).all()  # of the 200 examples asked for

    measured = barriers(path).set_index(["matching", "split", "seed"])
    assert (measured.loc["none", ["barrier", "loss_barrier"]] > 0.1).all(axis=None)
    assert measured.loc["aligned", ["barrier", "loss_barrier"]].abs().max(axis=None) < 1e-6

    assert (ends[["disagreement_train", "disagreement_test"]] == 0).all(axis=None)
    distances = ends.set_index("matching")[["l2", "angle"]]
    assert (distances.loc["aligned"] == 0).all(axis=None) and (distances.loc["none"] > 0.1).all(axis=None)
    assert "seconds: train 0.000 evaluate " in capsys.readouterr().out


def test_networks_of_different_seeds_are_connected_in_a_circle(folder: Path, monkeypatch: Any):
    path, ends = run(folder, monkeypatch, "seed", "lenet", "lenet")
    assert ends["seed"].tolist() == [3, 3, 4, 4, 5, 5] and (ends["disagreement_test"] > 0).all()
    plain = path[(path["matching"] == "none") & (path["split"] == "test")].set_index(["seed", "alpha"])["metric"]
    assert [plain[seed, 1.0] for seed in SEEDS] == [plain[seed, 0.0] for seed in (4, 5, 3)]
    l2 = ends.pivot(index="seed", columns="matching", values="l2")
    assert (l2["aligned"] < l2["none"]).all()


def test_batch_norm_has_both_statistics(folder: Path, monkeypatch: Any):
    path, ends = run(folder, monkeypatch, "level", "resnet", "resnet", RESNET)
    counts = path.groupby(["matching", "statistics", "split"]).size()
    assert len(counts) == 8 and (counts == 3 * POINTS).all() and len(ends) == 6
    assert np.isfinite(path["loss"]).all()


def test_a_network_that_cannot_be_traced_is_not_aligned(folder: Path, monkeypatch: Any, capsys: Any):
    monkeypatch.setattr(connectivity, "symmetries", lambda *_: None)
    path, ends = run(folder, monkeypatch, "order", "lenet", "permuted")
    assert set(path["matching"]) == set(ends["matching"]) == {"none"}
    assert "cannot be traced" in capsys.readouterr().out


# ---------------------------------------------------------------- pairs


def networks(count: int) -> list[Tensors]:
    return [{"w": np.array([number])} for number in range(count)]


def named(replicates: list[Any]) -> list[tuple[int, int, int, int]]:
    """Seed, draw, and the numbers of the two networks."""
    return [(r.seed, r.draw, int(r.pair.first["w"][0]), int(r.pair.second["w"][0])) for r in replicates]


def test_draws_are_paired_with_draws_and_with_the_one_network_of_their_seed():
    assert named(same_seeds([7, 8], networks(4), networks(4))) == [
        (7, 0, 0, 0),
        (7, 1, 1, 1),
        (8, 0, 2, 2),
        (8, 1, 3, 3),
    ]
    assert named(same_seeds([7, 8], networks(2), networks(4))) == [
        (7, 0, 0, 0),
        (7, 1, 0, 1),
        (8, 0, 1, 2),
        (8, 1, 1, 3),
    ]
    assert named(same_seeds([7, 8], networks(4), networks(2))) == [
        (7, 0, 0, 0),
        (7, 1, 1, 0),
        (8, 0, 2, 1),
        (8, 1, 3, 1),
    ]


def test_every_seed_is_paired_with_the_next_one_once():
    assert named(next_seeds([7, 8, 9], networks(3))) == [(7, 0, 0, 1), (8, 0, 1, 2), (9, 0, 2, 0)]
    assert named(next_seeds([7, 8], networks(2))) == [(7, 0, 0, 1)]
    assert next_seeds([7], networks(1)) == []


@pytest.mark.parametrize("cut_after", [1, 3, 4, 6])
def test_an_interrupted_measurement_goes_on_where_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch, cut_after: int
) -> None:
    """In each of its loops: over the training and test split, the sample for batch norm, and again both splits."""
    monkeypatch.setattr("lth_core.analysis.connectivity.BATCH", 100)  # two batches a loop
    monkeypatch.setattr("lth_core.analysis.connectivity.evaluation_piece", lambda linear, device: 100)
    whole = run(folder, monkeypatch, "seed", "resnet", "resnet", RESNET)
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    save, saved = Resume.save_when_due, []

    def cut(self: Resume, state: Any) -> None:
        save(self, state)
        saved.append(state.step)
        if len(saved) == cut_after:
            raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(Resume, "save_when_due", cut)
        with pytest.raises(RuntimeError, match="killed"):
            run(folder, patched, "seed", "resnet", "resnet", RESNET)
    assert (folder / "seed/.seed_path.resume.safetensors").exists()
    added = []
    with monkeypatch.context() as patched:
        patched.setattr(Resume, "save_when_due", lambda self, state: added.append(state.step))
        again = run(folder, patched, "seed", "resnet", "resnet", RESNET)
    assert len(added) == 10 - cut_after
    for resumed, expected in zip(again, whole, strict=True):
        pd.testing.assert_frame_equal(resumed, expected, check_exact=True)
    assert not (folder / "seed/.seed_path.resume.safetensors").exists()
