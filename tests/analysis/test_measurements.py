"""Measurements from histories written by hand: early stopping, accuracies in the course of training, divergence."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.measurements import (
    at_densities,
    level_densities,
    measure,
    nearest_level,
    per_seed,
    read_histories,
    seed_means,
    select,
    select_dense,
)
from lth_core.config import Config, Task
from lth_core.metrics import ACCURACY, BITS_PER_CHARACTER, RETURN, Metric
from lth_core.storage.errors import ArtifactError
from lth_core.storage.runs import Run
from lth_core.storage.tensors import write_tensors

STEPS = [0, 10, 20, 30]
METRICS = {"t": ACCURACY}


def history(
    validation_loss: list[float], *, steps: list[int] = STEPS, seed: int = 0, draw: int = 0, level: int = 0
) -> pd.DataFrame:
    """One replicate whose accuracies say where they were measured: test 0.5 + step / 1000, train 0.7 + step / 1000."""
    run = {"task": "t", "cohort": "0-4", "method": "imp", "level": level, "branch": "ticket", "density": 0.8**level}
    start = {"train": 0.7, "validation": 0.6, "test": 0.5}
    rows = [
        run | {"seed": seed, "draw": draw, "step": step, "split": split, "loss": loss, "metric": base + step / 1000}
        for step, loss in zip(steps, validation_loss, strict=True)
        for split, base in start.items()
    ]
    return pd.DataFrame(rows)


def test_early_stopping_is_at_minimum_validation_loss():
    (row,) = measure(history([2.0, 0.5, 0.4, 0.6]), METRICS).to_dict("records")
    assert (row["early_stop_step"], row["validation_loss"]) == (20, 0.4)
    assert row["test_metric_early_stop"] == pytest.approx(0.52)
    assert row["train_metric_early_stop"] == pytest.approx(0.72)
    assert not row["diverged"]


def test_of_equal_minima_the_first_one_stops_training():
    table = history([2.0, 0.4, 0.9, 0.4]).sample(frac=1, random_state=0)  # in any order of rows
    assert measure(table, METRICS)["early_stop_step"].item() == 10


def test_metric_in_the_course_of_training():
    row = measure(history([2.0, 0.5, 0.4, 0.6]), METRICS).iloc[0]
    assert row[["test_metric_one_third", "test_metric_two_thirds", "test_metric_end"]].tolist() == [
        pytest.approx(0.51),
        pytest.approx(0.52),
        pytest.approx(0.53),
    ]
    assert row["train_metric_end"] == pytest.approx(0.73)


def test_a_part_of_training_is_measured_at_the_evaluated_step_next_to_it():
    row = measure(history([2.0, 0.5, 0.4, 0.6, 0.7], steps=[0, 30, 45, 60, 100]), METRICS).iloc[0]
    assert row["test_metric_one_third"] == pytest.approx(0.53)  # 33.3 is next to 30
    assert row["test_metric_two_thirds"] == pytest.approx(0.56)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_diverged_replicate_is_counted_and_has_no_measurements(loss: float):
    measured = measure(
        pd.concat([history([2.0, 0.1, loss, loss], seed=0), history([2.0, 0.5, 0.4, 0.6], seed=1)]), METRICS
    )
    assert measured["diverged"].tolist() == [True, False]
    assert measured.loc[0].filter(like="metric").isna().all()
    assert np.isnan(measured.loc[0, "early_stop_step"]) and measured.loc[1, "early_stop_step"] == 20


def test_every_replicate_diverged():
    assert measure(history([math.nan] * 4), METRICS)["diverged"].tolist() == [True]


def with_validation_metric(values: list[float], branch: str, **replicate: int) -> pd.DataFrame:
    table = history([2.0, 0.5, 0.4, 0.6], **replicate).assign(branch=branch)
    table.loc[table["split"] == "validation", "metric"] = values
    return table


def steps_to_dense(accuracies: list[float]) -> float:
    """Of the ticket of seed 1, whose dense network ends at 90%; that of seed 0 ends at 50%."""
    dense = [with_validation_metric([0.1, 0.95, 0.8, end], "dense", seed=s) for s, end in enumerate((0.5, 0.9))]
    ticket = with_validation_metric(accuracies, "ticket", seed=1, level=3)
    measured = measure(pd.concat([*dense, ticket]), METRICS).set_index(["branch", "seed"])
    assert measured.loc[("dense", 1), "steps_to_dense"] == 10
    return measured.loc[("ticket", 1), "steps_to_dense"]


@pytest.mark.parametrize(
    ("accuracies", "step"),
    [
        ([0.1, 0.8, 0.95, 0.95], 20),
        ([0.1, 0.8, 0.898, 0.7], 20),  # 0.2 percentage points below match
        ([0.1, 0.8, 0.897, 0.9], 30),
        ([0.9, 0.8, 0.8, 0.8], 0),
        ([0.1, 0.8, 0.8, 0.89], math.nan),
    ],
)
def test_the_step_that_first_matches_the_dense_network_of_the_same_seed(accuracies: list[float], step: float):
    assert steps_to_dense(accuracies) == pytest.approx(step, nan_ok=True)


def test_without_a_sound_dense_network_there_is_nothing_to_match():
    ticket = with_validation_metric([1.0] * 4, "ticket", level=3)
    diverged = history([2.0, math.nan, math.nan, math.nan]).assign(branch="dense")
    assert measure(ticket, METRICS)["steps_to_dense"].isna().all()
    assert measure(pd.concat([ticket, diverged]), METRICS)["steps_to_dense"].isna().all()


@pytest.mark.parametrize(("bits", "step"), [([2.5, 2.1, 2.01, 2.3], 20), ([2.5, 2.1, 2.02, 2.3], math.nan)])
def test_a_language_model_reaches_the_dense_one_where_its_bits_are_low_enough(bits: list[float], step: float):
    dense = with_validation_metric([3.0, 2.5, 2.2, 2.0], "dense")
    ticket = with_validation_metric(bits, "ticket", level=3)
    measured = measure(pd.concat([dense, ticket]), {"t": BITS_PER_CHARACTER}).set_index("branch")
    assert measured.loc["ticket", "steps_to_dense"] == pytest.approx(step, nan_ok=True)
    assert measured.loc["dense", "steps_to_dense"] == 30
    assert (measured["early_stop_step"] == 20).all()  # by the loss


@pytest.mark.parametrize("higher", [True, False])
def test_a_metric_that_selects_stops_training_early_where_it_is_best(higher: bool):
    returns = [10.0, 90.0, 80.0, 90.0] if higher else [90.0, 10.0, 20.0, 10.0]
    metric = Metric("score", "score", "points", higher_is_better=higher, selects=True)
    (row,) = measure(with_validation_metric(returns, "ticket"), {"t": metric}).to_dict("records")
    assert (row["early_stop_step"], row["validation_loss"]) == (10, 0.5)  # the minimum of the loss is at step 20
    assert row["test_metric_early_stop"] == pytest.approx(0.51)


def test_tasks_of_one_table_may_have_different_metrics():
    small = with_validation_metric([2.0, 1.0, 3.0, 2.0], "dense")
    cart = with_validation_metric([2.0, 1.0, 3.0, 2.0], "dense").assign(task="cart")
    measured = measure(pd.concat([small, cart]), {"t": BITS_PER_CHARACTER, "cart": RETURN}).set_index("task")
    assert measured["early_stop_step"].to_dict() == {"t": 20, "cart": 20}
    assert measured["steps_to_dense"].to_dict() == {"t": 0, "cart": 0}  # 5 points of return more match


def test_a_validation_metric_that_is_no_number_is_divergence():
    table = with_validation_metric([1.0, math.nan, 2.0, 3.0], "ticket")
    assert measure(table, {"t": RETURN})["diverged"].tolist() == [True]


def test_replicates_are_measured_apart():
    runs = [history([2.0, 0.5, 0.4, 0.6], seed=s, draw=d, level=n) for s in (0, 1) for d in (0, 1) for n in (0, 3)]
    assert len(measure(pd.concat(runs), METRICS)) == 8


# ---------------------------------------------------------------- reading and selecting


def config(folder: Path) -> Config:
    recipe = {"optimizer": {"name": "adam", "learning_rate": 0.1}, "batch_size": 10, "steps": 30, "evaluate_every": 10}
    task = {"dataset": "digits", "model": "lenet", "train": recipe, "cohorts": ["0-1"]}
    studies = {"frankle2019": {"tasks": {"t": "imp"}}}
    return Config(results=str(folder), tasks={"t": task}, methods={"imp": {"levels": 3}}, studies=studies)


def write_history(path: str, accuracy: float) -> None:
    lines = [
        f"{seed},0,{step},{split},1.0,{accuracy}" for seed in (0, 1) for step in STEPS for split in ("train", "test")
    ]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("seed,draw,step,split,loss,accuracy\n" + "\n".join(lines) + "\n")


def test_histories_are_read_with_their_run_and_the_density_of_its_mask(tmp_path: Path):
    runs = [Run("t", "0-1"), Run("t", "0-1", "imp", 2), Run("t", "0-1", "imp", 2, "reinit")]
    for number, run in enumerate(runs):
        write_history(run.history(str(tmp_path)), number / 10)
        if run.level:
            write_tensors(run.mask(str(tmp_path)), {"w": np.ones((2, 1), bool)}, {"density": 0.64})
    table = read_histories(config(tmp_path), runs)
    by_branch = table.groupby("branch", sort=False)[["method", "level", "density", "metric"]].first()
    assert by_branch.T.to_dict("list") == {
        "dense": ["dense", 0, 1.0, 0.0],
        "ticket": ["imp", 2, 0.64, 0.1],
        "reinit": ["imp", 2, 0.64, 0.2],
    }
    assert len(table) == 3 * 2 * len(STEPS) * 2
    assert len(select_dense(table, "t")) == len(select(table, "t", "imp")) == len(select(table, "t", "imp", "reinit"))


def test_the_metric_of_the_runs_task_is_read_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lth_core.tasks.metrics.metrics_of", lambda task: (BITS_PER_CHARACTER, ACCURACY))
    run = Run("t", "0-1")
    write_history(run.history(str(tmp_path)), 0.5)
    with pytest.raises(ArtifactError, match=r"dense/history\.csv: has no column 'bits_per_character'"):
        read_histories(config(tmp_path), [run])
    path = Path(run.history(str(tmp_path)))
    pd.read_csv(path).assign(bits_per_character=2.5).to_csv(path, index=False)
    assert set(read_histories(config(tmp_path), [run])["metric"]) == {2.5}


def test_without_a_fold_only_the_test_metric_is_another(tmp_path: Path):
    run, settings = Run("t", "0-1"), config(tmp_path)
    write_history(run.history(str(tmp_path)), 0.5)
    folded = settings.model_copy(update={"tasks": {"t": with_folds(settings.tasks["t"], 2)}})
    with pytest.raises(ArtifactError, match=r"dense/history\.csv: has no column 'accuracy_without_1'"):
        read_histories(folded.without_fold(1), [run])
    path = Path(run.history(str(tmp_path)))
    pd.read_csv(path).assign(accuracy_without_0=0.7, accuracy_without_1=0.9).to_csv(path, index=False)
    whole, without = read_histories(folded, [run]), read_histories(folded.without_fold(1), [run])
    is_test = whole["split"] == "test"
    assert set(without["metric"][is_test]) == {0.9}
    pd.testing.assert_series_equal(without["metric"][~is_test], whole["metric"][~is_test])
    assert not whole["metric"].isin([0.7, 0.9]).any()
    pd.testing.assert_frame_equal(read_histories(settings.without_fold(1), [run]), whole)  # the task has no folds


def with_folds(task: Task, folds: int) -> Task:
    return task.model_copy(update={"train": task.train.model_copy(update={"test_folds": folds})})


def test_a_missing_or_empty_history_is_named(tmp_path: Path):
    run = Run("t", "0-1")
    with pytest.raises(ArtifactError, match=r"dense/history\.csv"):
        read_histories(config(tmp_path), [run])
    path = Path(run.history(str(tmp_path)))
    path.parent.mkdir(parents=True)
    path.write_text("")
    with pytest.raises(ArtifactError, match=r"dense/history\.csv"):
        read_histories(config(tmp_path), [run])


def test_per_seed_averages_the_draws_of_a_seed():
    rows = pd.DataFrame(
        {"seed": [0, 0, 1, 1], "level": [3, 3, 3, 3], "draw": [0, 1, 0, 1], "accuracy": [0.2, 0.4, 0.9, math.nan]}
    )
    table = per_seed(rows, "accuracy")
    assert table[3].tolist() == [pytest.approx(0.3), pytest.approx(math.nan, nan_ok=True)]


def test_a_quantity_at_other_densities_is_interpolated_in_the_logarithm_and_never_extrapolated():
    values = pd.DataFrame([[1.0, 3.0], [0.0, math.nan]], index=[7, 8], columns=[1, 2])
    densities = level_densities(pd.DataFrame({"level": [1, 1, 2], "density": [0.4, 0.4, 0.1]}))
    interpolated = at_densities(values, densities, pd.Series({1: 0.5, 2: 0.4, 3: 0.2, 4: 0.1, 5: 0.09}))
    assert list(interpolated.columns) == [2, 3, 4]
    assert interpolated.loc[7].tolist() == pytest.approx([1, 2, 3])
    assert interpolated.loc[8].isna().tolist() == [False, True, True]


@pytest.mark.parametrize(("density", "level"), [(0.5, 3), (0.21, 7), (0.05, 13), (0.9, 0), (0.02, None)])
def test_nearest_level_on_the_ladder_of_one_fifth(density: float, level: int | None):
    rows = pd.DataFrame({"level": range(16), "density": [0.8**level for level in range(16)]})
    assert nearest_level(rows, density) == level  # the 15th level has 3.5%: 2% is too far off


def test_draws_are_averaged_within_their_seed_and_a_diverged_one_is_never_left_out():
    rows = pd.DataFrame({"seed": [0, 0, 1, 1, 2], "accuracy": [0.5, 0.7, 0.9, np.nan, 0.8]})
    means = seed_means(rows, "accuracy")
    assert means.index.to_list() == [0, 1, 2]
    assert means[0] == pytest.approx(0.6) and np.isnan(means[1]) and means[2] == 0.8
