"""The Transformer language model: worked values, what it may look at, what is shared, pruned and refused."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.nn import functional

from lth_core.config import Initialization
from lth_core.models.declared import declared_kinds
from lth_core.models.initialization import initialize, initialize_cohort
from lth_core.models.layers import prunable_weights, unpruned_weights
from lth_core.models.requirements import ModelError
from lth_core.models.tensors import call, load_tensors, stored_tensors
from lth_core.registry import model

VOCABULARY, CONTEXT = 11, 7


def build(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    options = {"width": 12, "heads": 3, **options}
    return model.call("transformer", {"vocabulary": VOCABULARY, "context": CONTEXT}, options).eval()


def tokens(count: int = 3, time: int = CONTEXT) -> Tensor:
    return torch.randint(VOCABULARY, (count, time), generator=torch.Generator().manual_seed(1))


def with_large_weights(network: nn.Module) -> nn.Module:
    """Weights at which attention is far from even."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(parameter.numel()))
    return network


# ---------------------------------------------------------------- what it computes


def test_every_token_gets_a_score_for_each_token_that_may_follow():
    network = build()
    assert network(tokens()).shape == (3, CONTEXT, VOCABULARY)
    shorter = network(tokens(time=CONTEXT)[:, :3])
    torch.testing.assert_close(shorter, network(tokens())[:, :3])


@pytest.mark.parametrize("heads", [1, 3])
def test_attention_is_pytorchs_causal_attention(heads: int):
    network = with_large_weights(build(heads=heads))
    hidden = torch.randn(2, CONTEXT, 12, generator=torch.Generator().manual_seed(0))
    block = network.blocks[0]
    queries, keys, values = (
        part.view(2, CONTEXT, heads, -1).transpose(1, 2) for part in block.attention(hidden).chunk(3, dim=2)
    )
    expected = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    actual = block.heads(block.attention(hidden), network.mask)
    torch.testing.assert_close(actual, expected.transpose(1, 2).reshape(2, CONTEXT, 12))


def test_blocks_are_pytorchs_pre_norm_layers():
    network = with_large_weights(build(layers=1))
    block = network.blocks[0]
    layer = nn.TransformerEncoderLayer(12, 3, 48, 0.0, "gelu", batch_first=True, norm_first=True)
    matching = {
        "self_attn.in_proj_": block.attention,
        "self_attn.out_proj.": block.projection,
        "linear1.": block.mlp[0],
        "linear2.": block.mlp[2],
        "norm1.": block.attention_norm,
        "norm2.": block.mlp_norm,
    }
    layer.load_state_dict(
        {f"{name}{key}": part.state_dict()[key] for name, part in matching.items() for key in ("weight", "bias")}
    )
    hidden = torch.randn(2, CONTEXT, 12)
    torch.testing.assert_close(block(hidden, network.mask), layer(hidden, src_mask=network.mask, is_causal=True))


@pytest.mark.parametrize("changed", range(CONTEXT))
def test_a_later_token_changes_no_earlier_score(changed: int):
    network, before = with_large_weights(build()), tokens()
    after = before.clone()
    after[:, changed] = (after[:, changed] + 1) % VOCABULARY
    differs = (network(before) != network(after)).any(dim=2)
    assert not differs[:, :changed].any() and differs[:, changed].all()


def test_the_same_token_has_other_scores_at_another_position():
    scores = with_large_weights(build())(torch.zeros(1, CONTEXT, dtype=torch.int64))
    assert len({tuple(row) for row in scores[0].tolist()}) == CONTEXT


def test_weights_start_as_those_of_gpt_2():
    network = build(width=64, heads=4, layers=8)
    parameters = dict(network.named_parameters())
    expected = {"embedding": 0.02, "blocks.0.attention": 0.02, "blocks.0.mlp.0": 0.02, "blocks.7.projection": 0.02 / 4}
    for name, std in expected.items():
        assert math.isclose(parameters[f"{name}.weight"].std().item(), std, rel_tol=0.1)
    assert not any(value.any() for name, value in parameters.items() if name.endswith("bias"))
    chances = network(tokens()).softmax(2)
    assert chances.min() > 0.5 / VOCABULARY and chances.max() < 2 / VOCABULARY


