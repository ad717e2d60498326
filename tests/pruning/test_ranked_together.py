"""Layers of one rate that are ranked together, apart from those of another rate: edges and weights, for example."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lth_core.config import Method
from lth_core.pruning.prune import full_mask, keep, ranked_together
from lth_core.pruning.rounds import left_by_level, left_by_round
from lth_core.storage.tensors import Tensors
from lth_core.tickets.untrained import scaled
from lth_core.training.ranking import highest_of_layers

LAYERS = {"a": "hidden", "edges": "edge", "b": "output"}
SHAPES = {"a": (10, 8), "edges": (40, 1), "b": (2, 10)}
METHOD = Method(levels=3, scope="global", rate=0.2, rate_by_kind={"edge": 0.05})
LEFT = {("a", "b"): 80, ("edges",): 38}


def scores() -> Tensors:
    random = np.random.default_rng(0)
    return {name: random.random(shape) * (9 if name == "edges" else 1) for name, shape in SHAPES.items()}


def test_every_rate_counts_the_weights_of_its_layers_together() -> None:
    first = full_mask(scores(), LAYERS)
    assert left_by_level(METHOD, LAYERS, 1, first) == LEFT
    second = keep(scores(), first, LEFT)
    assert left_by_level(METHOD, LAYERS, 2, second) == {("a", "b"): 64, ("edges",): 36}


def test_one_rate_is_one_ranking() -> None:
    same = METHOD.model_copy(update={"rate_by_kind": {"edge": 0.2}})
    assert left_by_level(same, LAYERS, 1, full_mask(scores(), LAYERS)) == 112


def test_the_highest_of_what_is_ranked_together_are_kept() -> None:
    values = scores()
    kept = keep(values, full_mask(values, LAYERS), LEFT)
    assert list(kept) == list(LAYERS)
    weights = np.concatenate([values["a"].ravel(), values["b"].ravel()])
    lowest = np.sort(weights)[20]
    assert (kept["a"] == (values["a"] >= lowest)).all() and (kept["b"] == (values["b"] >= lowest)).all()
    assert kept["edges"].sum() == 38 and kept["a"].sum() != 64  # not the same share of both
    tensors = {name: torch.from_numpy(value).float() for name, value in values.items()}
    for name, chosen in highest_of_layers(tensors, LEFT).items():
        assert (chosen.numpy() == kept[name]).all()


def test_rounds_go_from_all_of_them_to_what_the_level_leaves() -> None:
    first = full_mask(scores(), LAYERS)
    half = left_by_round(METHOD.model_copy(update={"spacing": "linear"}), first, LEFT, 0.5)
    assert half == {("a", "b"): 90, ("edges",): 39} and left_by_round(METHOD, first, LEFT, 1) == LEFT


def test_layers_are_scaled_by_the_density_that_they_have_together() -> None:
    values = scores()
    smaller = scaled(values, LEFT, LAYERS)
    for name, density in (("a", 0.8), ("b", 0.8), ("edges", 0.95)):
        np.testing.assert_allclose(smaller[name], values[name] / np.sqrt(density))


@pytest.mark.parametrize("left", [5, {"a": 3, "b": 2, "edges": 0}, LEFT])
def test_counts_of_every_form_name_what_they_count(left: object) -> None:
    groups = ranked_together(left, LAYERS)  # pyright: ignore[reportArgumentType]
    assert sorted(name for names in groups for name in names) == sorted(LAYERS)
