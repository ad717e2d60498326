"""The LSTM language model: worked values, what it may look at, what is shared, pruned and refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lth_core.config import Initialization
from lth_core.models.declared import declared_kinds
from lth_core.models.initialization import initialize
from lth_core.models.layers import prunable_weights, unpruned_weights
from lth_core.models.requirements import ModelError
from lth_core.models.tensors import call, load_tensors, stored_tensors
from lth_core.registry import model

VOCABULARY, TIME = 11, 7


def build(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    return model.call("lstm", {"vocabulary": VOCABULARY, "context": TIME}, options).eval()


def tokens(count: int = 3) -> Tensor:
    return torch.randint(VOCABULARY, (count, TIME), generator=torch.Generator().manual_seed(1))


def kinds(module: nn.Module) -> dict[str, str]:
    return declared_kinds(module)[0]


# ---------------------------------------------------------------- what it computes


def test_every_token_gets_a_score_for_each_token_that_may_follow():
    assert build(layers=2, width=6)(tokens()).shape == (3, TIME, VOCABULARY)


def test_one_unit_computes_the_equations_of_an_lstm():
    network = build(width=1)
    values = {name: value.detach().double() for name, value in network.named_parameters()}
    state = memory = torch.zeros(1, dtype=torch.float64)
    expected = []
    for token in tokens(1)[0]:
        gates = values["lstm.weight_ih_l0"] @ values["embedding.weight"][token] + values["lstm.bias_ih_l0"]
        gates = gates + values["lstm.weight_hh_l0"] @ state + values["lstm.bias_hh_l0"]
        let_in, keep, new, show = gates
        memory = keep.sigmoid() * memory + let_in.sigmoid() * new.tanh()
        state = show.sigmoid() * memory.tanh()
        expected.append(values["head.weight"] @ state + values["head.bias"])
    torch.testing.assert_close(network(tokens(1))[0].double(), torch.stack(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("changed", range(TIME))
def test_a_later_token_changes_no_earlier_score(changed: int):
    network, before = build(width=6), tokens()
    after = before.clone()
    after[:, changed] = (after[:, changed] + 1) % VOCABULARY
    differs = (network(before) != network(after)).any(dim=2)
    assert not differs[:, :changed].any() and differs[:, changed:].any(dim=0)[0]


def test_untrained_scores_are_close_to_even():
    with torch.no_grad():
        chances = build(width=128, tied=True)(tokens(20)).softmax(2)
    assert chances.min() > 0.5 / VOCABULARY and chances.max() < 2 / VOCABULARY


def test_dropout_acts_on_embedding_and_states_in_training_only():
    network = build(width=64, dropout=0.5)
    assert torch.equal(network(tokens()), network(tokens()))
    network.train()
    assert not torch.equal(network(tokens()), network(tokens()))
    assert network.lstm.dropout == 0 and build(layers=2, dropout=0.5).lstm.dropout == 0.5  # between layers


# ---------------------------------------------------------------- tied, stored, called


def test_a_tied_output_layer_is_stored_once():
    network = build(width=6, tied=True)
    assert network.head.weight is network.embedding.weight
    assert "head.weight" not in stored_tensors(network) and "embedding.weight" in stored_tensors(network)
    sizes = [sum(value.numel() for value in build(width=6, tied=tied).parameters()) for tied in (False, True)]
    assert sizes[0] - sizes[1] == VOCABULARY * 6


@pytest.mark.parametrize("tied", [False, True])
def test_it_computes_with_stored_weights_as_a_module_that_has_them(tied: bool):
    network = build(layers=2, width=6, tied=tied)
    drawn = initialize(lambda: build(layers=2, width=6, tied=tied), Initialization(weights="framework"), seed=3)
    given = {name: torch.from_numpy(value).requires_grad_() for name, value in drawn.items()}
    called = call(network, given, tokens())
    gradients = torch.autograd.grad(called.square().sum(), [*given.values()])
    load_tensors(network, drawn)
    assert torch.equal(called, network(tokens()))
    network(tokens()).square().sum().backward()
    for gradient, parameter in zip(gradients, network.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


# ---------------------------------------------------------------- what is pruned

RECURRENT = {"lstm.weight_ih_l0": "recurrent", "lstm.weight_hh_l0": "recurrent"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, RECURRENT | {"head.weight": "output"}),
        ({"tied": True}, RECURRENT),
        ({"prune_embeddings": True}, RECURRENT | {"embedding.weight": "embedding", "head.weight": "output"}),
        ({"tied": True, "prune_embeddings": True}, RECURRENT | {"embedding.weight": "embedding"}),
    ],
)
def test_recurrent_matrices_and_output_layer_are_prunable_and_embeddings_on_request(options, expected):
    network = build(**options)
    assert kinds(network) == expected
    assert {*prunable_weights(network)} | {*unpruned_weights(network)} == {
        name for name, value in network.named_parameters() if value.ndim > 1
    }


def test_every_layer_has_two_recurrent_matrices():
    assert [*kinds(build(layers=3)).values()].count("recurrent") == 6


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layers": 0}, "lstm: layers must be a positive whole number, not 0"),
        ({"width": 1.5}, "lstm: width must be a positive whole number, not 1.5"),
        ({"layers": True}, "lstm: layers must be a positive whole number, not True"),
        ({"dropout": 1.0}, "lstm: dropout must be in [0, 1), not 1.0"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(options: dict[str, Any], said: str):
    with pytest.raises(ModelError) as refused:
        build(**options)
    assert str(refused.value) == said