def test_dropout_acts_in_training_only():
    network = build(dropout=0.5)
    assert torch.equal(network(tokens()), network(tokens()))
    network.train()
    assert not torch.equal(network(tokens()), network(tokens()))


# ---------------------------------------------------------------- tied, stored, called


def test_a_tied_output_layer_is_stored_once_and_the_causal_mask_is_a_constant():
    network = build(tied=True)
    assert network.head.weight is network.embedding.weight
    assert "head.weight" not in stored_tensors(network)
    assert stored_tensors(network).keys() == dict(network.named_parameters()).keys()
    assert [name for name, _ in network.named_buffers()] == ["mask"]


@pytest.mark.parametrize("tied", [False, True])
def test_it_computes_with_stored_weights_as_a_module_that_has_them(tied: bool):
    network = build(tied=tied)
    drawn = initialize(lambda: with_large_weights(build(tied=tied)), Initialization(weights="framework"), seed=3)
    given = {name: torch.from_numpy(value).requires_grad_() for name, value in drawn.items()}
    called = call(network, given, tokens())
    gradients = torch.autograd.grad(called.square().sum(), [*given.values()])
    load_tensors(network, drawn)
    assert torch.equal(called, network(tokens()))
    network(tokens()).square().sum().backward()
    for gradient, parameter in zip(gradients, network.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


@pytest.mark.parametrize("tied", [False, True])
def test_replicates_computed_together_are_those_computed_alone(tied: bool):
    network = build(tied=tied).train()
    drawn = initialize_cohort(lambda: build(tied=tied), Initialization(weights="framework"), seeds=[0, 1])
    weights = {name: torch.from_numpy(value) for name, value in drawn.items()}
    inputs = torch.stack([tokens(), tokens().flip(1)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        together = vmap(lambda one, batch: call(network, one, batch))(weights, inputs)
    for replicate in range(2):
        alone = call(network, {name: value[replicate] for name, value in weights.items()}, inputs[replicate])
        torch.testing.assert_close(together[replicate], alone)


def test_it_has_second_derivatives():
    network = build(layers=1)
    parameters = [*network.parameters()]
    first = torch.autograd.grad(network(tokens()).square().sum(), parameters, create_graph=True)
    second = torch.autograd.grad(sum(gradient.square().sum() for gradient in first), parameters)
    assert all(gradient.isfinite().all() for gradient in second)


# ---------------------------------------------------------------- what is pruned

BLOCK = {"attention": "attention", "projection": "attention", "mlp.0": "hidden", "mlp.2": "hidden"}
BLOCKS = {f"blocks.{block}.{name}.weight": kind for block in range(2) for name, kind in BLOCK.items()}
TABLES = {"embedding.weight": "embedding", "position.weight": "embedding"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, BLOCKS | {"head.weight": "output"}),
        ({"tied": True}, BLOCKS),
        ({"prune_embeddings": True}, BLOCKS | TABLES | {"head.weight": "output"}),
        ({"tied": True, "prune_embeddings": True}, BLOCKS | TABLES),
    ],
)
def test_attention_mlps_and_output_layer_are_prunable_and_embeddings_on_request(options, expected):
    network = build(**options)
    assert declared_kinds(network)[0] == expected
    assert {*prunable_weights(network)} | {*unpruned_weights(network)} == {
        name for name, value in network.named_parameters() if value.ndim > 1
    }


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"heads": 5}, "transformer: heads (5) must divide width (12)"),
        ({"heads": 0}, "transformer: heads must be a positive whole number, not 0"),
        ({"layers": -1}, "transformer: layers must be a positive whole number, not -1"),
        ({"width": "wide"}, "transformer: width must be a positive whole number, not 'wide'"),
        ({"dropout": -0.1}, "transformer: dropout must be in [0, 1), not -0.1"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(options: dict[str, Any], said: str):
    with pytest.raises(ModelError) as refused:
        build(**options)
    assert str(refused.value) == said
