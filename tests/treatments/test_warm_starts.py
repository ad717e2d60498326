"""Shrink-and-perturb: what it adds, what it leaves alone, and what a network predicts afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.config import Rewind
from lth_core.randomness import random_generator
from lth_core.registry import treatment
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, apply_mask, rewind

Tensors = dict[str, np.ndarray]


def weights(seed: int) -> Tensors:
    random = np.random.default_rng(seed)
    return {
        "hidden.weight": random.standard_normal((200, 100)).astype(np.float32),
        "hidden.bias": random.standard_normal(200).astype(np.float32),
        "norm.running_mean": random.standard_normal(200).astype(np.float32),
        "norm.running_var": random.random(200).astype(np.float32),
        "norm.num_batches_tracked": np.array(7 + seed),
    }


WARM, FRESH = weights(0), weights(1)
MASK = {"hidden.weight": np.random.default_rng(2).random((200, 100)) < 0.3}


def treated(mask: Tensors = MASK, warm: Tensors = WARM, fresh: Tensors = FRESH, **options: float) -> Ticket:
    ticket = rewind(Rewind(policy="rewind", step=5), warm, mask)
    checkpoints = BranchCheckpoints(initial={}, start=warm, trained={}, trained_from={}, fresh=lambda: fresh)
    offered = {"ticket": ticket, "checkpoints": checkpoints, "rng": random_generator(0, "branch", "shrink-perturb")}
    return treatment.call("shrink-perturb", offered, options)


def test_kept_weights_and_biases_are_shrunk_and_get_a_multiple_of_a_fresh_initialization() -> None:
    ticket = treated(shrink=0.3, noise=0.5)
    added = {name: ticket.weights[name] - 0.3 * WARM[name] for name in ("hidden.weight", "hidden.bias")}
    kept = MASK["hidden.weight"]
    assert np.allclose(added["hidden.weight"][kept], 0.5 * FRESH["hidden.weight"][kept], atol=1e-6)
    assert np.allclose(added["hidden.bias"], 0.5 * FRESH["hidden.bias"], atol=1e-6)
    assert added["hidden.weight"][kept].mean() == pytest.approx(0, abs=0.03)
    assert added["hidden.weight"][kept].std() == pytest.approx(0.5, rel=0.03)


def test_the_defaults_are_those_of_the_paper() -> None:
    assert np.allclose(treated({}).weights["hidden.bias"], 0.6 * WARM["hidden.bias"] + 0.01 * FRESH["hidden.bias"])


@pytest.mark.parametrize("mask", [MASK, {}])
def test_the_mask_stays_and_training_begins_at_step_0(mask: Tensors) -> None:
    ticket = treated(mask)
    assert ticket.mask is mask or ticket.mask == mask
    assert ticket.first_step == 0
    if mask:
        assert not ticket.weights["hidden.weight"][~mask["hidden.weight"]].any()
        assert ticket.weights["hidden.weight"][mask["hidden.weight"]].all()


def test_types_and_statistics_of_batch_norm_stay() -> None:
    ticket = treated()
    assert {name: value.dtype for name, value in ticket.weights.items()} == {n: v.dtype for n, v in WARM.items()}
    for name in ("norm.running_mean", "norm.running_var", "norm.num_batches_tracked"):
        assert np.array_equal(ticket.weights[name], WARM[name])


def test_nothing_is_shrunk_and_nothing_added_with_1_and_0() -> None:
    ticket, warm = treated(shrink=1.0, noise=0.0), apply_mask(WARM, MASK)
    assert all(np.array_equal(ticket.weights[name], warm[name]) for name in warm)


@pytest.mark.parametrize("density", [1.0, 0.4])
def test_shrinking_alone_keeps_the_predictions_of_relu_networks_without_biases(density: float) -> None:
    """Ash & Adams 2020: every layer multiplies the outputs by `shrink`, here 0.6 to the third power."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(8, 30, bias=False), nn.ReLU(), nn.Linear(30, 30, bias=False), nn.ReLU(), nn.Linear(30, 5, bias=False)
    )
    warm = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    mask = {name: np.random.default_rng(3).random(value.shape) < density for name, value in warm.items()}
    ticket = treated(mask, warm, {name: np.ones_like(value) for name, value in warm.items()}, shrink=0.6, noise=0.0)
    inputs, outputs = torch.randn(50, 8), []
    for tensors in (apply_mask(warm, mask), ticket.weights):
        network.load_state_dict({name: torch.as_tensor(value) for name, value in tensors.items()})
        outputs.append(network(inputs))
    assert torch.allclose(outputs[1], 0.6**3 * outputs[0], rtol=1e-4, atol=1e-6)
    assert torch.equal(outputs[0].argmax(1), outputs[1].argmax(1))
