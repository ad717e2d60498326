"""Structured pruning: whole rows by L1 norm, exact counts per layer, nested masks, one clear line for mistakes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lth_core.config import Method
from lth_core.jobs.support.prunable import check_methods
from lth_core.planning.plan import canonical
from lth_core.pruning.exclusions import ExclusionError
from lth_core.pruning.filters import FilterError, check_filters, filter_fractions
from lth_core.pruning.prune import PruningError, full_mask
from lth_core.pruning.structured import prune_filters

LAYERS = {"conv1.weight": "conv", "conv2.weight": "conv", "fc1.weight": "hidden", "fc2.weight": "output"}
SHAPES = {"conv1.weight": (16, 3, 3, 3), "conv2.weight": (8, 16, 3, 3), "fc1.weight": (20, 32), "fc2.weight": (10, 20)}


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {name: draw.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def magnitudes(seed: int = 0) -> dict[str, np.ndarray]:
    return {name: np.abs(value) for name, value in weights(seed).items()}


def method(iterative: bool = True, **fractions: float) -> Method:
    named = {pattern.replace("_", "."): rate for pattern, rate in fractions.items()}
    return Method(levels=9, granularity="filter", fractions=named, iterative=iterative)


def filters(mask: dict[str, np.ndarray]) -> dict[str, int]:
    return {name: int(kept.reshape(len(kept), -1).any(axis=1).sum()) for name, kept in mask.items()}


def test_the_filters_of_least_l1_norm_go_whole() -> None:
    scores = magnitudes()
    mask = prune_filters(scores, full_mask(scores, LAYERS), dict.fromkeys(LAYERS, 0.0) | {"conv2.weight": 0.25}, {})
    norms = np.abs(weights()["conv2.weight"]).sum(axis=(1, 2, 3))
    kept = mask["conv2.weight"].reshape(8, -1)
    assert (kept.all(axis=1) | ~kept.any(axis=1)).all()
    assert set(np.flatnonzero(~kept.any(axis=1))) == set(np.argsort(norms)[:2])
    assert all(mask[name].all() for name in LAYERS if name != "conv2.weight")


def test_what_reads_a_filter_goes_with_it_so_that_the_density_is_that_of_the_network_left() -> None:
    scores, nothing = magnitudes(), dict.fromkeys(LAYERS, 0.0)
    fraction = nothing | {"conv1.weight": 0.25, "conv2.weight": 0.5}
    consumers = {"conv1.weight": ["conv2.weight", 1], "conv2.weight": ["fc1.weight", 4]}
    mask = prune_filters(scores, full_mask(scores, LAYERS), fraction, consumers)
    first, second = (mask[name].reshape(len(mask[name]), -1).any(axis=1) for name in ("conv1.weight", "conv2.weight"))
    assert (first.sum(), second.sum()) == (12, 4)
    np.testing.assert_array_equal(mask["conv2.weight"][:, :, 0, 0], np.outer(second, first))
    np.testing.assert_array_equal(mask["fc1.weight"], np.outer(np.ones(20, bool), np.repeat(second, 4)))
    smaller = {"conv1.weight": 12 * 3 * 9, "conv2.weight": 4 * 12 * 9, "fc1.weight": 20 * 16, "fc2.weight": 200}
    assert {name: int(kept.sum()) for name, kept in mask.items()} == smaller


def test_a_layer_without_a_fraction_loses_the_columns_of_removed_filters_and_nothing_else() -> None:
    scores = magnitudes()
    fraction = {"conv1.weight": 0.0, "conv2.weight": 0.5, "fc2.weight": 0.0}
    del scores["fc1.weight"]
    mask = prune_filters(scores, full_mask(weights(), LAYERS), fraction, {"conv2.weight": ["fc1.weight", 4]})
    left = mask["conv2.weight"].reshape(8, -1).any(axis=1)
    np.testing.assert_array_equal(mask["fc1.weight"], np.outer(np.ones(20, bool), np.repeat(left, 4)))


def test_filters_are_ranked_by_the_weights_that_they_still_have() -> None:
    mask = {"fc1.weight": np.array([[True, False], [True, False]])}
    scores = {"fc1.weight": np.array([[2.0, 0.0], [1.0, 9.0]])}
    smaller = prune_filters(scores, mask, {"fc1.weight": 0.5}, {})
    assert smaller["fc1.weight"].tolist() == [[True, False], [False, False]]


@given(rate=st.floats(0.05, 0.4), level=st.integers(1, 5), iterative=st.booleans(), seed=st.integers(0, 99))
def test_counts_are_exact_masks_nested_and_other_layers_whole(
    rate: float, level: int, iterative: bool, seed: int
) -> None:
    settings = method(iterative, conv1_weight=rate)
    mask, left = full_mask(weights(), LAYERS), 16
    for number in range(1, level + 1):
        if not iterative and number < level:
            continue
        fraction = filter_fractions(settings, LAYERS, number)
        smaller = prune_filters(magnitudes(seed + number), mask, fraction, {})
        left -= round(left * (rate if iterative else 1 - (1 - rate) ** level))
        assert filters(smaller) == {"conv1.weight": left, "conv2.weight": 8, "fc1.weight": 20, "fc2.weight": 10}
        assert all((smaller[name] <= mask[name]).all() for name in mask)
        assert all(kept.shape == SHAPES[name] and kept.dtype == bool for name, kept in smaller.items())
        mask = smaller


def test_pruned_filters_never_come_back_even_with_the_highest_scores() -> None:
    mask = {"fc1.weight": np.array([[True] * 2, [False] * 2, [True] * 2, [True] * 2])}
    scores = {"fc1.weight": np.array([[3.0, 3], [99, 99], [1, 1], [2, 2]])}
    smaller = prune_filters(scores, mask, {"fc1.weight": 1 / 3}, {})
    assert smaller["fc1.weight"].any(axis=1).tolist() == [True, False, False, True]


@pytest.mark.parametrize("patterns", [{"conv1.*": 0.1, "conv*": 0.3}, {"conv1.*": 0.1, "[a-e]*": 0.3}])
def test_the_first_pattern_that_matches_counts_in_jobs_too(patterns: dict[str, float]) -> None:
    written = Method(levels=2, granularity="filter", fractions=patterns)
    settings = Method(**json.loads(canonical(written.model_dump(mode="json"))))  # as a job gets it
    assert settings == written
    assert filter_fractions(settings, LAYERS, 2) == {
        "conv1.weight": 0.1, "conv2.weight": 0.3, "fc1.weight": 0.0, "fc2.weight": 0.0,
    }  # fmt: skip


def test_one_shot_fractions_compound_as_many_rounds_would() -> None:
    actual = filter_fractions(method(iterative=False, conv1_weight=0.5), LAYERS, 3)
    assert actual == {"conv1.weight": 0.875, "conv2.weight": 0.0, "fc1.weight": 0.0, "fc2.weight": 0.0}


# ---------------------------------------------------------------- mistakes


def test_a_fraction_that_empties_a_layer_is_one_clear_line() -> None:
    fraction = dict.fromkeys(LAYERS, 0.0) | {"conv2.weight": 0.95}
    with pytest.raises(FilterError, match=r"^fractions: 0.95 of conv2.weight would leave none of its 8 filters: make"):
        prune_filters(magnitudes(), full_mask(weights(), LAYERS), fraction, {})


@pytest.mark.parametrize(
    ("iterative", "fraction", "levels", "line"),
    [
        (True, 0.6, 2, "0.6 of conv2.weight would leave none of its 1 filter"),  # 8, 3, 1, none
        (False, 0.9, 1, "0.99 of conv2.weight would leave none of its 8 filters"),  # 8 - round(8 * 0.99) = 0
        (False, 0.6, 2, "level 3 prunes no filter: prune more"),  # 8 - round(8 * 0.936) = 1, as at level 2
    ],
)
def test_that_is_known_before_anything_is_trained(iterative: bool, fraction: float, levels: int, line: str) -> None:
    sizes = {name: shape[0] for name, shape in SHAPES.items()}
    settings = method(iterative, conv2_weight=fraction).model_copy(update={"levels": levels})
    check_filters(settings, LAYERS, sizes)
    with pytest.raises(FilterError, match=rf"^fractions: {line}"):
        check_filters(settings.model_copy(update={"levels": levels + 1}), LAYERS, sizes)


def test_mistakes_are_found_when_networks_are_initialized_and_name_their_key() -> None:
    stacked = {name: np.zeros((2, *shape)) for name, shape in SHAPES.items()}
    settings = {"granularity": "filter", "fractions": {"conv2.weight": 0.6}, "levels": 2}
    check_methods(LAYERS, stacked, {"filters": settings, "weights": {"levels": 30}})
    with pytest.raises(FilterError, match=r"^methods.filters.fractions: 0.6 of conv2.weight would leave none of its 1"):
        check_methods(LAYERS, stacked, {"filters": settings | {"levels": 3}})
    with pytest.raises(ExclusionError, match=r"^methods.other.exclude: 'x\*' matches no kind"):
        check_methods(LAYERS, stacked, {"other": {"levels": 1, "exclude": ["x*"]}})


def test_rates_of_kinds_that_the_network_lacks_are_found_there_too() -> None:
    methods = {"imp": {"levels": 1, "rate_by_kind": {"output": 0.1}}}
    stacked = {name: np.zeros((2, *shape)) for name, shape in SHAPES.items()}
    check_methods(LAYERS, stacked, methods)
    line = r"^methods.imp.rate_by_kind: the network has no weight of kind 'output', only of: conv, hidden$"
    with pytest.raises(ExclusionError, match=line):
        check_methods(dict.fromkeys(LAYERS, "hidden") | {"conv1.weight": "conv"}, stacked, methods)


def test_filters_that_enter_a_sum_are_refused_where_that_is_known() -> None:
    stacked = {name: np.zeros((2, *shape)) for name, shape in SHAPES.items()}
    methods = {"filters": {"granularity": "filter", "fractions": {"conv*": 0.1}, "levels": 1}}
    check_methods(LAYERS, stacked, methods, ["conv1.weight", "conv2.weight"])
    line = (
        r"^methods.filters.fractions: the filters of conv2.weight cannot be removed because .* these can: conv1.weight$"
    )
    with pytest.raises(FilterError, match=line):
        check_methods(LAYERS, stacked, methods, ["conv1.weight"])


def test_classes_cannot_be_pruned_and_patterns_must_match() -> None:
    with pytest.raises(FilterError, match=r"^fractions: 'fc2.weight' is the output layer"):
        filter_fractions(method(**{"fc*": 0.1}), LAYERS, 1)
    with pytest.raises(FilterError, match=r"^fractions: 'block\*' matches no weight of the network \(conv1.weight,"):
        filter_fractions(method(**{"block*": 0.1}), LAYERS, 1)


def test_scores_that_are_not_numbers_or_of_another_shape_are_refused() -> None:
    scores, nothing = magnitudes(), dict.fromkeys(LAYERS, 0.0)
    mask = full_mask(scores, LAYERS)
    for wrong in (scores["fc1.weight"][:5], np.full_like(scores["fc1.weight"], np.nan)):
        with pytest.raises(PruningError, match=r"fc1\.weight"):
            prune_filters(scores | {"fc1.weight": wrong}, mask, nothing, {})


@pytest.mark.parametrize(
    "options",
    [
        {"granularity": "filter"},
        {"fractions": {"conv1.weight": 0.5}},
        {"granularity": "filter", "fractions": {"conv1.weight": 1.0}},
        {"granularity": "filter", "fractions": {"conv1.weight": 0.5}, "scope": "global"},
        {"granularity": "filter", "fractions": {"conv1.weight": 0.5}, "rate": 0.5},
        {"granularity": "filter", "fractions": {"conv1.weight": 0.5}, "rate_by_kind": {"conv": 0.1}},
        {"granularity": "row", "fractions": {"conv1.weight": 0.5}},
    ],
)
def test_settings_that_contradict_each_other_are_refused(options: dict) -> None:
    with pytest.raises(ValidationError):
        Method(levels=1, **options)


def test_filters_of_weights_that_have_none_are_refused() -> None:
    settings = Method.model_validate({"granularity": "filter", "fractions": {"2.weight": 0.5}, "levels": 1})
    with pytest.raises(FilterError, match=r"^fractions: 2.weight is a transposed thing: name other layers$"):
        check_filters(settings, {"2.weight": "conv"}, {"2.weight": 8}, None, {"2.weight": "a transposed thing"})
    for kind in ("embedding", "recurrent", "attention"):
        with pytest.raises(FilterError, match=rf"'2.weight' is a weight of kind {kind}, which has no filters"):
            check_filters(settings, {"2.weight": kind}, {"2.weight": 8})
