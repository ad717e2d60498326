"""Layer collapse: the compressions that are looked at, and what masks of theta_0 keep of every layer."""

from __future__ import annotations

import numpy as np
import pytest

from lth_core.analysis.collapse import at_compressions, compressions, kept_by_layer
from lth_core.config import Method

RANDOM = np.random.default_rng(0)
INITIAL = {name: RANDOM.standard_normal(shape) for name, shape in {"a": (10, 30), "b": (4, 10), "c": (2, 4)}.items()}
INITIAL["a"] *= 0.01
LAYERS = {"a": "hidden", "b": "hidden", "c": "output"}


def test_compressions_rise_to_one_weight_per_layer() -> None:
    assert compressions(2, 3000, 3) == pytest.approx([10**0.5, 10, 10**1.5, 100, 10**2.5, 1000])
    assert compressions(1, 348, 3) == pytest.approx([10, 100, 116])
    assert compressions(4, 3, 3) == [1.0]


def kept(criterion: str, **fields: object) -> list[dict[str, int]]:
    method = Method.model_validate({"criterion": criterion, "prune_at": 0, "scope": "global", "levels": 1} | fields)
    rising = compressions(1, 348, 3)
    return [kept_by_layer(at_compressions(method, rising), LAYERS, level, 0, INITIAL, None) for level in (1, 2, 3)]


def test_masks_keep_as_many_weights_as_the_compression_asks_for() -> None:
    for criterion in ("magnitude", "random"):
        counts = kept(criterion)
        assert [list(of_layers) for of_layers in counts] == [["a", "b", "c"]] * 3
        assert [sum(of_layers.values()) for of_layers in counts] == [35, 3, 3]


def test_small_weights_make_a_layer_collapse() -> None:
    assert kept("magnitude")[0]["a"] == 0
    assert kept("magnitude", keep="lowest")[0]["c"] == 0
    assert kept("magnitude", scope="layer", allocation="uniform")[2] == {"a": 1, "b": 1, "c": 1}
