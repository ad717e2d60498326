"""What criteria are given and what they return: read-only arrays in, one array of numbers per weight out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lth_core import registry
from lth_core.config import Choice, Method
from lth_core.pruning.prune import PruningError
from lth_core.pruning.rounds import next_mask
from lth_core.pruning.scores import check_finite
from lth_core.registry import PluginError
from lth_core.storage.tensors import Tensors

LAYERS = {"a.weight": "hidden"}
WEIGHTS = {"a.weight": np.array([[1.0, -4.0], [3.0, 2.0]], np.float32)}


def pruned_by(criterion: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Tensors:
    """The mask of a method that halves the weights."""
    monkeypatch.setitem(registry.criterion._functions, "mine", criterion)
    monkeypatch.setitem(registry.criterion._facts, "mine", {})
    method = Method(levels=2, rate=0.5, criterion=Choice(name="mine"))
    mask = {"a.weight": np.ones((2, 2), bool)}
    weights = dict.fromkeys(("initial", "trained_from", "trained"), WEIGHTS)
    smaller = next_mask(method, LAYERS, 1, 0, mask, **weights, consumers={})
    assert mask["a.weight"].all()
    return smaller


RETURNED = {
    "nothing": (None, "returned nothing: it must return a dict of scores by weight name"),
    "a list": ([[1, 2], [3, 4]], "returned a list of 2: it must return a dict of scores by weight name"),
    "an array": (np.ones((2, 2)), r"returned an array \(float64, shape \(2, 2\)\): it must return a dict"),
    "no score": ({}, r"scored a.weight with nothing: it must be an array of numbers of shape \(2, 2\)$"),
    "a number": ({"a.weight": 0.5}, "scored a.weight with a float: it must be"),
    "lists": ({"a.weight": [[1, 2], [3, 4]]}, "scored a.weight with a list of 2: it must be"),
    "other shapes": ({"a.weight": np.ones(4)}, r"scored a.weight with an array \(float64, shape \(4,\)\): it must be"),
    "text": ({"a.weight": np.full((2, 2), "x")}, r"scored a.weight with an array \(<U1, shape \(2, 2\)\): it must be"),
    "complex": ({"a.weight": np.ones((2, 2), complex)}, r"scored a.weight with an array \(complex128"),
}


@pytest.mark.parametrize(("returned", "message"), RETURNED.values(), ids=RETURNED)
def test_scores_that_cannot_be_ranked_are_one_line(
    returned: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PruningError, match=f"^criterion 'mine' {message}"):
        pruned_by(lambda mask: returned, monkeypatch)


@pytest.mark.parametrize("score", [np.array([[1, 4], [3, 2]]), np.array([[False, True], [True, False]])])
def test_whole_numbers_and_booleans_can_be_ranked(score: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    smaller = pruned_by(lambda mask: {"a.weight": score}, monkeypatch)
    assert smaller["a.weight"].tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("name", ["mask", "trained", "trained_from", "initial"])
def test_what_a_criterion_is_given_cannot_be_written_to(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def writes(mask, trained, trained_from, initial):
        locals()[name]["a.weight"][0] = 0
        return {"a.weight": abs(trained["a.weight"])}

    with pytest.raises(PluginError, match=r"^criterion 'mine' failed in test_scores.py, .*: change a copy$"):
        pruned_by(writes, monkeypatch)
    assert WEIGHTS["a.weight"].all()


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_a_criterion_that_changes_the_mask_in_other_ways_changes_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dict is its own, and torch writes through arrays that NumPy does not let anyone write to."""

    def replaces(mask, trained):
        import torch

        torch.from_numpy(mask["a.weight"]).zero_()
        mask["a.weight"] = np.zeros((2, 2), bool)
        return {"a.weight": abs(trained["a.weight"])}

    smaller = pruned_by(replaces, monkeypatch)
    assert smaller["a.weight"].tolist() == [[False, True], [True, False]]


def test_infinite_scores_of_what_is_left_are_refused_with_their_layer() -> None:
    mask = {"a": np.array([True, False]), "b": np.array([True, True])}
    pruned = {"a": np.array([1.0, np.inf]), "b": np.zeros(2)}
    check_finite("magnitude", pruned, mask)  # what is pruned is not looked at
    with pytest.raises(PruningError, match=r"^criterion 'magnitude': 1 of 2 scores of b are not finite$"):
        check_finite("magnitude", pruned | {"b": np.array([0, np.inf])}, mask)
    with pytest.raises(PruningError, match=r"use `precision: float64`$"):
        check_finite("synflow", pruned | {"b": np.array([0, np.inf])}, mask)
