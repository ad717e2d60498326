"""Data files of texts, points and environments, opened for training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lth_core.data.points import Points, Rows
from lth_core.data.reading import open_data
from lth_core.data.stored import StoredEnvironment, StoredPoints, StoredText
from lth_core.data.text import Text
from lth_core.runtime.shares import Share
from lth_core.storage.tensors import write_tensors
from tests.support.policies import counting


def opened(data: Any, folder: Path, **options: Any) -> Any:
    write_tensors(folder / "data.safetensors", data.tensors(), data.facts() | {"provenance": {"versions": "these"}})
    return open_data(folder / "data.safetensors", **options)


def letters() -> Text:
    """Tokens 0 1 2 3 4 ... in windows of three."""
    tokens = np.arange(10)
    return Text(tokens, tokens[:7], tokens[:4], vocabulary="abcdefghij", context=3, source="letters")


def table() -> Points:
    features = np.arange(12.0).reshape(6, 2)
    return Points(*(Rows(features[:size], 10.0 * np.arange(size)) for size in (6, 3, 2)), source="a table")


def test_a_window_of_text_is_tokens_and_the_tokens_after_them(tmp_path: Path) -> None:
    data = opened(letters(), tmp_path)
    assert isinstance(data, StoredText)
    [(inputs, targets)] = data.batches("train", [np.array([0, 2])])
    assert inputs.tolist() == [[0, 1, 2], [6, 7, 8]] and targets.tolist() == [[1, 2, 3], [7, 8, 9]]
    assert inputs.dtype == targets.dtype == torch.int64


def test_neighbouring_windows_have_one_token_in_common_and_the_last_token_is_a_target_only(tmp_path: Path) -> None:
    data = opened(letters(), tmp_path)
    assert [data.size(split) for split in ("train", "validation", "test")] == [3, 2, 1]


def test_rows_of_points_come_with_their_targets(tmp_path: Path) -> None:
    points = table()
    data = opened(points, tmp_path)
    assert isinstance(data, StoredPoints)
    assert [data.size(split) for split in ("train", "validation", "test")] == [6, 3, 2]
    [(features, targets)] = data.batches("validation", [np.array([2, 0])])
    assert np.array_equal(features, points.tensors()["validation_features"][[2, 0]])
    assert targets.tolist() == [20, 0]


@pytest.mark.parametrize("data", [letters(), table()], ids=["text", "points"])
def test_batches_have_the_shape_of_their_indices(data: Any, tmp_path: Path) -> None:
    stored = opened(data, tmp_path)
    index = np.array([[0, 1, 2], [2, 1, 0]])
    (inputs, targets), (turned, _) = stored.batches("train", [index, index[:, ::-1].copy()])
    assert inputs.shape[:2] == targets.shape[:2] == (2, 3)
    assert torch.equal(inputs[0], inputs[1].flip(0)) and torch.equal(turned[0], inputs[1])


@pytest.mark.parametrize("data", [letters(), table()], ids=["text", "points"])
def test_each_process_gets_its_share_of_a_batch(data: Any, tmp_path: Path) -> None:
    index = [np.array([[0, 1, 2]]), np.array([[2]])]
    whole = [inputs for inputs, _ in opened(data, tmp_path).batches("train", index)]
    first, second = (
        [inputs for inputs, _ in opened(data, tmp_path, share=Share(rank, 2)).batches("train", index)]
        for rank in (0, 1)
    )
    assert torch.equal(first[0], whole[0][:, ::2]) and torch.equal(second[0], whole[0][:, 1::2])
    assert len(first) == 2 and len(second) == 1  # nothing of the last batch is left for the second


def test_an_environment_is_as_long_as_its_longest_episode(tmp_path: Path) -> None:
    data = opened(counting(), tmp_path)
    assert isinstance(data, StoredEnvironment)
    assert data.environment == counting() and data.size("test") == 3


@pytest.mark.parametrize("data", [letters(), table(), counting()], ids=["text", "points", "environment"])
def test_facts_are_those_of_the_data_set_alone(data: Any, tmp_path: Path) -> None:
    stored = opened(data, tmp_path)
    assert stored.facts == data.facts() and (stored.kind, stored.source) == (data.kind, data.source)
