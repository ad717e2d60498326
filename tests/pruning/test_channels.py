"""Channels: exact counts per group and in all, rows and columns that go together, one clear line for mistakes."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lth_core.config import Method
from lth_core.jobs.support.prunable import check_methods
from lth_core.planning.plan import canonical
from lth_core.pruning.channels import channels_of
from lth_core.pruning.filters import FilterError
from lth_core.pruning.prune import full_mask
from lth_core.pruning.rounds import next_mask

# A stem and a block whose second convolution is added to it; `head` reads their sum, 4 pixels of each channel.
LAYERS = {"stem": "conv", "inner": "conv", "outer": "conv", "head": "output"}
SHAPES = {"stem": (8, 3, 3, 3), "inner": (6, 8, 3, 3), "outer": (8, 6, 3, 3), "head": (4, 32)}
SUM = {"size": 8, "rows": [["stem", 1, 0], ["outer", 1, 0]], "columns": [["inner", 1, 0], ["head", 4, 0]]}
INSIDE = {"size": 6, "rows": [["inner", 1, 0]], "columns": [["outer", 1, 0]]}
LISTED = {"groups": [SUM, INSIDE]}


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {name: draw.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def method(levels: int = 3, **options: object) -> Method:
    return Method.model_validate({"granularity": "channel", "levels": levels, **options})


def chain(settings: Method, seed: int = 0, layers: dict[str, str] = LAYERS) -> list[dict[str, np.ndarray]]:
    """The masks of all levels, each from the level before."""
    masks = [full_mask(weights(), layers)]
    for level in range(1, settings.levels + 1):
        seen = {"initial": weights(seed), "trained_from": weights(seed), "trained": weights(seed + level)}
        before = masks[-1] if settings.iterative else masks[0]
        masks.append(next_mask(settings, layers, level, 0, before, **seen, consumers={}, channels=LISTED))
    return masks


def left(mask: dict[str, np.ndarray]) -> tuple[int, int]:
    """How many channels each group has left."""
    return tuple(int(mask[name].reshape(len(mask[name]), -1).any(axis=1).sum()) for name in ("stem", "inner"))


def test_rows_and_columns_of_a_channel_go_in_all_layers_of_a_sum() -> None:
    mask = chain(method(1, rate=0.5))[1]
    of_sum, inside = (mask[name].reshape(len(mask[name]), -1).any(axis=1) for name in ("stem", "inner"))
    assert (of_sum.sum(), inside.sum()) == (4, 3)
    np.testing.assert_array_equal(mask["stem"][:, 0, 0, 0], of_sum)
    np.testing.assert_array_equal(mask["outer"][:, :, 1, 1], np.outer(of_sum, inside))
    np.testing.assert_array_equal(mask["inner"][:, :, 2, 2], np.outer(inside, of_sum))
    np.testing.assert_array_equal(mask["head"], np.outer(np.ones(4, bool), np.repeat(of_sum, 4)))


def test_a_channels_score_is_the_sum_over_the_layers_that_compute_it() -> None:
    mask = chain(method(1, rate=0.25))[1]
    trained = weights(1)
    sums = sum(np.abs(trained[name]).sum(axis=(1, 2, 3)) for name in ("stem", "outer"))
    assert set(np.flatnonzero(~mask["stem"].reshape(8, -1).any(axis=1))) == set(np.argsort(sums)[:2])


def test_in_a_global_ranking_a_mean_takes_less_account_of_how_many_layers_compute_a_channel() -> None:
    trained = {name: np.ones(shape, np.float32) for name, shape in SHAPES.items()}  # sums: 27 + 54 against 72
    for how, expected in (("sum", (8, 3)), ("mean", (5, 6))):
        settings = method(1, rate=0.2, scope="global", channel_score=how)
        about = {"initial": trained, "trained_from": trained, "trained": trained, "consumers": {}, "channels": LISTED}
        assert left(next_mask(settings, LAYERS, 1, 0, full_mask(trained, LAYERS), **about)) == expected


@given(rate=st.floats(0.05, 0.3), scope=st.sampled_from(["layer", "global"]), iterative=st.booleans())
def test_counts_are_exact_and_masks_nested(rate: float, scope: str, iterative: bool) -> None:
    masks = chain(method(3, rate=rate, scope=scope, iterative=iterative))
    expected = [8, 6] if scope == "layer" else [14]
    for level, (before, mask) in enumerate(pairwise(masks), start=1):
        if iterative:
            expected = [count - round(count * rate) for count in expected]
            assert all((mask[name] <= before[name]).all() for name in mask)
        compound = [n - round(n * (1 - (1 - rate) ** level)) for n in ([8, 6] if scope == "layer" else [14])]
        counts = expected if iterative else compound
        assert list(left(mask)) == counts if scope == "layer" else sum(left(mask)) == counts[0]
        assert min(left(mask)) >= 1
        assert {name: kept.shape for name, kept in mask.items()} == SHAPES


@pytest.mark.parametrize(("scope", "expected"), [("layer", [(4, 3), (2, 2)]), ("global", [7, 4])])
def test_densities_are_of_channels(scope: str, expected: list) -> None:
    masks = chain(method(2, densities=[0.5, 0.3], scope=scope))
    assert [left(mask) if scope == "layer" else sum(left(mask)) for mask in masks[1:]] == expected


def test_every_group_keeps_its_best_channel_in_a_global_ranking() -> None:
    mask = chain(method(1, densities=[0.15], scope="global"))[1]
    assert sum(left(mask)) == 2 and left(mask) == (1, 1)


@pytest.mark.parametrize("patterns", [{"inner": 0.5, "*": 0.25}, {"outer": 0.25, "inner": 0.5}])
def test_fractions_are_of_groups_by_any_of_the_layers_that_compute_them(patterns: dict[str, float]) -> None:
    settings = method(1, fractions=patterns)
    assert Method(**json.loads(canonical(settings.model_dump(mode="json")))) == settings  # as a job gets it
    assert left(chain(settings)[1]) == (6, 3)


def test_groups_of_excluded_layers_stay_but_such_a_layer_loses_the_columns_of_others() -> None:
    masks = chain(method(1, rate=0.5, exclude=["output"]), layers={n: k for n, k in LAYERS.items() if k != "output"})
    assert left(masks[1]) == (4, 3) and masks[1]["head"].sum() == 4 * 16
    masks = chain(method(1, rate=0.5, exclude=["outer*"]), layers={n: k for n, k in LAYERS.items() if n != "outer"})
    assert left(masks[1]) == (8, 3) and masks[1]["outer"][0, :, 0, 0].sum() == 3


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"fractions": {"stem": 0.95}}, "fractions: level 1 would leave none of 8 channels of stem: prune less"),
        ({"rate": 0.6}, "rate: level 3 would leave none of 1 channel of stem: prune less"),
        ({"densities": [0.05], "levels": 1}, "densities: level 1 would leave none of 8 channels of stem: "),
        ({"densities": [0.1], "levels": 1, "scope": "global"}, "densities: level 1 keeps 1 of 14 channels, but each"),
        ({"rate": 0.01}, "rate: level 1 prunes no channel: prune more, or fewer levels"),
        ({"densities": [0.5, 0.49], "levels": 2}, "densities: level 2 prunes no channel: prune more, or fewer levels"),
        (
            {"rate": 0.04, "scope": "global", "iterative": False},
            "rate: level 2 prunes no channel: prune more, or fewer levels",
        ),
        ({"fractions": {"head": 0.5}}, r"fractions: 'head' matches no weight with removable channels \(stem, outer, i"),
        ({"exclude": ["stem*", "inner*"]}, "granularity: no channels can be pruned: all that this network has are"),
    ],
)
def test_what_cannot_be_pruned_is_one_line_with_its_key_before_training(options: dict, line: str) -> None:
    stacked = {name: np.zeros((2, *shape)) for name, shape in SHAPES.items()}
    settings = {"granularity": "channel", "levels": 3, **options}
    with pytest.raises(FilterError, match=rf"^methods.m.{line}[^\n]*$"):
        check_methods(LAYERS, stacked, {"m": settings}, channels=LISTED)


def test_a_network_whose_channels_are_not_known_is_refused_with_the_reason() -> None:
    with pytest.raises(FilterError, match=r"^granularity: no channels can be pruned: it cannot be traced$"):
        channels_of(method(), LAYERS, {"reason": "it cannot be traced"})


@pytest.mark.parametrize(
    "options",
    [
        {"rate_by_kind": {"conv": 0.1}},
        {"allocation": "uniform"},
        {"fractions": {"stem": 0.5}, "scope": "global"},
        {"fractions": {"stem": 0.5}, "rate": 0.5},
        {"fractions": {"stem": 0.5}, "densities": [0.5, 0.4, 0.3]},
        {"iterations": 2},
        {"during": "gradual"},
        {"granularity": "weight", "channel_score": "mean"},
        {"granularity": "filter", "fractions": {"stem": 0.5}, "channel_score": "mean"},
    ],
)
def test_settings_that_contradict_each_other_are_refused(options: dict) -> None:
    with pytest.raises(ValidationError):
        method(**options)


# ---------------------------------------------------------------- scales of batch norm

NORMED = {
    "groups": [
        SUM | {"scales": [["bn1.weight", 1, 0], ["bn3.weight", 1, 0]]},
        INSIDE | {"scales": [["bn2.weight", 1, 0]]},
    ]
}
SCALES = {
    "bn1.weight": np.array([3, -9, 1, 1, 1, 1, 1, 1], np.float32),
    "bn2.weight": np.array([-5, 4, 0.1, 3, 2, 8], np.float32),
    "bn3.weight": np.array([1, 1, 7, -2, 1, 4, 5, 6], np.float32),
}


def ranked_by_scale(listed: dict[str, object] = NORMED, **options: object) -> dict[str, np.ndarray]:
    settings = method(1, criterion="batch-norm-scale", **options)
    trained = weights() | SCALES
    about = {"initial": trained, "trained_from": trained, "trained": trained, "consumers": {}, "channels": listed}
    return next_mask(settings, LAYERS, 1, 0, full_mask(weights(), LAYERS), **about)


def test_channels_are_ranked_by_the_scale_of_their_batch_norm_whatever_their_weights() -> None:
    mask = ranked_by_scale(densities=[0.5])
    inside = mask["inner"].reshape(6, -1).any(axis=1)
    np.testing.assert_array_equal(inside, [True, True, False, False, False, True])
    of_sum = mask["stem"].reshape(8, -1).any(axis=1)  # sums of both norms: 4, 10, 8, 3, 2, 5, 6, 7
    np.testing.assert_array_equal(of_sum, [False, True, True, False, False, False, True, True])


def test_all_channels_are_ranked_together_by_sums_or_by_means_per_layer() -> None:
    assert left(ranked_by_scale(densities=[0.5], scope="global")) == (5, 2)  # 10, 8, 8, 7, 6, 5, 5 (the later one)
    assert left(ranked_by_scale(densities=[0.5], scope="global", channel_score="mean")) == (3, 4)


def test_channels_without_batch_norm_are_left_and_where_all_are_that_is_one_line() -> None:
    half = {"groups": [SUM, NORMED["groups"][1]]}
    assert left(ranked_by_scale(half, densities=[0.5])) == (8, 3)
    with pytest.raises(FilterError, match="criterion: 'batch-norm-scale' ranks channels by the scales of batch norm"):
        ranked_by_scale(LISTED, densities=[0.5])
