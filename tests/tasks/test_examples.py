"""Tasks of independent examples: minibatches, evaluations and the objective's gradient, on a table of points."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Examples, Task, TaskError
from lth_core.training.state import start_state
from tests.support.tables import ERROR, register, regression, table, task

SEEDS = [3, 8]


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Task:
    """Regression on the table: 40 training, 12 validation and 20 test rows."""
    return task(nn.Linear(3, 1), register(monkeypatch, regression))


def constants(*values: float) -> Tensors:
    """One replicate for each value, which predicts it always."""
    return {"weight": np.zeros((len(values), 1, 3), np.float32), "bias": np.array(values, np.float32)[:, None]}


# ---------------------------------------------------------------- batches


def test_each_replicate_sees_every_example_once_in_an_epoch(points: Task) -> None:
    batches = list(points.minibatches(SEEDS, 0, 0, 4))
    assert all(batch.inputs.shape == (2, 10, 3) and batch.targets.shape == (2, 10) for batch in batches)
    whole = table().targets["train"].sort().values
    for index in range(len(SEEDS)):
        assert torch.equal(torch.cat([batch.targets[index] for batch in batches]).sort().values, whole)
    assert not torch.equal(batches[0].targets[0], batches[0].targets[1])


def test_a_replicate_sees_what_it_would_see_alone_from_any_step_on(points: Task) -> None:
    *_, expected = points.minibatches(SEEDS, 1, 0, 7)
    (alone,) = points.minibatches(SEEDS[1:], 1, 6, 7)
    assert torch.equal(alone.replicate(0).inputs, expected.replicate(1).inputs)


def test_inputs_come_with_their_targets(points: Task) -> None:
    data = table()
    rows = {
        tuple(row.tolist()): target for row, target in zip(data.features["train"], data.targets["train"], strict=True)
    }
    (batch,) = points.minibatches([0], 0, 0, 1)
    seen = batch.replicate(0)
    assert [rows[tuple(row.tolist())] for row in seen.inputs] == seen.targets.tolist()


def test_evaluations_go_through_a_split_in_order_and_in_pieces(points: Task) -> None:
    pieces = list(points.evaluation_batches("test", 8))
    assert [len(piece.inputs) for piece in pieces] == [8, 8, 4]
    assert torch.equal(torch.cat([piece.targets for piece in pieces]), table().targets["test"])


def test_of_the_training_split_a_fixed_sample_as_large_as_validation_is_evaluated(points: Task) -> None:
    (first,), (again,) = points.evaluation_batches("train"), points.evaluation_batches("train")
    assert len(first.targets) == 12 and torch.equal(first.targets, again.targets)


def test_samples_are_in_pieces_of_equal_size_and_a_smaller_one_is_part_of_a_larger(points: Task) -> None:
    assert [len(piece.targets) for piece in points.sample_batches("test", 14, 5)] == [5, 5, 4]
    (few,), (more,) = points.sample_batches("test", 6), points.sample_batches("test", 9)
    assert torch.equal(more.targets[:6], few.targets)
    assert sum(len(piece.targets) for piece in points.sample_batches("test")) == 20


def test_a_batch_larger_than_the_training_split_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TaskError, match=r"^train.batch_size: 41 must be at most the 40 training examples$"):
        task(nn.Linear(3, 1), register(monkeypatch, regression), batch_size=41)


# ---------------------------------------------------------------- the objective


def test_a_split_is_measured_by_means_over_its_examples(points: Task) -> None:
    targets = table().targets["test"].double()
    networks = start_state(points, constants(0.0, 2.0), {}).cohort
    measured = points.evaluate("test", networks)
    assert set(measured) == {"loss", "error"} and points.metrics == (ERROR,)
    expected = [(targets - value).abs().mean() for value in (0.0, 2.0)]
    assert measured["error"].tolist() == pytest.approx([value.item() for value in expected], rel=1e-5)
    squares = [(targets - value).square().mean().item() for value in (0.0, 2.0)]
    assert measured["loss"].tolist() == pytest.approx(squares, rel=1e-5)


def test_folds_of_the_test_examples_are_left_out_wherever_pieces_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20 rows fold 1 of 3 has the rows 1, 4, ..., 19; networks are evaluated on 7 rows at a time."""
    points = task(nn.Linear(3, 1), register(monkeypatch, regression), folds=3)
    networks = start_state(points, constants(0.0, 2.0), {}).cohort
    monkeypatch.setattr(type(networks), "piece", 7)
    measured = points.evaluate("test", networks)
    assert list(measured) == ["loss", "error", "error_without_0", "error_without_1", "error_without_2"]
    for fold in range(3):
        others = np.delete(table().targets["test"].double().numpy(), np.s_[fold::3])
        expected = [np.abs(others - value).mean() for value in (0.0, 2.0)]
        assert measured[f"error_without_{fold}"].tolist() == pytest.approx(expected, rel=1e-5)
    assert list(points.evaluate("validation", networks)) == ["loss", "error"]


def test_more_folds_than_test_examples_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TaskError, match=r"^train.test_folds: 21 must be at most the 20 test examples$"):
        task(nn.Linear(3, 1), register(monkeypatch, regression), folds=21)


def test_the_gradient_is_by_autograd_where_the_objective_has_no_other(points: Task) -> None:
    (batch,) = points.minibatches(SEEDS, 0, 0, 1)
    gradient = points.output_gradient(torch.zeros(2, 10, 1), batch)
    torch.testing.assert_close(gradient.squeeze(-1), -2 * batch.targets / 10)


def test_a_gradient_by_hand_is_taken_where_the_objective_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_hand(outputs: torch.Tensor, batch: Examples, label_smoothing: float = 0.0) -> torch.Tensor:
        return torch.full_like(outputs, 7.0)

    points = task(nn.Linear(3, 1), register(monkeypatch, regression, gradient=by_hand))
    (batch,) = points.minibatches(SEEDS, 0, 0, 1)
    assert points.output_gradient(torch.zeros(2, 10, 1), batch).unique().tolist() == [7]


def test_predictions_are_of_classes_only(points: Task) -> None:
    outputs = torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]])
    inputs = torch.zeros(2, 3)
    assert points.predictions(outputs, Examples(inputs, torch.zeros(2))) is None
    labels = Examples(inputs, torch.zeros(2, dtype=torch.int64))
    predicted = points.predictions(outputs, labels)
    assert predicted is not None and predicted.tolist() == [1, 0]
