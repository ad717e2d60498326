"""The history of a training: what is measured and when, and that of replicates that diverge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from lth_core.jobs.support.trainings import write_history
from lth_core.training import history
from lth_core.training.history import Evaluations
from lth_core.training.loop import train
from lth_core.training.state import start_state
from tests.support.small_trainings import (
    NETWORKS,
    OPTIMIZERS,
    SEEDS,
    dense,
    initial,
    linear,
    run,
    same_bits,
    sparse_mask,
)


def test_history_has_every_split_at_the_first_step_each_evaluation_and_the_last(make_task: Any) -> None:
    trained = run(make_task(dense(), steps=12, evaluate_every=5), initial(dense), {})
    steps = [row["step"] for row in trained.history if row["split"] == "test" and row["replicate"] == 1]
    assert steps == [0, 5, 10, 12]
    assert {row["split"] for row in trained.history} == {"train", "validation", "test"}
    assert len(trained.history) == 4 * 3 * len(SEEDS)


def test_listeners_hear_of_the_first_state_and_of_every_step_in_their_order(make_task: Any) -> None:
    task, calls = make_task(dense(), steps=4, evaluate_every=4), []
    listeners = [lambda state: calls.append(("first", state.step)), lambda state: calls.append(("second", state.step))]
    run(task, initial(dense), {}, first_step=2, listeners=listeners)
    assert calls == [(name, step) for step in (2, 3, 4) for name in ("first", "second")]


def test_a_training_that_goes_on_does_not_log_its_step_twice(make_task: Any) -> None:
    task, evaluations = make_task(dense(), steps=10, evaluate_every=5), Evaluations(5, 10)
    state = start_state(task, initial(dense), {})
    for last in (5, 5, 10):
        train(task, state, SEEDS, last, listeners=[evaluations])
    assert [row["step"] for row in state.history[:: 3 * len(SEEDS)]] == [0, 5, 10]
    assert evaluations.seconds > 0


def test_on_a_gpu_the_clock_of_an_evaluation_starts_when_the_steps_before_are_done(
    make_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps are only begun when a training goes on."""
    state, calls = start_state(make_task(dense()), initial(dense), {}), []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: calls.append("wait"))
    monkeypatch.setattr(history.time, "perf_counter", lambda: calls.append("clock") or 0.0)
    monkeypatch.setattr(history, "log", lambda state: calls.append("evaluate"))
    Evaluations(5, 20)(state)
    state.cohort.task = replace(state.cohort.task, device=torch.device("cuda"))
    Evaluations(5, 20)(state)
    once = ["clock", "evaluate", "clock"]
    assert calls == [*once, "wait", *once]


