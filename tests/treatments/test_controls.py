"""Rewinding and branches: what a ticket and its counterfactuals start from."""

from __future__ import annotations

import numpy as np
import pytest

from lth_core.config import Rewind
from lth_core.randomness import random_generator
from lth_core.registry import treatment
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import rewind

Tensors = dict[str, np.ndarray]


def weights(seed: int) -> Tensors:
    random = np.random.default_rng(seed)
    return {
        "a.weight": random.standard_normal((20, 15)).astype(np.float32),
        "a.bias": random.standard_normal(20).astype(np.float32),
        "b.weight": random.standard_normal((10, 20)).astype(np.float32),
    }


MASK = {name: np.random.default_rng(7).random(weights(0)[name].shape) < 0.4 for name in ("a.weight", "b.weight")}
INITIAL, START, FRESH = weights(0), weights(1), weights(2)


def treated(name: str, seed: int = 3) -> object:
    ticket = rewind(Rewind(policy="rewind", step=5), START, MASK)
    checkpoints = BranchCheckpoints(initial=INITIAL, start=START, trained={}, trained_from={}, fresh=lambda: FRESH)
    return treatment.call(
        name, {"ticket": ticket, "checkpoints": checkpoints, "rng": random_generator(seed, "branch", name)}, {}
    )


@pytest.mark.parametrize(
    ("policy", "first_step"),
    [
        (Rewind(), 0),
        (Rewind(policy="rewind", step=5), 5),
        (Rewind(policy="rewind", step=0), 0),
        (Rewind(policy="lr-rewind"), 0),
    ],
)
def test_a_ticket_keeps_the_bits_of_its_start_and_is_zero_elsewhere(policy: Rewind, first_step: int) -> None:
    ticket = rewind(policy, START, MASK)
    assert ticket.first_step == first_step
    for name, kept in MASK.items():
        assert np.array_equal(ticket.weights[name][kept], START[name][kept])
        assert not ticket.weights[name][~kept].any()
    assert np.array_equal(ticket.weights["a.bias"], START["a.bias"])
    assert all(np.array_equal(START[name], value) for name, value in weights(1).items())  # arguments untouched


@pytest.mark.parametrize("name", ["ticket", "reset", "reinit", "random-mask", "random-mask-reinit", "redraw-kept"])
def test_every_branch_is_zero_outside_its_mask_and_has_the_tickets_counts(name: str) -> None:
    ticket = treated(name)
    for layer, kept in ticket.mask.items():
        assert kept.sum() == MASK[layer].sum()
        assert not ticket.weights[layer][~kept].any()


def test_reset_goes_back_to_theta_0_and_step_0() -> None:
    ticket = treated("reset")
    assert ticket.first_step == 0
    assert np.array_equal(ticket.weights["a.weight"][MASK["a.weight"]], INITIAL["a.weight"][MASK["a.weight"]])


def test_reinit_keeps_the_mask_and_differs_at_every_kept_weight() -> None:
    ticket, unchanged = treated("reinit"), treated("ticket")
    assert ticket.first_step == 0
    for name, kept in MASK.items():
        assert np.array_equal(ticket.mask[name], kept)
        assert (ticket.weights[name][kept] != unchanged.weights[name][kept]).all()


def test_a_random_mask_is_elsewhere_on_the_tickets_own_starting_values() -> None:
    ticket = treated("random-mask")
    kept = ticket.mask["a.weight"]
    assert (kept != MASK["a.weight"]).any()
    assert np.array_equal(ticket.weights["a.weight"][kept], START["a.weight"][kept])
    assert ticket.first_step == 5


def test_a_random_mask_depends_on_its_stream_alone() -> None:
    same, other = treated("random-mask"), treated("random-mask", seed=4)
    assert np.array_equal(treated("random-mask").mask["a.weight"], same.mask["a.weight"])
    assert not np.array_equal(other.mask["a.weight"], same.mask["a.weight"])


def test_redrawn_values_come_from_the_kept_initial_values_of_their_layer() -> None:
    ticket = treated("redraw-kept")
    for name, kept in MASK.items():
        assert set(ticket.weights[name][kept]) <= set(INITIAL[name][kept])
        assert (ticket.weights[name][kept] != INITIAL[name][kept]).any()
