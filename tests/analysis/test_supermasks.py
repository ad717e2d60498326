"""Supermasks: masks from a trained network, and weights that nothing changes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from torch import nn

from lth_core.analysis.supermasks import accuracies, supermasks
from lth_core.config import Initialization, Method, Task
from lth_core.jobs import supermasks as job
from lth_core.jobs.support.trainings import model_factory
from lth_core.models.initialization import initialize_cohort
from lth_core.models.layers import prunable_layers
from lth_core.storage.tensors import read_header, read_tensors, write_tensors
from lth_core.tickets.untrained import untrained


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 30), nn.ReLU(), nn.Linear(30, 3))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(), nn.Linear(64, 3)
    )


# ---------------------------------------------------------------- masks of a criterion


def test_networks_with_batch_norm_have_accuracies_too(make_task) -> None:
    task = make_task(convolutional())
    weights = initialize_cohort(convolutional, Initialization(), [0, 1])
    replicates = [{name: value[index] for name, value in weights.items()} for index in (0, 1)]
    assert all(0 <= accuracy <= 1 for pair in accuracies(task, replicates) for accuracy in pair)


def test_masks_of_every_level_are_nested_with_the_counts_of_the_ladder() -> None:
    method = Method(levels=3, rate_by_kind={"output": 0.1}, criterion="large-final-same-sign")
    initial, trained = ({"a": np.random.default_rng(seed).standard_normal((10, 10))} for seed in (0, 1))
    masks = supermasks(method, {"a": "hidden"}, {}, 0, initial, trained)
    assert [int(mask["a"].sum()) for mask in masks] == [100, 80, 64, 51]
    for larger, smaller in pairwise(masks):
        assert not (smaller["a"] & ~larger["a"]).any()
    largest = np.abs(trained["a"])[masks[3]["a"]].min()
    same = np.sign(initial["a"]) == np.sign(trained["a"])
    assert set(np.flatnonzero(same & (np.abs(trained["a"]) > largest))) <= set(np.flatnonzero(masks[3]["a"]))


@pytest.mark.parametrize(
    ("criterion", "kept"),
    [
        ("large-final", [True, True, False, False]),
        ("large-final-same-sign", [True, False, True, False]),  # the second weight has changed its sign
        ("movement", [False, True, True, False]),
        ("magnitude-increase", [False, True, True, False]),
        ("magnitude-at-init", [True, False, False, True]),
    ],
)
@pytest.mark.parametrize("iterative", [True, False])
def test_criteria_compare_the_trained_weights_with_theta_0(criterion: str, kept: list[bool], iterative: bool) -> None:
    method = Method(levels=1, rate=0.5, criterion=criterion, iterative=iterative)
    initial, trained = {"a": np.array([[4.0, -1.0, 1.0, -1.25]])}, {"a": np.array([[4.5, 3.0, 2.0, -1.5]])}
    assert supermasks(method, {"a": "hidden"}, {}, 0, initial, trained)[1]["a"].tolist() == [kept]


def test_signed_constants_are_the_standard_deviation_of_their_layer() -> None:
    weights = {"a": np.array([[1.0, -2.0], [3.0, -4.0]]), "bias": np.array([5.0])}
    constant = untrained(weights, ["a"], "constant")
    std = np.std([1, -2, 3, -4])
    assert constant["a"] == pytest.approx(np.array([[std, -std], [std, -std]]))
    assert constant["bias"] is weights["bias"] and untrained(weights, ["a"], "initial") is weights


# ---------------------------------------------------------------- jobs

SEEDS = [3, 8]


def spec(network: str = "lenet") -> dict[str, object]:
    recipe = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 10, "steps": 30, "evaluate_every": 10}
    task = {"dataset": "d", "model": {"name": network, "hidden": [12]}, "train": recipe, "cohorts": ["3-3"]}
    return {"modules": [], "seeds": SEEDS, "task": task}


def run(main: Callable[[], None], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> pd.DataFrame:
    """What the job writes."""
    monkeypatch.setattr(sys, "argv", ["job", *arguments])
    main()
    return pd.read_csv(arguments[arguments.index("--output") + 1])


@pytest.fixture
def initial(tmp_path: Path) -> Path:
    factory = model_factory(Task(**spec()["task"]), {"classes": 3, "input_shape": [1, 6, 6]})
    path = tmp_path / "init.safetensors"
    header = {"layers": prunable_layers(factory(), (1, 6, 6)), "consumers": {}, "diverged": [False] * len(SEEDS)}
    write_tensors(path, initialize_cohort(factory, Initialization(), SEEDS), header)
    return path


def test_the_job_of_a_criterion_measures_every_level_with_both_kinds_of_weights(
    data_file: Path, initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = {"criterion": {"name": "large-final"}, "levels": 2, "rate_by_kind": {"output": 0.1}}
    files = ["--data", str(data_file), "--initial", str(initial), "--trained", str(initial)]
    text = json.dumps(spec() | {"method": method})
    table = run(job.main, monkeypatch, "--spec", text, *files, "--output", str(tmp_path / "out.csv"))
    assert list(table.columns) == list(job.COLUMNS) and len(table) == 2 * 3 * 2
    assert not table.duplicated(["seed", "level", "values"]).any() and set(table["seed"]) == set(SEEDS)
    kept = [36 * 12 + 36, 346 + 32, 277 + 29]  # 0.8 of the hidden weights and 0.9 of the output's, in each round
    assert table.groupby("level")["density"].first().to_numpy() == pytest.approx(np.array(kept) / 468, abs=0.003)


def test_an_interrupted_job_of_a_criterion_goes_on_where_it_was(
    data_file: Path, initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = {"criterion": {"name": "large-final"}, "levels": 2}
    files = ["--data", str(data_file), "--initial", str(initial), "--trained", str(initial)]
    arguments = ["--spec", json.dumps(spec() | {"method": method}), *files, "--output", str(tmp_path / "out.csv")]
    whole = run(job.main, monkeypatch, *arguments)
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    measure, calls = job.accuracies, []

    def cut(*given):
        calls.append(given)
        if len(calls) == 5:
            raise RuntimeError("killed")
        return measure(*given)

    monkeypatch.setattr(job, "accuracies", cut)
    with pytest.raises(RuntimeError, match="killed"):
        run(job.main, monkeypatch, *arguments)
    pd.testing.assert_frame_equal(run(job.main, monkeypatch, *arguments), whole, check_exact=True)
    assert len(calls) == 5 + 2  # of two kinds of values at three levels each
    assert not (tmp_path / ".out.resume.safetensors").exists()


def test_where_a_seed_diverged_the_others_are_measured_as_without_it(
    data_file: Path, initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the dense network it is theta_0 alone, under no mask, that has an accuracy."""
    lost = read_tensors(initial)
    layer = next(iter(read_header(initial)["layers"]))
    lost[layer] = np.where(np.arange(len(SEEDS)).reshape(-1, *[1] * (lost[layer].ndim - 1)) == 1, np.nan, lost[layer])
    write_tensors(tmp_path / "lost", lost, read_header(initial))
    method = {"method": {"criterion": {"name": "large-final-same-sign"}, "levels": 2}}
    tables = []
    for path in (initial, tmp_path / "lost"):
        files = ["--data", str(data_file), "--initial", str(initial), "--output", str(tmp_path / "out.csv")]
        files += ["--trained", str(path)]
        tables.append(run(job.main, monkeypatch, "--spec", json.dumps(spec() | method), *files))
    whole, holes = (table.set_index(["seed", "level", "values"]).sort_index() for table in tables)
    kept = [seed for seed in SEEDS if seed != SEEDS[1]]
    pd.testing.assert_frame_equal(whole.loc[kept], holes.loc[kept], check_dtype=False)
    of_lost = tables[1][tables[1]["seed"] == SEEDS[1]]
    assert (of_lost["test_accuracy"].notna() == (of_lost["level"] == 0)).all()
