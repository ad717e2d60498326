"""The metrics of a task are those of its objective, known without torch."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from lth_core.config import Task
from lth_core.metrics import ACCURACY, BITS_PER_CHARACTER, RETURN, Metric
from lth_core.registry import UnknownName
from lth_core.tasks.metrics import metric_of, metrics_of

TRAIN = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 2, "steps": 1, "evaluate_every": 1}


def task(**settings: Any) -> Task:
    return Task.model_validate({"dataset": "mine", "model": "any", "train": TRAIN, "cohorts": ["0-0"], **settings})


@pytest.mark.parametrize(
    ("settings", "metric"),
    [
        ({}, ACCURACY),
        ({"objective": "language"}, BITS_PER_CHARACTER),
        ({"objective": {"name": "actor-critic", "discount": 0.9}}, RETURN),
    ],
)
def test_a_task_is_compared_by_the_first_metric_of_its_objective(settings: dict[str, Any], metric: Metric) -> None:
    assert metric_of(task(**settings)) == metrics_of(task(**settings))[0] == metric


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown objective 'langauge'; did you mean 'language'"):
        metric_of(task(objective="langauge"))


def test_torch_is_not_needed_for_it() -> None:
    script = "import sys, lth_core.tasks.metrics, lth_core.tasks.objectives.language; sys.exit('torch' in sys.modules)"
    assert not subprocess.run([sys.executable, "-c", script], check=False).returncode
