"""A ticket without its pruned filters costs less than the dense network."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

from lth_core import registry
from lth_core.config import Initialization
from lth_core.jobs.support.stacking import stack
from lth_core.models.initialization import initialize_cohort
from lth_core.models.networks.lenet import lenet
from lth_core.pruning.prune import counts
from lth_core.storage.tables import read_rows
from lth_core.storage.tensors import Tensors, write_tensors

HIDDEN = [8, 5]
DENSE = 36 * 8 + 8 + 8 * 5 + 5 + 5 * 3 + 3
FILES = {"mask": "mask.safetensors", "ticket": "trained.safetensors", "output": "costs.csv"}
WITHOUT_HALF = 36 * 4 + 4 + 4 * 5 + 5 + 5 * 3 + 3
"""Parameters, when four of the first eight neurons go."""


class Knot(nn.Module):
    """A network that torch.fx cannot trace: what it does depends on values."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(36, 8), nn.Linear(8, 3)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.hidden(images.flatten(1)).relu()
        return self.head(hidden if hidden.sum() > 0 else -hidden)


@pytest.fixture
def written(data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, str]]]:
    """written(network, weights, mask) -> the rows that the job writes about two seeds, the second of which diverged."""

    def run(network: str, weights: Tensors, masks: list[Tensors]) -> list[dict[str, str]]:
        write_tensors(tmp_path / "mask.safetensors", stack(masks), counts(masks))
        write_tensors(tmp_path / "trained.safetensors", weights, {"diverged": [False, True]})
        recipe = {"optimizer": {"name": "sgd", "learning_rate": 1}, "batch_size": 1, "steps": 1, "evaluate_every": 1}
        model = {"name": network, **({"hidden": HIDDEN} if network == "lenet" else {})}
        task = {"dataset": "d", "model": model, "train": recipe, "cohorts": ["0-1"]}
        spec = {"seeds": [0, 1], "task": task, "modules": ["lth_core.models.networks.lenet"]}
        files = [f"--{name}={tmp_path}/{file}" for name, file in FILES.items()]
        monkeypatch.setenv("LTH_DEVICE", "cpu")
        monkeypatch.setattr(sys, "argv", ["costs", "--spec", json.dumps(spec), f"--data={data_file}", *files])
        importlib.import_module("lth_core.jobs.costs").main()
        return read_rows(tmp_path / "costs.csv")

    return run


@pytest.fixture
def rows(written: Callable[..., list[dict[str, str]]]) -> list[dict[str, str]]:
    """What the job writes about a network whose first layer lost half of its neurons."""
    weights = initialize_cohort(lambda: lenet(3, (1, 6, 6), hidden=HIDDEN), Initialization(), [0, 1])
    first, second, *_ = [name for name in weights if name.endswith("weight")]
    weights[first][0, :4] = 0
    weights[first.replace("weight", "bias")][0, :4] = 0
    weights[second][0, :, :4] = 0
    weights[first][1] = np.nan
    mask = {name: weights[name][0] != 0 for name in (first, second)}
    return written("lenet", weights, [mask, mask])


def test_each_form_has_its_parameters_operations_and_times(rows: list[dict[str, str]]) -> None:
    forms = {row["form"]: row for row in rows if row["seed"] == "0"}
    assert list(forms) == ["dense", "shrunk", "sparse", "csr"]
    assert int(forms["dense"]["parameters"]) == DENSE and int(forms["shrunk"]["parameters"]) == WITHOUT_HALF
    assert int(forms["dense"]["flops"]) == 2 * (36 * 8 + 8 * 5 + 5 * 3)
    assert int(forms["shrunk"]["flops"]) == 2 * (36 * 4 + 4 * 5 + 5 * 3)
    kept = 36 * 4 + 4 * 5 + 5 * 3
    for form in ("sparse", "csr"):
        assert int(forms[form]["parameters"]) == kept + 8 + 5 + 3 and int(forms[form]["flops"]) == 2 * kept
    for row in forms.values():
        assert float(row["seconds_1"]) > 0 and float(row["seconds_256"]) > 0 and not row["reason"]


def test_a_seed_that_diverged_has_no_ticket(rows: list[dict[str, str]]) -> None:
    (row,) = (row for row in rows if row["seed"] == "1")
    assert row.pop("reason") == "its training diverged" and (row.pop("seed"), row.pop("form")) == ("1", "shrunk")
    assert set(row.values()) == {"nan"}


def test_a_network_that_cannot_be_traced_has_its_dense_costs_and_the_parameters_that_its_mask_keeps(
    written: Callable[..., list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.model._functions, "knot", lambda classes, input_shape: Knot())
    weights = initialize_cohort(Knot, Initialization(), [0, 1])
    mask = {name: np.ones(weights[name].shape[1:], bool) for name in ("hidden.weight", "head.weight")}
    mask["hidden.weight"][:5] = False
    weights["hidden.weight"][:, :5] = 0
    forms = {row["form"]: row for row in written("knot", weights, [mask, mask]) if row["seed"] == "0"}
    assert int(forms["dense"]["parameters"]) == 36 * 8 + 8 + 8 * 3 + 3
    assert int(forms["dense"]["flops"]) == 2 * (36 * 8 + 8 * 3)
    assert forms["shrunk"]["flops"] == forms["shrunk"]["seconds_1"] == "nan"
    assert "cannot be traced" in forms["shrunk"]["reason"]
    assert int(forms["sparse"]["parameters"]) == int(forms["dense"]["parameters"]) - 5 * 36
    assert forms["sparse"]["seconds_1"] == "nan" and "linear layers" in forms["sparse"]["reason"]
    assert float(forms["csr"]["seconds_256"]) > 0
