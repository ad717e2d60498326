"""Perturbed tickets: which values stand where, and what no perturbation touches."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.config import Rewind
from lth_core.randomness import random_generator
from lth_core.registry import treatment
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, rewind

Tensors = dict[str, np.ndarray]

SHAPES = {"conv.weight": (8, 3, 3, 3), "hidden.weight": (40, 72), "output.weight": (10, 40)}
SCALES = {"conv.weight": 0.3, "hidden.weight": 0.02, "output.weight": 1.5}
GROUPINGS = ("network", "layer", "filter")


def weights(seed: int) -> Tensors:
    random = np.random.default_rng(seed)
    return {
        **{name: (SCALES[name] * random.standard_normal(shape)).astype(np.float32) for name, shape in SHAPES.items()},
        "excluded.weight": random.standard_normal((4, 4)).astype(np.float32),  # prunable, but not by this method
        "hidden.bias": random.standard_normal(40).astype(np.float32),
        "norm.running_mean": random.standard_normal(8).astype(np.float32),
        "norm.num_batches_tracked": np.int64(7),
    }


INITIAL, START, FRESH = weights(0), weights(1), weights(2)
MASK = {name: np.random.default_rng(7).random(shape) < 0.4 for name, shape in SHAPES.items()}
MASK["hidden.weight"][3] = False  # a unit without inputs
TICKET = rewind(Rewind(policy="rewind", step=5), START, MASK)
FROM = {"initial": INITIAL, "start": START, "fresh": FRESH}

TREATMENTS = [
    *[("sign-magnitude", {"signs": s, "magnitudes": m}) for s, m in product(("initial", "start"), FROM)],
    *[("shuffle", {"within": within, "keep_signs": keep}) for within, keep in product(GROUPINGS, (False, True))],
    ("gaussian-noise", {"scale": 0.5}),
]


def treated(name: str, options: dict[str, object], seed: int = 3, mask: Tensors = MASK) -> Ticket:
    ticket = rewind(Rewind(policy="rewind", step=5), START, mask)
    checkpoints = BranchCheckpoints(initial=INITIAL, start=START, trained={}, trained_from={}, fresh=lambda: FRESH)
    offered = {"ticket": ticket, "checkpoints": checkpoints, "rng": random_generator(seed, "branch", name)}
    return treatment.call(name, offered, options)


def kept_values(tensors: Tensors) -> dict[str, np.ndarray]:
    return {name: tensors[name][kept] for name, kept in MASK.items()}


def groups_of(within: str, tensors: Tensors) -> list[np.ndarray]:
    """The kept values of every group, one array each."""
    by_layer = kept_values(tensors)
    if within == "network":
        return [np.concatenate(list(by_layer.values()))]
    if within == "layer":
        return list(by_layer.values())
    return [tensors[name][unit][kept[unit]] for name, kept in MASK.items() for unit in range(len(kept))]


# ---------------------------------------------------------------- what all of them leave alone


@pytest.mark.parametrize(("name", "options"), TREATMENTS)
def test_only_kept_weights_change_and_the_place_in_the_schedule_stays(name, options):
    ticket = treated(name, options)
    assert ticket.first_step == 5 and ticket.order == 0
    assert ticket.weights.keys() == TICKET.weights.keys()
    for layer, kept in MASK.items():
        assert ticket.mask[layer] is MASK[layer]
        assert not ticket.weights[layer][~kept].any()
        assert ticket.weights[layer].dtype == np.float32
    for other in TICKET.weights.keys() - MASK.keys():
        assert np.array_equal(ticket.weights[other], START[other])
    assert all(np.array_equal(START[tensor], value) for tensor, value in weights(1).items())  # arguments untouched


@pytest.mark.parametrize(("name", "options"), TREATMENTS)
def test_a_treatment_depends_on_its_stream_alone(name, options):
    one, again, other = (treated(name, options, seed).weights["hidden.weight"] for seed in (3, 3, 4))
    assert np.array_equal(one, again)
    assert np.array_equal(one, other) == (name == "sign-magnitude")  # which draws nothing


# ---------------------------------------------------------------- signs and magnitudes


@pytest.mark.parametrize(("signs", "magnitudes"), list(product(("initial", "start"), FROM)))
def test_signs_and_magnitudes_are_exactly_those_of_their_sources(signs, magnitudes):
    actual = kept_values(treated("sign-magnitude", {"signs": signs, "magnitudes": magnitudes}).weights)
    for layer, values in actual.items():
        assert np.array_equal(np.abs(values), np.abs(FROM[magnitudes][layer][MASK[layer]]))
        assert np.array_equal(np.sign(values), np.sign(FROM[signs][layer][MASK[layer]]))


def test_the_tickets_own_signs_and_magnitudes_make_the_ticket():
    original = treated("sign-magnitude", {"signs": "start", "magnitudes": "start"}).weights
    assert all(np.array_equal(original[name], value) for name, value in TICKET.weights.items())


# ---------------------------------------------------------------- shuffles


@pytest.mark.parametrize("within", GROUPINGS)
def test_a_shuffle_preserves_the_values_of_every_group(within):
    ticket = treated("shuffle", {"within": within})
    for before, after in zip(groups_of(within, START), groups_of(within, ticket.weights), strict=True):
        assert np.array_equal(np.sort(before), np.sort(after))


@pytest.mark.parametrize("within", GROUPINGS)
def test_a_shuffle_that_keeps_signs_preserves_magnitudes_by_group_and_signs_by_place(within):
    ticket = treated("shuffle", {"within": within, "keep_signs": True})
    for before, after in zip(groups_of(within, START), groups_of(within, ticket.weights), strict=True):
        assert np.array_equal(np.sort(np.abs(before)), np.sort(np.abs(after)))
        assert np.array_equal(np.sign(before), np.sign(after))


@pytest.mark.parametrize(("within", "narrower"), [("network", "layer"), ("layer", "filter")])
def test_a_shuffle_crosses_the_borders_of_narrower_groups(within, narrower):
    ticket = treated("shuffle", {"within": within})
    pairs = zip(groups_of(narrower, START), groups_of(narrower, ticket.weights), strict=True)
    assert any(not np.array_equal(np.sort(before), np.sort(after)) for before, after in pairs)


def test_a_filter_of_a_convolution_is_shuffled_across_its_input_channels():
    after = treated("shuffle", {"within": "filter"}).weights["conv.weight"]
    kept = MASK["conv.weight"]
    channels = [(START["conv.weight"][u, c][kept[u, c]], after[u, c][kept[u, c]]) for u in range(8) for c in range(3)]
    assert any(not np.array_equal(np.sort(before), np.sort(values)) for before, values in channels)


@pytest.mark.parametrize("within", GROUPINGS)
def test_most_values_move(within):
    ticket = treated("shuffle", {"within": within})
    stayed = np.concatenate(groups_of("network", ticket.weights)) == np.concatenate(groups_of("network", START))
    assert stayed.mean() < 0.25  # groups of one value cannot move


@given(st.integers(0, 2**31), st.sampled_from(GROUPINGS), st.booleans())
def test_any_mask_can_be_shuffled_empty_layers_too(seed: int, within: str, keep_signs: bool):
    random = np.random.default_rng(seed)
    mask = {name: random.random(shape) < random.choice([0, 0.01, 0.5, 1]) for name, shape in SHAPES.items()}
    ticket = treated("shuffle", {"within": within, "keep_signs": keep_signs}, mask=mask)
    for layer, kept in mask.items():
        assert np.count_nonzero(ticket.weights[layer]) == kept.sum()


def test_every_order_of_three_values_is_equally_likely():
    mask = {name: np.zeros(shape, bool) for name, shape in SHAPES.items()}
    mask["hidden.weight"][0, :3] = True
    counts: dict[tuple[float, ...], int] = {}
    for seed in range(1200):
        actual = tuple(treated("shuffle", {"within": "filter"}, seed, mask).weights["hidden.weight"][0, :3].tolist())
        counts[actual] = counts.get(actual, 0) + 1
    assert len(counts) == 6
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 20.5  # chi-square, 5 degrees, p = 0.001


# ---------------------------------------------------------------- noise


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_noise_has_the_layers_initial_deviation_times_the_scale(scale):
    ticket = treated("gaussian-noise", {"scale": scale})
    for layer, kept in MASK.items():
        added = (ticket.weights[layer] - START[layer])[kept] / (scale * INITIAL[layer].std())
        assert abs(added.mean()) < 4 / np.sqrt(kept.sum())
        assert abs(added.std() - 1) < 4 / np.sqrt(2 * kept.sum())


def test_the_deviation_is_that_of_all_weights_kept_or_not():
    pruned = {name: value.copy() for name, value in INITIAL.items()}
    pruned["hidden.weight"][~MASK["hidden.weight"]] *= 100
    checkpoints = BranchCheckpoints(initial=pruned, start=START, trained={}, trained_from={}, fresh=lambda: FRESH)
    offered = {"ticket": TICKET, "checkpoints": checkpoints, "rng": random_generator(0, "branch")}
    noisy = treatment.call("gaussian-noise", offered, {"scale": 1.0})
    added = (noisy.weights["hidden.weight"] - START["hidden.weight"])[MASK["hidden.weight"]]
    assert added.std() == pytest.approx(pruned["hidden.weight"].std(), rel=0.15)


def test_every_scale_has_the_same_draw_so_that_scales_compare():
    half, double = (treated("gaussian-noise", {"scale": scale}).weights["conv.weight"] for scale in (0.5, 2.0))
    kept, start = MASK["conv.weight"], START["conv.weight"]
    assert (double - start)[kept] == pytest.approx(4 * (half - start)[kept], rel=1e-3, abs=1e-5)
