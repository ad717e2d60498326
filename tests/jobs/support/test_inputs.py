"""Weights and masks that a job reads fit its network, or the file that does not is named in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from lth_core.data.splits import DataError
from lth_core.jobs.support.inputs import check_characters, read_mask, read_weights
from lth_core.jobs.support.networks import read_weights_of
from lth_core.storage.errors import ArtifactError
from lth_core.storage.tensors import Tensors, write_tensors

NETWORK = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
WEIGHTS = {
    "0.weight": np.zeros((4, 2, 3), np.float32),
    "0.bias": np.zeros((4, 2), np.float32),
    **{f"1.{name}": np.zeros((4, 2), np.float32) for name in ("weight", "bias", "running_mean", "running_var")},
    "1.num_batches_tracked": np.zeros(4, np.int64),
}


def written(folder: Path, tensors: Tensors) -> Path:
    write_tensors(folder / "it", tensors, {})
    return folder / "it"


def test_what_fits_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, WEIGHTS)
    like = {name: value[:1] for name, value in WEIGHTS.items()}
    assert read_weights(path, like).keys() == read_weights(path, like, replicates=4).keys() == WEIGHTS.keys()
    assert read_weights_of(NETWORK, path).keys() == read_weights_of(NETWORK, path, 4).keys() == WEIGHTS.keys()
    mask = {"0.weight": np.ones((4, 2, 3), bool)}
    assert read_mask(written(tmp_path, mask), WEIGHTS).keys() == mask.keys()


WITHOUT_BIAS = {name: value for name, value in WEIGHTS.items() if name != "0.bias"}
WRONG = [
    (WITHOUT_BIAS, "'0.bias' is missing"),
    (WEIGHTS | {"0.weight": np.zeros((4, 2, 2), np.float32)}, "'0.weight' is 4x2x2, not 4x2x3"),
    (WEIGHTS | {"0.bias": np.zeros((3, 2), np.float32)}, "'0.bias' is 3x2, not 4x2"),
    (WEIGHTS | {"2.weight": np.zeros((4, 2), np.float32)}, "which has no '2.weight'"),
]


@pytest.mark.parametrize(("tensors", "problem"), WRONG)
def test_weights_that_do_not_fit_are_named(tmp_path: Path, tensors: Tensors, problem: str) -> None:
    path = written(tmp_path, tensors)
    with pytest.raises(ArtifactError) as raised:
        read_weights_of(NETWORK, path, 4)
    assert str(raised.value).startswith(f"{path}: does not fit its network ({problem}); make it again")


def test_a_mask_of_fewer_replicates_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, {"0.weight": np.ones((2, 2, 3), bool)})
    with pytest.raises(ArtifactError, match=r"'0\.weight' is 2x2x3, not 4x2x3"):
        read_mask(path, WEIGHTS)


def test_texts_whose_networks_exchange_weights_have_the_same_characters(tmp_path: Path) -> None:
    def data(name: str, **facts: Any) -> Path:
        write_tensors(tmp_path / name, {}, facts)
        return tmp_path / name

    known = {"kind": "text", "vocabulary": 3}
    mine, same, other, untold = (
        data("mine", **known, characters="abc"),
        data("same", **known, characters="abc", context=4),
        data("other", **known, characters="abd"),
        data("untold", kind="text"),
    )
    check_characters(mine, same, None, untold)
    said = f"^{mine} and {other} have texts of different characters \\(3 and 3\\), so that their tokens differ: weights"
    with pytest.raises(DataError, match=said):
        check_characters(mine, same, other)


def test_images_and_rows_exchange_weights_whatever_they_show(tmp_path: Path) -> None:
    for name, facts in (("digits", {"classes": 10}), ("letters", {"classes": 26})):
        write_tensors(tmp_path / name, {}, facts)
    check_characters(tmp_path / "digits", tmp_path / "letters")
