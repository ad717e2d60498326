"""Whether network and objective fit their data: every mistake is one line before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lth_core.config import Choice
from lth_core.models.inputs import TokenShape
from lth_core.models.requirements import ModelError
from lth_core.tasks.base import TaskError
from lth_core.tasks.fitting import check_measures, check_network, input_shape
from tests.support.tables import ERROR, register, regression, task


def refused(monkeypatch: pytest.MonkeyPatch, function: Any, module: nn.Module | None = None, **facts: Any) -> str:
    """What is said of an objective on the table: one line."""
    name = register(monkeypatch, function, **facts)
    with pytest.raises(TaskError) as caught:
        check_measures(task(module or nn.Linear(3, 1), name), Choice(name=name))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("objective 'test-regression' ")


def measured(loss: Any, error: Any = None) -> Any:
    """Make an objective of what it returns: functions of the errors (B,)."""

    def function(outputs: Tensor, batch: Any) -> dict[str, Any]:
        errors = outputs.squeeze(-1) - batch.targets
        return {"loss": loss(errors), "error": (error or torch.abs)(errors)}

    return function


# ---------------------------------------------------------------- what an objective returns


def test_one_number_per_example_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    name = register(monkeypatch, regression)
    check_measures(task(nn.Linear(3, 1), name), Choice(name=name))


def test_metrics_may_be_truth_values_and_other_entries_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    def counting(outputs: Tensor, batch: Any) -> dict[str, Any]:
        return regression(outputs, batch) | {"error": outputs[:, 0] > batch.targets, "note": "anything"}

    name = register(monkeypatch, counting)
    check_measures(task(nn.Linear(3, 1), name), Choice(name=name))


NEEDED = "a dict with 'loss' and 'error' is needed"
BAD = {
    "a tensor": (lambda outputs, batch: outputs.squeeze(-1), f"returns a Tensor: {NEEDED}"),
    "nothing": (lambda outputs, batch: None, f"returns nothing: {NEEDED}"),
    "no metric": (lambda outputs, batch: {"loss": outputs.squeeze(-1)}, f"returns no 'error': {NEEDED}"),
    "no loss": (lambda outputs, batch: {"error": outputs.squeeze(-1)}, f"returns no 'loss': {NEEDED}"),
    "a mean": (
        measured(lambda errors: errors.square().mean()),
        "returns a tensor of shape () as 'loss' for 8 examples: one tensor of shape (8,) is needed",
    ),
    "a mean metric": (
        measured(torch.square, lambda errors: errors.abs().mean()),
        "returns a tensor of shape () as 'error' for 8 examples: one tensor of shape (8,) is needed",
    ),
    "a number": (
        measured(torch.square, lambda errors: float(errors.detach().abs().mean())),
        "returns a float as 'error' for 8 examples: one tensor of shape (8,) is needed",
    ),
    "an array": (
        measured(lambda errors: errors.detach().numpy()),
        "returns an array (float32, shape (8,)) as 'loss' for 8 examples: one tensor of shape (8,) is needed",
    ),
    "targets against the wrong axis": (
        lambda outputs, batch: dict.fromkeys(("loss", "error"), (outputs - batch.targets).square()),
        "returns a tensor of shape (8, 8) as 'loss' for 8 examples: one tensor of shape (8,) is needed",
    ),
    "its mean over that axis": (
        lambda outputs, batch: dict.fromkeys(("loss", "error"), (outputs - batch.targets).square().mean(dim=-1)),
        "gives an example another 'loss' alone than in a batch: compute it for each example by itself, here from "
        "outputs of shape (8, 1) and targets of shape (8,)",
    ),
    "standardised by the batch": (
        measured(torch.square, lambda errors: errors / errors.abs().max()),
        "gives an example another 'error' alone than in a batch: compute it for each example by itself, here from "
        "outputs of shape (8, 1) and targets of shape (8,)",
    ),
    "whole numbers": (
        measured(lambda errors: errors.round().long()),
        "returns a loss of torch.int64: it must be floating-point",
    ),
    "no gradient": (
        measured(lambda errors: errors.square().detach()),
        "returns a loss without a gradient: compute it from the outputs, without detach, argmax or no_grad",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("function", "said"), BAD.values(), ids=BAD)
def test_anything_else_is_refused(function: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(monkeypatch, function) == said


def test_an_objective_that_fails_is_named_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(outputs: Tensor, batch: Any) -> Any:
        return batch.labels

    line = failing.__code__.co_firstlineno + 1
    said = f"failed in test_fitting.py, line {line}: AttributeError: 'Examples' object has no attribute 'labels'"
    assert refused(monkeypatch, failing) == said


def test_an_objective_must_not_change_its_batch_which_the_next_replicate_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    def scaling(outputs: Tensor, batch: Any) -> Any:
        batch.targets.div_(100)
        return regression(outputs, batch)

    assert refused(monkeypatch, scaling) == "changes the batch that it is given: compute with a copy"


def test_nor_its_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    def scaling(outputs: Tensor, batch: Any) -> Any:
        outputs *= 100
        return regression(outputs, batch)

    assert refused(monkeypatch, scaling).startswith("failed in test_fitting.py")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_of_the_training(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says then that the replicates diverged."""
    name = register(monkeypatch, measured(lambda errors: errors * value))
    check_measures(task(nn.Linear(3, 1), name), Choice(name=name))


