"""A graph convolutional network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import PositiveInt

from lth_core.models.requirements import Dropout, check_counts, check_dropout
from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn


@model("gcn")
def gcn(
    graph: Any, classes: int, hidden: PositiveInt = 16, dropout: Dropout = 0.0, prune_edges: bool = False
) -> nn.Module:
    """Graph convolutional network of two layers without biases (Kipf & Welling 2017, equation 9).

    `hidden` units: 16 in the paper, 512 in Chen et al. 2021. `dropout` acts on them; both papers have 0.5, Kipf &
    Welling on the features as well. Both weight matrices are prunable (kinds hidden, output), and with `prune_edges`
    the edges, too (edge): one entry of the mask is both directions of an edge. Edges from a node to itself are never
    pruned. Raises ModelError for impossible options.
    """
    check_counts("gcn", hidden=hidden)
    check_dropout("gcn", dropout)
    from lth_core.models.graphs import GraphConvolutionalNetwork

    return GraphConvolutionalNetwork(graph.features, graph.edges, classes, hidden, dropout, prune_edges)
