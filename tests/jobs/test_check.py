"""Mistakes that only a job would find are found before Snakemake removes what the job has made."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lth_core.jobs import check
from lth_core.registry import criterion, model

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 10, "steps": 20, "evaluate_every": 5}
FACTS = {"classes": 3, "input_shape": [1, 6, 6]}


@model("test-check-crooked")
def crooked(classes, input_shape):
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(7, classes))


@model("test-check-declaring")
def declaring(classes, input_shape, parameter="weight", kind="hidden"):
    from torch import nn

    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, classes))
    network[1].prunable = {parameter: kind}
    return network


@criterion("test-check-needy")
def needy(trained, mask, power=1):
    return {name: trained[name] ** (1 if power else [1, 2, 3]) for name in mask}


@pytest.fixture
def complaint(data_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """complaint(...) -> what the job says of a task on the synthetic images (90 training examples, 1x6x6)."""

    def run(data: bool = True, batch_size: int = 10, network: Any = "lenet", **method: Any) -> str:
        task = {"dataset": "mine", "model": network, "cohorts": ["0-0"], "train": TRAIN | {"batch_size": batch_size}}
        asked = {"task": task, "data": str(data_file) if data else None, "facts": {} if data else FACTS}
        asked["methods"] = {"imp": {"rate": 0.2, "levels": 1} | method}
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"modules": [], "tasks": {"mini": asked}})))
        try:
            check.main()
        except SystemExit as end:
            assert end.code == 1
        return capsys.readouterr().err

    return run


def test_what_works_passes_in_silence(complaint: Callable[..., str]) -> None:
    for criterion_name in ("magnitude", "random", "magnitude-increase", "large-init-large-final"):
        assert complaint(criterion=criterion_name) == ""
    assert complaint(data=False) == ""
    assert (
        complaint(network={"name": "lenet", "hidden": [6, 4]}, granularity="filter", fractions={"fc1.weight": 0.5})
        == ""
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"batch_size": 91}, "tasks.mini.train.batch_size: 91 must be at most the 90 training examples"),
        ({"network": {"name": "lenet", "hidden": [-5]}}, "tasks.mini.model: 'lenet' cannot be built ("),
        ({"network": {"name": "lenet", "dropout": 7}}, "tasks.mini.model: 'lenet' cannot be built ("),
        ({"network": "test-check-crooked"}, "tasks.mini.model: 'test-check-crooked' does not run on an image of 1x6x6"),
        (
            {"network": {"name": "test-check-declaring", "parameter": "wieght"}},
            "tasks.mini.model: 'test-check-declaring' cannot be pruned (`prunable` of 1: 'wieght' is no parameter",
        ),
        (
            {"network": {"name": "test-check-declaring", "kind": "dense"}},
            "tasks.mini.model: 'test-check-declaring' cannot be pruned (`prunable` of 1: 'weight' must be one of",
        ),
        (
            {
                "network": {"name": "test-check-declaring", "kind": "recurrent"},
                "granularity": "filter",
                "fractions": {"1.weight": 0.5},
            },
            "methods.imp.fractions: '1.weight' is a weight of kind recurrent, which has no filters",
        ),
        ({"network": "test-check-crooked", "data": False}, "tasks.mini.model: 'test-check-crooked' does not run"),
        (
            {"criterion": {"name": "test-check-needy", "power": 0}},
            "methods.imp.criterion: 'test-check-needy' cannot score the weights of 'mini' (",
        ),
        ({"exclude": ["*.shorcut.*"]}, "methods.imp.exclude: '*.shorcut.*' matches no kind and no weight"),
    ],
)
def test_a_mistake_is_one_line_that_begins_with_its_key(complaint: Callable[..., str], asked: dict, said: str) -> None:
    line = complaint(**asked)
    assert line.startswith(f"error: {said}") and line.count("\n") == 1
