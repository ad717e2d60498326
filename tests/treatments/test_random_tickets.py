"""Random tickets: the count of the whole, the densities of chance or of a rule in each layer, a fresh start or not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.config import Rewind
from lth_core.randomness import random_generator
from lth_core.registry import treatment
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, rewind

SHAPES = {"first.weight": (100, 200), "second.weight": (50, 100), "output.weight": (10, 50)}
DENSITIES = {"first.weight": 0.05, "second.weight": 0.3, "output.weight": 0.8}


def weights(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = SHAPES | {"first.bias": (100,), "excluded.weight": (4, 4)}
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


RANDOM = np.random.default_rng(7)
MASK = {name: RANDOM.random(shape) < DENSITIES[name] for name, shape in SHAPES.items()}
FRESH = weights(2)


def drawn(mask: dict[str, np.ndarray] = MASK, seed: int = 3) -> Ticket:
    ticket = rewind(Rewind(policy="rewind", step=5), weights(1), mask)
    checkpoints = BranchCheckpoints(
        initial=weights(0), start=weights(1), trained={}, trained_from={}, fresh=lambda: FRESH
    )
    offered = {"ticket": ticket, "checkpoints": checkpoints, "rng": random_generator(seed, "branch", "random-ticket")}
    return treatment.call("random-ticket", offered, {})


def test_as_many_weights_are_kept_as_in_the_ticket() -> None:
    assert sum(kept.sum() for kept in drawn().mask.values()) == sum(kept.sum() for kept in MASK.values())
    assert {name: kept.shape for name, kept in drawn().mask.items()} == SHAPES


@given(counts=st.lists(st.integers(0, 6), min_size=1, max_size=4), seed=st.integers(0, 5))
def test_the_count_is_exact_whatever_the_mask(counts: list[int], seed: int) -> None:
    mask = {f"{layer}": np.arange(6) < count for layer, count in enumerate(counts)}
    ticket = Ticket({name: np.ones(6) for name in mask}, mask)
    nothing = {key: {} for key in ("initial", "start", "trained", "trained_from")}
    checkpoints = BranchCheckpoints(**nothing, fresh=lambda: {name: np.ones(6) for name in mask})
    offered = {"ticket": ticket, "checkpoints": checkpoints, "rng": random_generator(seed, "x")}
    assert sum(kept.sum() for kept in treatment.call("random-ticket", offered, {}).mask.values()) == sum(counts)


def test_every_layer_gets_the_density_of_the_whole_up_to_chance() -> None:
    size = sum(kept.size for kept in MASK.values())
    whole = sum(kept.sum() for kept in MASK.values()) / size
    for kept in drawn().mask.values():
        # Hypergeometric: draws without replacement vary less than with it.
        deviation = np.sqrt(whole * (1 - whole) / kept.size * (size - kept.size) / (size - 1))
        assert abs(kept.mean() - whole) < 4 * deviation


def test_every_position_is_as_likely_as_any_other() -> None:
    small = {"a": np.array([True, False]), "b": np.array([False, False])}
    positions = [np.concatenate([*drawn_small(small, seed).values()]).argmax() for seed in range(400)]
    assert np.bincount(positions, minlength=4) == pytest.approx([100] * 4, abs=40)


def drawn_small(mask: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    ones = {name: np.ones(kept.shape) for name, kept in mask.items()}
    checkpoints = BranchCheckpoints(initial=ones, start=ones, trained={}, trained_from={}, fresh=lambda: ones)
    return treatment.call(
        "random-ticket",
        {"ticket": Ticket(ones, mask), "checkpoints": checkpoints, "rng": random_generator(seed, "x")},
        {},
    ).mask


def test_the_weights_are_fresh_where_kept_and_zero_elsewhere_and_training_starts_at_step_0() -> None:
    ticket = drawn()
    assert ticket.first_step == 0
    for name, kept in ticket.mask.items():
        assert np.array_equal(ticket.weights[name][kept], FRESH[name][kept])
        assert not ticket.weights[name][~kept].any()
    for name in ("first.bias", "excluded.weight"):
        assert np.array_equal(ticket.weights[name], FRESH[name])


def test_a_draw_depends_on_its_stream_alone_and_leaves_the_ticket_as_it_is() -> None:
    before = {name: kept.copy() for name, kept in MASK.items()}
    first, again, other = (drawn(seed=seed).mask["first.weight"] for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert all(np.array_equal(MASK[name], kept) for name, kept in before.items())


# ---------------------------------------------------------------- smart ratios

KINDS = {"first.weight": "hidden", "second.weight": "hidden", "output.weight": "output"}


def by_smart_ratio(seed: int = 3, **options: object) -> Ticket:
    ticket = rewind(Rewind(policy="rewind", step=5), weights(1), MASK)
    checkpoints = BranchCheckpoints(
        initial=weights(0), start=weights(1), trained={}, trained_from={}, fresh=lambda: FRESH
    )
    offered = {"ticket": ticket, "checkpoints": checkpoints, "layers": KINDS}
    return treatment.call("smart-ratio", offered | {"rng": random_generator(seed, "branch", "smart-ratio")}, options)


def test_smart_ratios_keep_the_tickets_total_and_its_starting_values() -> None:
    ticket, total = by_smart_ratio(), sum(kept.sum() for kept in MASK.values())
    assert sum(kept.sum() for kept in ticket.mask.values()) == total
    assert ticket.first_step == 5
    for name, kept in ticket.mask.items():
        assert np.array_equal(ticket.weights[name], np.where(kept, weights(1)[name], 0))
    assert np.array_equal(ticket.weights["first.bias"], weights(1)["first.bias"])


def test_smart_ratios_of_the_tickets_layers() -> None:
    counts = [int(kept.sum()) for kept in by_smart_ratio().mask.values()]
    rest = sum(int(kept.sum()) for kept in MASK.values()) - 150  # 30% of the output layer
    assert counts[2] == 150 and counts[0] == pytest.approx(rest * 6 * 20 / (6 * 20 + 2 * 5), abs=1)
    turned = [int(kept.sum()) for kept in by_smart_ratio(order="ascending").mask.values()]
    assert turned[0] == pytest.approx(rest * 2 * 20 / (2 * 20 + 6 * 5), abs=1)
    steep = [int(kept.sum()) for kept in by_smart_ratio(depth_power=2.0).mask.values()]
    assert steep[0] == pytest.approx(rest * 6 * 20 / (6 * 20 + 2 / 4 * 5), abs=1)


def test_smart_ratios_draw_other_positions_for_other_seeds() -> None:
    one, same, other = by_smart_ratio().mask, by_smart_ratio().mask, by_smart_ratio(seed=4).mask
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert any(not np.array_equal(one[name], other[name]) for name in one)
