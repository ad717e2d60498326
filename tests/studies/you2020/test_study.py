"""The study of You et al. 2020: the tasks, methods, branches and trainings that it asks for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from lth_core.config import StartingWeights
from lth_core.studies.you2020.study import AS_CONFIGURED, LOW_PRECISION, SMALL_RATE, UNPENALIZED
from tests.support.you2020_results import config, study


def test_masks_are_drawn_at_every_epoch_and_tickets_train_on_from_there() -> None:
    methods = study().methods(config())
    drawn = {name: (method.prune_at, method.rewind.policy, method.rewind.step) for name, method in methods.items()}
    assert drawn == {
        "channels-drawn-at-60": (60, "reset", 0),
        "channels-from-60": (60, "rewind", 60),
        "channels-drawn-at-80": (80, "reset", 0),
        "channels-from-80": (80, "rewind", 80),
        "channels-drawn-at-200": (200, "reset", 0),  # the end of training: there is nothing to train on
        "channels-iterative": (None, "reset", 0),
    }
    assert [name for name, method in methods.items() if method.iterative] == ["channels-iterative"]


def test_whole_schedules_start_from_the_weights_at_the_draw() -> None:
    branches = study().branches(config())
    assert {branch.treatment.name for branch in branches.values()} == {"ticket", "random-channels"}
    assert branches["retrained-mini-at-60"].weights == StartingWeights(task="mini", step=60)
    assert branches["random-mini-at-60"].weights == StartingWeights(task="mini", step=60)


def test_tickets_of_a_search_in_low_precision_are_trained_in_the_precision_of_the_task() -> None:
    branch = study().branches(config())["low-precision-search-mini-at-60"]
    assert branch.source == "mini-int8-simulated"
    assert branch.weights == StartingWeights(task="mini-int8-simulated", step=60)
    assert study().derived_tasks(config())["mini-int8-simulated"].train.precision == "int8-simulated"
    assert {run.task for run in study().runs(config())} == {"mini"}
    plain = study(search_precision="none")
    assert "precision-mini" in study().figure_names(config())
    assert "precision-mini" not in plain.figure_names(config())
    assert not any("precision" in name for name in plain.branches(config()))
    half = config(train={"precision": "bf16"})
    assert LOW_PRECISION not in study(search_precision="bf16").settings(half, "mini")  # it is the task's own


def test_masks_are_compared_with_a_small_learning_rate_and_without_penalty_too() -> None:
    tasks = study().derived_tasks(config())
    assert study().settings(config(), "mini") == {
        AS_CONFIGURED: "mini",
        SMALL_RATE: "mini-small-rate",
        UNPENALIZED: "mini-no-penalty",
        LOW_PRECISION: "mini-int8-simulated",
    }
    assert tasks["mini-small-rate"].train.optimizer.learning_rate == pytest.approx(0.01)
    assert (tasks["mini-small-rate"].train.penalty, tasks["mini-no-penalty"].train.penalty) == (1e-4, 0)
    plain = config(train={"penalty": 0})
    assert study(small_rate=0, search_precision="none").derived_tasks(plain) == {}


def test_the_trainings_of_a_cohort() -> None:
    runs = study().runs(config())
    assert len(runs) == len(set(runs))
    counted = Counter((run.method, run.branch) for run in runs if run.cohort == "2-2")
    steps = (60, 80, 200)
    assert counted == {
        ("dense", None): 1,
        **{(f"channels-from-{step}", None): 3 for step in (60, 80)},
        **{
            (f"channels-drawn-at-{step}", f"{kind}-mini-at-{step}"): 3
            for kind in ("retrained", "random", "low-precision-search")
            for step in steps
        },
        **{(f"channels-drawn-at-{step}", "reinit"): 3 for step in steps},
        ("channels-iterative", None): 3,
    }


def test_masks_of_every_epoch_are_asked_for_in_all_settings() -> None:
    paths = study().analyses(config())
    assert len(paths) == len(set(paths)) == 8
    assert "results/mini-small-rate/2-2/channels/channel_masks_10.csv" in paths


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        ({"iterative": True}, "must rank the channels of the dense network: set granularity: channel and iterative"),
        ({"granularity": "weight", "criterion": "magnitude"}, "must rank the channels of the dense network"),
        ({"criterion": "random"}, "criterion 'random' of method 'channels' must look at trained weights alone"),
        ({"prune_at": 20}, "must have no treatment and no prune_at"),
    ],
)
def test_methods_that_cannot_be_drawn_at_epochs_are_refused(method: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        study().runs(config(**method))


def test_epochs_beyond_the_training_are_refused() -> None:
    with pytest.raises(
        ValueError, match="draw_epochs: 30 epochs of 10 steps are more than the 200 steps of task 'mini'"
    ):
        study(draw_epochs=[5, 30]).runs(config())
    with pytest.raises(ValueError, match="queue: task 'mini' is trained for less than 21 epochs"):
        study(queue=21).runs(config())
    with pytest.raises(ValidationError, match="must rise"):
        study(draw_epochs=[8, 6])
