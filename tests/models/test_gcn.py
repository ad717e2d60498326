"""The graph convolutional network: worked values, gradients by features, weights and edges, what is pruned, refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lth_core.config import Initialization
from lth_core.models.cost import network_cost
from lth_core.models.graphs import Adjacency, SparseRows
from lth_core.models.initialization import initialize
from lth_core.models.inputs import TokenShape
from lth_core.models.layers import prunable_layers, unpruned_weights
from lth_core.models.requirements import ModelError
from lth_core.models.shrinking import ShrinkingError, consumers_of, shrink
from lth_core.models.tensors import stored_tensors
from lth_core.registry import model
from tests.support.graphs import communities, tensors

NODE = TokenShape(())


def build(**options: Any) -> Any:
    torch.manual_seed(0)
    return model.call("gcn", {"graph": tensors(), "classes": 3}, {"hidden": 4} | options).eval()


def average(weights: np.ndarray | None = None) -> Tensor:
    """D^-1/2 (A + I) D^-1/2 as a dense matrix, from its definition."""
    graph = communities()
    matrix = np.eye(len(graph.features))
    for weight, (node, other) in zip(np.ones(41) if weights is None else weights, graph.edges, strict=True):
        matrix[node, other] = matrix[other, node] = weight
    scale = np.diag(matrix.sum(axis=1) ** -0.5)
    return torch.from_numpy(scale @ matrix @ scale)


def dense_scores(network: nn.Module, matrix: Tensor) -> Tensor:
    """Equation 9 of Kipf & Welling 2017 in double precision, for all nodes."""
    features = torch.from_numpy(communities().features).double()
    first, second = (network.get_parameter(f"{name}.weight").double() for name in ("hidden", "output"))
    return matrix @ (matrix @ (features @ first.T)).relu() @ second.T


# ---------------------------------------------------------------- what it computes


def test_it_computes_two_graph_convolutions_of_the_nodes_that_it_is_asked_for() -> None:
    network, nodes = build(), torch.tensor([5, 0, 5, 23])
    expected = dense_scores(network, average())[nodes]
    torch.testing.assert_close(network(nodes).double(), expected, rtol=1e-5, atol=1e-6)


def test_a_step_has_the_gradient_of_the_dense_computation() -> None:
    network, nodes = build(), torch.tensor([2, 7, 11])
    weights = [network.hidden.weight, network.output.weight]
    actual = torch.autograd.grad(network(nodes).square().sum(), weights)
    expected = torch.autograd.grad(dense_scores(network, average())[nodes].square().sum(), weights)
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_an_edge_that_is_pruned_is_gone_in_both_directions_and_degrees_count_those_that_are_left() -> None:
    network = build(prune_edges=True)
    kept = np.arange(41) % 3 > 0
    network.edges.data.copy_(torch.from_numpy(kept)[:, None])
    expected = dense_scores(network, average(kept.astype(float)))
    torch.testing.assert_close(network(torch.arange(24)).double(), expected, rtol=1e-5, atol=1e-6)


def test_a_node_that_loses_all_its_edges_keeps_itself() -> None:
    network = build(prune_edges=True)
    network.edges.data.zero_()
    torch.testing.assert_close(network(torch.arange(24)).double(), dense_scores(network, torch.eye(24).double()))


def test_dropout_acts_on_the_hidden_units_in_training_only() -> None:
    network, nodes = build(dropout=0.5), torch.arange(24)
    assert torch.equal(network(nodes), network(nodes))
    network.train()
    assert not torch.equal(network(nodes), network(nodes))


def test_products_with_sparse_matrices_have_exact_first_and_second_derivatives() -> None:
    graph = tensors()
    rows, joined = SparseRows(graph.features * (graph.features > 0.5)).double(), Adjacency(graph.edges, 24)
    weight = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    edges = torch.linspace(0.5, 1.5, 41, dtype=torch.float64).requires_grad_()

    def outputs(weight: Tensor, edges: Tensor) -> Tensor:
        return joined(joined.normalised(edges), rows(weight))[::5]

    assert torch.autograd.gradcheck(outputs, (weight, edges))
    assert torch.autograd.gradgradcheck(outputs, (weight, edges))


def test_the_same_step_has_the_same_bits() -> None:
    network, nodes = build(hidden=16), torch.arange(24)
    first, second = (torch.autograd.grad(network(nodes).sum(), [network.hidden.weight])[0] for _ in range(2))
    assert torch.equal(first, second)


def test_features_of_zeros_and_nodes_without_edges_are_no_exception() -> None:
    graph = communities(features=np.zeros((24, 5)), edges=np.array([[0, 1]]))
    network = model.call("gcn", {"graph": tensors(graph), "classes": 3}, {})
    assert torch.equal(network(torch.arange(24)), torch.zeros(24, 3))


# ---------------------------------------------------------------- stored, pruned, counted


@pytest.mark.parametrize("prune_edges", [False, True])
def test_its_weights_are_prunable_by_kind_and_edges_where_asked_for(prune_edges: bool) -> None:
    network = build(prune_edges=prune_edges)
    kinds = {"hidden.weight": "hidden", "output.weight": "output"}
    assert prunable_layers(network, NODE) == ({"edges": "edge"} if prune_edges else {}) | kinds
    assert not unpruned_weights(network)
    assert not any(parameter.requires_grad for name, parameter in network.named_parameters() if name == "edges")


def test_the_graph_is_not_stored_with_the_weights() -> None:
    assert {*stored_tensors(build())} == {"hidden.weight", "output.weight"}
    assert {*stored_tensors(build(prune_edges=True))} == {"hidden.weight", "output.weight", "edges"}


def test_theta_0_has_edges_of_weight_1() -> None:
    drawn = initialize(lambda: build(prune_edges=True), Initialization(weights="glorot-normal"), 3)
    assert np.array_equal(drawn["edges"], np.ones((41, 1), np.float32))
    assert 0.3 < drawn["hidden.weight"].std() * (9 / 2) ** 0.5 < 2


def test_a_node_costs_a_pass_over_the_graph() -> None:
    cost = network_cost(build(), NODE)
    graph = communities()
    entries, nodes = 2 * 41 + 24, 24
    products = np.count_nonzero(graph.features) * 4 + entries * 4 + nodes * 4 * 3 + entries * 3
    assert cost["flops"] == 2 * products
    assert cost["parameters"] == 5 * 4 + 4 * 3


def test_filters_cannot_be_taken_out_of_it() -> None:
    assert consumers_of(build(), NODE) is None
    with pytest.raises(ShrinkingError, match="cannot be traced"):
        shrink(build(), NODE)


def test_anyones_network_of_a_graph_has_its_last_layer_for_the_output() -> None:
    class Sums(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.first = nn.Linear(6, 3), nn.Linear(5, 6)
            self.register_buffer("features", tensors().features, persistent=False)
            self.neighbours = average().float()  # a plain attribute

        def forward(self, nodes: Tensor) -> Tensor:
            hidden = self.first(self.neighbours @ self.features).relu()
            return self.last(self.neighbours @ hidden)[nodes]

    assert prunable_layers(Sums(), NODE) == {"last.weight": "output", "first.weight": "hidden"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"hidden": 0}, "gcn: hidden must be a positive whole number, not 0"),
        ({"dropout": 1.0}, "gcn: dropout must be in \\[0, 1\\), not 1.0"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        build(**options)
