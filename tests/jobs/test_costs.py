"""A ticket without its pruned filters costs less than the dense network."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from lth_core.config import Initialization
from lth_core.models.initialization import initialize_cohort
from lth_core.models.networks.lenet import lenet
from lth_core.storage.tables import read_rows
from lth_core.storage.tensors import write_tensors

HIDDEN = [8, 5]
DENSE = 36 * 8 + 8 + 8 * 5 + 5 + 5 * 3 + 3
WITHOUT_HALF = 36 * 4 + 4 + 4 * 5 + 5 + 5 * 3 + 3
"""Parameters, when four of the first eight neurons go."""


@pytest.fixture
def rows(data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What the job writes about two seeds, the second of which diverged."""
    weights = initialize_cohort(lambda: lenet(3, (1, 6, 6), hidden=HIDDEN), Initialization(), [0, 1])
    first, second, *_ = [name for name in weights if name.endswith("weight")]
    weights[first][0, :4] = 0
    weights[first.replace("weight", "bias")][0, :4] = 0
    weights[second][0, :, :4] = 0
    weights[first][1] = np.nan
    write_tensors(tmp_path / "trained.safetensors", weights, {"diverged": [False, True]})
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 1}, "batch_size": 1, "steps": 1, "evaluate_every": 1}
    model = {"name": "lenet", "hidden": HIDDEN}
    task = {"dataset": "d", "model": model, "train": recipe, "cohorts": ["0-1"]}
    spec = {"seeds": [0, 1], "task": task, "modules": ["lth_core.models.networks.lenet"]}
    files = [f"--data={data_file}", f"--ticket={tmp_path}/trained.safetensors", f"--output={tmp_path}/costs.csv"]
    monkeypatch.setenv("LTH_DEVICE", "cpu")
    monkeypatch.setattr(sys, "argv", ["costs", "--spec", json.dumps(spec), *files])
    importlib.import_module("lth_core.jobs.costs").main()
    return read_rows(tmp_path / "costs.csv")


def test_parameters_and_operations_are_those_of_the_smaller_network(rows: list[dict[str, str]]) -> None:
    dense, ticket = (row for row in rows if row["seed"] == "0")
    assert (dense["network"], ticket["network"]) == ("dense", "ticket")
    assert int(dense["parameters"]) == DENSE and int(ticket["parameters"]) == WITHOUT_HALF
    assert int(dense["flops"]) == 2 * (36 * 8 + 8 * 5 + 5 * 3)
    assert int(ticket["flops"]) == 2 * (36 * 4 + 4 * 5 + 5 * 3)
    assert float(dense["seconds"]) > 0 and float(ticket["seconds"]) > 0


def test_a_seed_that_diverged_has_no_ticket(rows: list[dict[str, str]]) -> None:
    (row,) = (row for row in rows if row["seed"] == "1")
    assert row == {"seed": "1", "network": "ticket", "parameters": "nan", "flops": "nan", "seconds": "nan"}
