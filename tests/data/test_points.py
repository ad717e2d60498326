"""Tables of numbers: standardised features, targets that are numbers or classes, splits, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lth_core.data.points import Points, Rows, split_points
from lth_core.data.splits import SPLITS, DataError


def rows(count: int = 6, features: int = 3, targets: Any = None) -> Rows:
    table = np.random.default_rng(count).normal(2.0, 5.0, (count, features))
    return Rows(table, table.sum(axis=1) if targets is None else targets)


def points(**changed: Any) -> Points:
    return Points(**({"train": rows(9), "validation": rows(4), "test": rows(5), "source": "mine"} | changed))


def refused(function: Any, *arguments: Any, **options: Any) -> str:
    """What is said of it: one line."""
    with pytest.raises(DataError) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---------------------------------------------------------------- what the data file holds


def test_features_are_standardised_by_the_training_split_and_targets_keep_their_unit():
    train = Rows([[1, 10, 7], [3, 30, 7]], [100.0, 300.0])
    other = Rows([[2, 40, 8]], [250.0])
    table = points(train=train, validation=other, test=other)
    tensors = table.tensors()
    assert tensors["train_features"].tolist() == [[-1, -1, 0], [1, 1, 0]]
    assert tensors["test_features"].tolist() == [[0, 2, 1]]  # a constant feature is only shifted
    assert tensors["train_targets"].tolist() == [100, 300] and tensors["validation_targets"].tolist() == [250]
    assert {value.dtype for value in tensors.values()} == {np.dtype(np.float32)}
    assert table.facts() == {
        "kind": "points",
        "source": "mine",
        "features": 3,
        "targets": 1,
        "mean": [2, 20, 7],
        "std": [1, 10, 1],
    }


def test_a_constant_feature_that_no_float_has_is_zero():
    tensors = points(train=Rows(np.full((7, 3), 0.1), np.ones(7))).tensors()
    assert not tensors["train_features"].any()


def test_large_numbers_that_differ_little_are_told_apart():
    dates = Rows([[1.7e9], [1.7e9 + 2]], [1.0, 2.0])
    assert points(train=dates, validation=dates, test=dates).tensors()["train_features"].tolist() == [[-1], [1]]


def test_several_targets_have_their_number():
    split = rows(targets=np.ones((6, 2)))
    assert points(train=split, validation=split, test=split).facts()["targets"] == 2


def test_integer_targets_are_classes_which_any_split_may_have():
    splits = [Rows(np.eye(3), labels) for labels in ([0, 1, 1], [0, 0, 4], [1, 0, 2])]
    table = Points(*splits, source="mine")
    assert table.facts()["classes"] == 5 and table.facts()["targets"] == 1
    assert table.tensors()["train_targets"].dtype == np.int64
    assert "classes" not in points().facts()


def test_truth_values_are_classes():
    split = Rows(np.eye(3), [True, False, True])
    assert points(train=split, validation=split, test=split).facts()["classes"] == 2


# ---------------------------------------------------------------- a user's table


def test_a_table_is_split_into_70_10_and_20_percent_without_losing_a_row():
    numbers = np.arange(200)
    table = split_points(numbers[:, None], numbers + 0.5, "numbers")
    assert [len(getattr(table, name).targets) for name in SPLITS] == [140, 20, 40]
    drawn = np.concatenate([getattr(table, name).features[:, 0] for name in SPLITS])
    assert sorted(drawn) == [*numbers]
    assert all((getattr(table, name).targets == getattr(table, name).features[:, 0] + 0.5).all() for name in SPLITS)
    again = split_points(numbers[:, None], numbers + 0.5, "again")
    assert all((getattr(table, name).targets == getattr(again, name).targets).all() for name in SPLITS)


def test_every_class_has_its_share_of_each_split():
    table = split_points(np.zeros((100, 2)), np.arange(100) % 10 == 0, "rare")
    assert [getattr(table, name).targets.sum() for name in SPLITS] == [7, 1, 2]


def test_a_table_of_scikit_learn_is_taken_as_it_comes():
    from sklearn.datasets import load_diabetes

    table = split_points(*load_diabetes(return_X_y=True), source="diabetes")
    assert table.facts()["features"] == 10 and len(table.train.targets) == 310
    standardised = table.tensors()["train_features"].astype(np.float64)
    np.testing.assert_allclose(standardised.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(standardised.std(axis=0), 1, atol=1e-6)


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"test": [1, 2]}, "the test split must be Rows(features, targets), not list"),
        ({"test": Rows(np.ones(5), np.ones(5))}, "the test split must have features of shape (N, D), not (5,)"),
        ({"test": Rows(np.ones((0, 3)), np.ones(0))}, "the test split is empty"),
        (
            {"test": Rows(np.ones((5, 3)), np.ones(4))},
            "the test split needs targets (N,) or (N, K) for its 5 rows, not of shape (4,)",
        ),
        (
            {"test": rows(5, features=2)},
            "the test split has 2 features and float32 targets of shape (N), the train split 3 features and "
            "float32 targets of shape (N)",
        ),
        (
            {"validation": Rows(np.ones((5, 3)), np.ones((5, 2), int))},
            "the validation split has 3 features and int64 targets of shape (N, 2), the train split 3 features and "
            "float32 targets of shape (N)",
        ),
        (
            {"train": Rows(np.full((5, 3), np.nan), np.ones(5))},
            "the train split has values that are not finite numbers: fill them in, or leave their rows out",
        ),
        (
            {"train": Rows(np.ones((5, 3)), np.full(5, np.inf))},
            "the train split has values that are not finite numbers: fill them in, or leave their rows out",
        ),
        (
            {"train": Rows(np.ones((5, 3)), [0, 1, -1, 0, 1])},
            "the train split has class -1: integer targets are classes from 0; make them float to predict numbers",
        ),
    ],
)
def test_tables_that_do_not_fit_together_are_refused(changed: dict[str, Any], said: str):
    assert refused(points, **changed) == f"mine: {said}"


@pytest.mark.parametrize(
    ("features", "targets", "said"),
    [
        ([[1, 2], [3]], [1, 2], "features must be one array of numbers (setting an array element with a sequence."),
        (np.ones((20, 2)), ["a"] * 20, "targets must be numbers, not <U1: encode what is text, and fill in what is"),
        (np.ones((20, 2)), np.ones(19), "20 rows of features need as many targets, not (19,)"),
        (np.ones((4, 2)), np.ones(4), "4 rows are too few for three splits: give 10 or more"),
        (np.ones(20), np.ones(20), "the train split must have features of shape (N, D), not (14,)"),
        (1.0, 2.0, "0 rows of features need as many targets, not ()"),
    ],
)
def test_what_is_no_table_is_refused(features: Any, targets: Any, said: str):
    assert refused(split_points, features, targets, "mine").startswith(f"mine: {said}")