def test_metrics_have_their_names_from_the_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    other = type(ERROR)("other", "other", "metres")
    assert refused(monkeypatch, regression, metrics=(ERROR, other)) == (
        "returns no 'other': a dict with 'loss' and 'error' and 'other' is needed"
    )


# ---------------------------------------------------------------- what a network returns


TEXT = {"kind": "text", "vocabulary": 5, "context": 4}
POINTS = {"kind": "points", "features": 3, "targets": 2}
IMAGES = {"classes": 3, "input_shape": [1, 2, 2]}
CONTROL = {"kind": "environment", "features": 3, "actions": 2}


class Characters(nn.Module):
    """Scores of the next character of each."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.scores = nn.Embedding(5, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.scores(tokens)


FITTING = {
    "language": (Characters(5), "language", TEXT),
    "control": (nn.Linear(3, 3), "actor-critic", CONTROL),
    "points": (nn.Linear(3, 2), "test-any", POINTS),
    "a user's of text": (Characters(7), "test-any", TEXT),
    "classification": (nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), "classification", IMAGES),
}  # fmt: skip


@pytest.mark.parametrize(("module", "objective", "facts"), FITTING.values(), ids=FITTING)
def test_networks_that_give_what_is_read_are_accepted(module: nn.Module, objective: str, facts: dict) -> None:
    check_network(module, objective, facts)


def test_data_that_are_not_numbers_are_not_changed_data(monkeypatch: pytest.MonkeyPatch) -> None:
    name, table = register(monkeypatch, regression), task(nn.Linear(3, 1), "test-regression")
    table.data.targets["validation"][:] = float("nan")
    check_measures(table, Choice(name=name))


OTHER = {
    "a smaller vocabulary": (
        Characters(4), "language", TEXT,
        "its forward returns float32 of shape (2, 4, 4) for 2 examples: float32 of shape "
        "(2, 4 characters, 5 scores of the next one) is needed",
    ),
    "no value": (
        nn.Linear(3, 2), "actor-critic", CONTROL,
        "its forward returns float32 of shape (2, 2) for 2 examples: float32 of shape "
        "(2, 3 numbers (a score for every action, then the value)) is needed",
    ),
    "other features": (
        nn.Linear(4, 2), "test-any", POINTS,
        "its forward fails on its inputs (inputs of shape (3,); RuntimeError: mat1 and mat2 shapes cannot be "
        "multiplied (2x3 and 4x2))",
    ),
    "two heads": (
        nn.LSTM(3, 2), "test-any", POINTS,
        "its forward returns a tuple of 2: it must return one tensor",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("module", "objective", "facts", "said"), OTHER.values(), ids=OTHER)
def test_other_outputs_are_refused(module: nn.Module, objective: str, facts: dict, said: str) -> None:
    with pytest.raises(ModelError) as caught:
        check_network(module, objective, facts)
    assert str(caught.value) == said


def test_inputs_of_text_are_tokens() -> None:
    assert isinstance(input_shape(TEXT), TokenShape) and input_shape(TEXT) == (4,)
    assert not isinstance(input_shape(POINTS), TokenShape) and input_shape(POINTS) == (3,)