def test_one_more_quantity_is_one_more_column_of_the_history(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usual = history.quantities
    monkeypatch.setattr(history, "quantities", lambda state, split: usual(state, split) | {"steps": [state.step] * 2})
    trained = run(make_task(dense(), steps=5), initial(dense, [3, 4]), {}, [3, 4])
    write_history(tmp_path / "history.csv", trained.history, [3, 4], draws=1)
    header, first, *_, last = (tmp_path / "history.csv").read_text().splitlines()
    assert header == "seed,draw,step,split,loss,accuracy,steps"
    assert first.startswith("3,0,0,train,") and first.endswith(",0")
    assert last.startswith("4,0,5,test,") and last.endswith(",5")


def test_a_rewound_training_starts_its_history_and_schedule_at_its_first_step(make_task: Any) -> None:
    schedule = {"name": "step", "drop_steps": [10], "factor": 0.001}
    task = make_task(dense(), {"name": "sgd", "learning_rate": 0.1}, schedule=schedule)
    weights = initial(dense)
    late = run(task, weights, {}, first_step=10)
    assert late.history[0]["step"] == 10
    moved = max(abs(late.weights[name] - weights[name]).max() for name in weights)
    assert 0 < moved < 0.01  # ten steps at the dropped rate


def test_history_measures_loss_and_accuracy_of_the_split(make_task: Any) -> None:
    task, weights = make_task(dense(), steps=5), initial(dense, [0])
    trained = run(task, weights, {}, seeds=[0])
    module = dense()
    module.load_state_dict({name: torch.from_numpy(value[0]) for name, value in trained.weights.items()})
    images, labels = next(iter(task.data.batches("test", [np.arange(30)])))
    row = next(row for row in trained.history if row["step"] == 5 and row["split"] == "test")
    assert row["accuracy"] == pytest.approx((module(images).argmax(1) == labels).float().mean().item())
    assert row["loss"] == pytest.approx(nn.functional.cross_entropy(module(images), labels).item(), rel=1e-5)


def test_the_history_has_the_test_metric_without_each_fold_as_measured_by_hand(make_task: Any, tmp_path: Path) -> None:
    """Fold g of 4 has the test examples g, g + 4, ...: 8 or 7 of 30."""
    trained = run(make_task(linear(), steps=5, test_folds=4), initial(linear), {})
    write_history(tmp_path / "history.csv", trained.history, SEEDS, draws=1)
    table = pd.read_csv(tmp_path / "history.csv", keep_default_na=False, dtype=str)
    without = [f"accuracy_without_{fold}" for fold in range(4)]
    assert list(table) == ["seed", "draw", "step", "split", "loss", "accuracy", *without]
    assert set(table[table["split"] != "test"][without].to_numpy().ravel()) == {""}

    images, labels = next(iter(make_task(linear()).data.batches("test", [np.arange(30)])))
    for index, seed in enumerate(SEEDS):
        module = linear()
        module.load_state_dict({name: torch.from_numpy(value[index]) for name, value in trained.weights.items()})
        right = (module(images).argmax(1) == labels).numpy()
        (row,) = table.query(f"seed == '{seed}' and step == '5' and split == 'test'").to_dict("records")
        assert float(row["accuracy"]) == pytest.approx(right.mean())
        for fold in range(4):
            others = np.delete(right, np.s_[fold::4])
            assert float(row[f"accuracy_without_{fold}"]) == pytest.approx(others.mean(), abs=1e-8)


def test_folds_change_no_other_number(make_task: Any) -> None:
    plain, folded = (run(make_task(linear(), steps=10, test_folds=folds), initial(linear), {}) for folds in (0, 3))
    assert same_bits(plain.weights, folded.weights)
    assert [{name: row[name] for name in plain.history[0]} for row in folded.history] == plain.history


def test_training_accuracy_is_measured_on_a_fixed_sample_of_all_classes(make_task: Any) -> None:
    """Also where the files are sorted by class, as those of image folders are."""
    task = make_task(dense())
    by_class = task.data.labels["train"].argsort(stable=True)
    task.data.labels["train"] = task.data.labels["train"][by_class]
    first, second = (torch.cat([batch.targets for batch in task.evaluation_batches("train")]) for _ in range(2))
    assert len(first) == task.data.size("validation") and set(first.tolist()) == {0, 1, 2}
    assert torch.equal(first, second)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_diverged_replicate_leaves_the_others_alone(make_task: Any, network: Any, optimizer: dict) -> None:
    """Bit by bit, and nothing is measured of it: argmax of nan would be a class, and right now and then."""
    task, weights = make_task(network(), optimizer, steps=5, evaluate_every=1), initial(network)
    mask = sparse_mask(weights, network)
    poisoned = {name: value.copy() for name, value in weights.items()}
    poisoned[next(iter(mask))][1] = np.inf
    with np.errstate(invalid="ignore"):  # infinity where the mask is False
        trained, clean = run(task, poisoned, mask), run(task, weights, mask)
    for name in weights:
        assert np.array_equal(trained.weights[name][[0, 2]], clean.weights[name][[0, 2]])
    others = [[row for row in rows if row["replicate"] != 1] for rows in (trained.history, clean.history)]
    assert others[0] == others[1]
    lost = [row for row in trained.history if row["replicate"] == 1]
    assert len(lost) == 3 * 6 and np.isnan([[row["loss"], row["accuracy"]] for row in lost]).all()


def test_a_learning_rate_too_high_for_one_replicate_is_seen_where_it_diverges(make_task: Any) -> None:
    task, weights = (
        make_task(linear(), {"name": "sgd", "learning_rate": 10.0}, steps=12, evaluate_every=1),
        initial(linear),
    )
    large = {
        name: value * np.float32([1, 1e15, 1]).reshape(-1, *[1] * (value.ndim - 1)) for name, value in weights.items()
    }
    trained, clean = run(task, large, {}), run(task, weights, {})
    lost = [not np.isfinite(row["loss"]) for row in trained.history if row["replicate"] == 1]
    first = lost.index(True)
    assert first > 3 and all(lost[first:])  # it began with finite numbers
    measured = [np.isfinite(row["accuracy"]) for row in trained.history if row["replicate"] == 1]
    assert [not known for known in measured] == lost
    for name in weights:
        assert np.array_equal(trained.weights[name][[0, 2]], clean.weights[name][[0, 2]])


def test_a_weight_that_is_not_finite_is_divergence_even_where_no_output_shows_it(make_task: Any) -> None:
    task, weights = make_task(linear()), initial(linear)
    weights["1.bias"][1][0] = -np.inf  # a unit that is always off
    weights["1.weight"][2] = 3e38  # finite, though their sum is not
    assert start_state(task, weights, {}).cohort.finite().tolist() == [True, False, True]
    weights["1.weight"][2] = 0
    losses, accuracies = start_state(task, weights, {}).cohort.evaluate("test").values()
    assert np.isnan([losses[1], accuracies[1]]).all() and np.isfinite([*losses[::2], *accuracies[::2]]).all()
