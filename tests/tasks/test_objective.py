"""An objective with its options, called by the names of its arguments; gradients by the outputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from lth_core.config import Choice
from lth_core.registry import UnknownName
from lth_core.tasks.base import Examples
from lth_core.tasks.objective import Objective, gradient_of
from tests.support.tables import ERROR, register, regression

BATCH = Examples(torch.zeros(2, 3), torch.tensor([1.0, -2.0]))
OUTPUTS = torch.tensor([[2.0], [2.0]])
"""Errors 1 and 4."""


def test_an_objective_gives_a_loss_and_its_metrics_per_example(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = Objective.of(Choice(name=register(monkeypatch, regression)))
    assert objective.metrics == (ERROR,)
    measured = objective(OUTPUTS, BATCH)
    assert measured["loss"].tolist() == [1, 16] and measured["error"].tolist() == [1, 4]


def test_options_are_those_of_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = Objective.of(Choice(name=register(monkeypatch, regression), weight=0.5))
    assert objective(OUTPUTS, BATCH)["loss"].tolist() == [0.5, 8]


def test_arguments_have_names_not_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def turned(batch: Any, outputs: Tensor) -> dict[str, Tensor]:
        return regression(outputs, batch)

    assert Objective.of(Choice(name=register(monkeypatch, turned)))(OUTPUTS, BATCH)["loss"].tolist() == [1, 16]


def test_labels_are_smoothed_where_the_objective_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def smoothed(outputs: Tensor, batch: Any, label_smoothing: float = 0.0) -> dict[str, Tensor]:
        return {"loss": torch.full((2,), label_smoothing), "error": torch.zeros(2)}

    objective = Objective.of(Choice(name=register(monkeypatch, smoothed)))
    assert objective(OUTPUTS, BATCH, 0.25)["loss"].tolist() == [0.25, 0.25]
    assert objective(OUTPUTS, BATCH)["loss"].tolist() == [0, 0]
    other = Objective.of(Choice(name=register(monkeypatch, regression)))
    assert other(OUTPUTS, BATCH, 0.25)["loss"].tolist() == [1, 16]


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown objective 'clasification'; did you mean 'classification'"):
        Objective.of(Choice(name="clasification"))


def test_the_gradient_is_that_of_every_replicates_mean_loss() -> None:
    """Of squares, it is 2 e / B."""
    batch = Examples(torch.zeros(2, 2, 3), torch.tensor([[1.0, -2.0], [0.0, 5.0]]))
    outputs = torch.stack([OUTPUTS, OUTPUTS])
    gradient = gradient_of(lambda values, of: regression(values, of)["loss"], outputs, batch)
    assert gradient.tolist() == [[[1], [4]], [[2], [-3]]]
    assert not outputs.requires_grad and outputs.grad is None


def test_gradients_are_computed_where_they_are_switched_off() -> None:
    batch = Examples(BATCH.inputs[None], BATCH.targets[None])
    with torch.no_grad():
        assert gradient_of(lambda values, of: values.sum(dim=-1), OUTPUTS[None], batch).tolist() == [[[0.5], [0.5]]]
