"""Telemetry: known values by hand, and a dense run that does not notice that it is watched."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from lth_core.analysis.telemetry import gradient_norms, logged_steps, of_weights, record, traced_weights
from lth_core.config import Initialization, Task
from lth_core.jobs import dense as dense_job
from lth_core.jobs import telemetry as telemetry_job
from lth_core.jobs.support.trainings import model_factory
from lth_core.models.initialization import initialize_cohort
from lth_core.models.layers import prunable_layers, prunable_weights
from lth_core.storage.tensors import Tensors, read_tensors, write_tensors
from lth_core.training.loop import train
from lth_core.training.state import TrainingState, start_state

SEEDS = [3, 8]
SGD = {"name": "sgd", "learning_rate": 0.05}


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 12), nn.ReLU(), nn.Linear(12, 3))


def batch_norm() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(), nn.Linear(64, 3)
    )


NETWORKS = [linear, batch_norm]


def initial(network: Callable[[], nn.Module]) -> Tensors:
    return initialize_cohort(network, Initialization(), SEEDS)


def watched(
    task: Any, network: Callable[[], nn.Module], last: int, **options: Any
) -> tuple[TrainingState, pd.DataFrame]:
    """The state after a watched training, and its rows with one column per quantity."""
    weights = initial(network)
    final = train(task, start_state(task, weights, {}), SEEDS, task.recipe.steps).weights
    state, layers = start_state(task, weights, {}), prunable_weights(network())
    generator = torch.random.get_rng_state()
    record(task, state, weights, final, layers, SEEDS, last, **options)
    assert torch.equal(torch.random.get_rng_state(), generator)
    rows = pd.DataFrame(state.history)
    return state, rows.pivot(index=["replicate", "step"], columns="quantity", values="value")


# ---------------------------------------------------------------- known values


def test_every_early_step_is_logged_then_fewer():
    assert logged_steps(4) == [0, 1, 2, 3, 4]
    assert logged_steps(12) == list(range(13))
    steps = logged_steps(4000)
    assert steps[:11] == list(range(11)) and steps[-1] == 4000 and len(steps) == 51
    late = np.diff(np.log(steps[20:]))
    assert late.min() > 0.13 and late.max() < 0.17  # 400 ** (1 / 40) = 1.162


@pytest.mark.parametrize("last", [1, 10, 11, 60, 300, 10**6])
def test_the_logged_steps_rise_from_the_first_to_the_last(last: int):
    steps = logged_steps(last)
    assert steps == sorted(set(steps)) and steps[0] == 0 and steps[-1] == last
    assert set(range(min(last, 10) + 1)) <= set(steps) and len(steps) <= 51


def test_quantities_of_weights_by_hand():
    actual = of_weights(np.array([3.0, -4, 0, 0]), np.array([0.0, -4, 0, 5]), np.array([-3.0, 4, 0, 0]))
    assert actual == pytest.approx(
        {
            "mean_magnitude": 7 / 4,
            "sign_changes": 2 / 4,  # 0 has a sign of its own
            "l2_to_initial": np.sqrt(9 + 25),
            "cosine_to_initial": 16 / (5 * np.sqrt(41)),
            "l2_to_final": 10,
            "cosine_to_final": -1,
        }
    )


def test_the_quantities_of_diverged_weights_are_not_numbers():
    actual = of_weights(np.array([np.nan, 1.0]), np.ones(2), np.ones(2))
    assert np.isnan(list(actual.values())).all()


def test_ten_different_weights_are_followed_always_the_same():
    indices = traced_weights(1000)
    assert len(set(indices)) == 10 and indices.min() >= 0 and indices.max() < 1000
    assert np.array_equal(indices, traced_weights(1000))
    assert traced_weights(4).tolist() == [0, 1, 2, 3]


# ---------------------------------------------------------------- along a training


@pytest.mark.parametrize("network", NETWORKS)
def test_a_watched_training_has_the_bits_of_the_dense_run(make_task, network):
    task = make_task(network())
    state, actual = watched(task, network, task.recipe.steps)
    alone = train(task, start_state(task, initial(network), {}), SEEDS, task.recipe.steps)
    for name, value in {**state.cohort.parameters, **state.cohort.buffers}.items():
        assert np.array_equal(value.numpy(), alone.weights[name]), name
    assert (actual.xs(20, level="step")["l2_to_final"] == 0).all()
    for row in alone.history:  # every fifth step
        if row["split"] != "train" and row["step"] in logged_steps(20):
            here = actual.loc[row["replicate"], row["step"]]
            assert here[f"{row['split']}_loss"] == row["loss"]
            assert here[f"{row['split']}_accuracy"] == row["accuracy"]


@pytest.mark.parametrize("network", NETWORKS)
def test_the_gradient_is_that_of_the_very_step(make_task, network):
    # Plain SGD moves the weights by the learning rate times the gradient.
    task, layers, seen = make_task(network(), SGD), prunable_weights(network()), []

    def look(state: TrainingState) -> None:
        seen.append({name: state.cohort.parameters[name].detach().clone() for name in layers})

    _, actual = watched(task, network, 10, listeners=[look])
    for step, (before, after) in enumerate(pairwise(seen)):
        for replicate in range(len(SEEDS)):
            moved = sum(float((after[name] - before[name])[replicate].square().sum()) for name in layers)
            assert actual.loc[(replicate, step), "gradient_norm"] == pytest.approx(np.sqrt(moved) / 0.05, rel=1e-3)


def test_replicates_that_are_computed_together_have_gradients_of_their_own(make_task: Any) -> None:
    task, layers = make_task(linear()), prunable_weights(linear())
    apart, together = (
        gradient_norms(task, start_state(task, initial(linear), {}, together=together), layers, SEEDS)
        for together in (False, True)  # as on a GPU
    )
    assert together == pytest.approx(apart, rel=1e-5)
    assert apart[0] != apart[1]


def test_a_network_starts_at_its_initialization(make_task):
    _, actual = watched(make_task(linear()), linear, 12)
    start = actual.xs(0, level="step")
    assert (start["sign_changes"] == 0).all() and (start["l2_to_initial"] == 0).all()
    assert start["cosine_to_initial"].to_numpy() == pytest.approx(1)
    weights = np.concatenate([initial(linear)[name].reshape(2, -1) for name in prunable_weights(linear())], axis=1)
    assert start["mean_magnitude"].to_numpy() == pytest.approx(np.abs(weights).mean(axis=1))
    traces = start[[f"weight_{number}" for number in range(10)]].to_numpy()
    assert np.array_equal(traces, weights[:, traced_weights(36 * 12 + 12 * 3)])


def test_what_is_not_prunable_does_not_count(make_task):
    weights, network = initial(batch_norm), batch_norm
    _, actual = watched(make_task(batch_norm()), network, 1)
    kernels, output = weights["0.weight"], weights["5.weight"]
    mean = (np.abs(kernels[0]).sum() + np.abs(output[0]).sum()) / (kernels[0].size + output[0].size)
    assert actual.loc[(0, 0), "mean_magnitude"] == pytest.approx(mean)


# ---------------------------------------------------------------- the job


@pytest.fixture
def job(tmp_path: Path, data_file: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pd.DataFrame]:
    """job(model) -> the table written of 20 steps of training, all that there are."""
    recipe = {"optimizer": SGD, "batch_size": 10, "steps": 20, "evaluate_every": 10}
    paths = {name: tmp_path / f"{name}.safetensors" for name in ("init", "trained")}

    def call(module: Any, name: str, spec: dict[str, Any], *arguments: object) -> None:
        words = [name, "--spec", json.dumps(spec), "--data", data_file, "--initial", paths["init"], *arguments]
        monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        module.main()

    def make(model: dict[str, Any]) -> pd.DataFrame:
        monkeypatch.setenv("LTH_DEVICE", "cpu")
        task = {"dataset": "synthetic", "model": model, "train": recipe, "cohorts": ["3-4"]}
        spec = {"task": task, "seeds": [3, 4], "modules": [], "code": ""}
        factory = model_factory(Task(**task), {"classes": 3, "input_shape": (1, 6, 6)})
        header = {"layers": prunable_layers(factory(), (1, 6, 6))}
        write_tensors(paths["init"], initialize_cohort(factory, Initialization(), [3, 4]), header)
        call(dense_job, "dense", spec, "--output", paths["trained"])
        output = tmp_path / "telemetry.csv"
        call(telemetry_job, "telemetry", spec | {"step": 20}, "--final", paths["trained"], "--output", output)
        assert list(read_tensors(paths["trained"]))  # still there
        return pd.read_csv(io.StringIO(output.read_text()))

    return make


def test_the_job_writes_one_row_per_seed_step_and_quantity(job):
    table = job({"name": "resnet-8", "width": 0.25})  # with batch norm
    assert list(table.columns) == ["seed", "step", "quantity", "value"]
    assert not table.duplicated(["seed", "step", "quantity"]).any()
    assert set(table["seed"]) == {3, 4} and sorted(set(table["step"])) == logged_steps(20)
    assert len(table) == 2 * len(logged_steps(20)) * 21
    ends = table[(table["step"] == 20) & (table["quantity"] == "l2_to_final")]
    assert (ends["value"] == 0).all()


def test_an_interrupted_job_goes_on_where_it_was(job, tmp_path, monkeypatch):
    model = {"name": "lenet", "hidden": [4]}
    whole = job(model)
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    reports = telemetry_job.Progress.report

    def interrupt(self: Any, step: int, *describe: Any) -> None:
        if step == 13 and not describe:  # the dense training before it says what its metric is
            raise RuntimeError("killed")
        reports(self, step, *describe)

    with monkeypatch.context() as patched:
        patched.setattr(telemetry_job.Progress, "report", interrupt)
        with pytest.raises(RuntimeError, match="killed"):
            job(model)
    assert (tmp_path / ".telemetry.resume.safetensors").exists()
    pd.testing.assert_frame_equal(job(model), whole)
    assert not list(tmp_path.glob(".telemetry.resume*"))
