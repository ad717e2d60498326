"""What networks of graphs are made of: products of sparse matrices with the features of all nodes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class SparseRows(nn.Module):
    """The features of all nodes, most of which may be 0, as a constant matrix that weights are multiplied by.

    Of Cora's words, 1.3% occur in an article.
    """

    starts: Tensor
    columns: Tensor
    values: Tensor
    starts_across: Tensor
    columns_across: Tensor
    values_across: Tensor

    def __init__(self, features: Float[Tensor, "nodes features"]):
        super().__init__()
        starts, columns, values = _compressed(features)
        _keep(self, starts=starts, columns=columns, values=values)
        starts, columns, values = _compressed(features.T)
        _keep(self, starts_across=starts, columns_across=columns, values_across=values)

    def forward(self, weight: Float[Tensor, "units features"]) -> Float[Tensor, "nodes units"]:
        """Compute features @ weight^T."""
        values, across = (kept.to(weight.dtype) for kept in (self.values, self.values_across))
        return _Product.apply(
            weight.T.contiguous(), values, self.starts, self.columns, across, self.starts_across, self.columns_across
        )


class Adjacency(nn.Module):
    """Which nodes are joined to which, themselves included, for averages over a node and its neighbours."""

    starts: Tensor
    columns: Tensor
    rows: Tensor
    edge: Tensor

    def __init__(self, edges: Int[Tensor, "edges 2"], nodes: int):
        super().__init__()
        loops, numbers = torch.arange(nodes).expand(2, -1).T, torch.arange(len(edges))
        pairs = torch.cat([edges, edges.flip(1), loops])
        order = torch.argsort(pairs[:, 0] * nodes + pairs[:, 1])
        rows, columns = pairs[order].T.contiguous()
        _keep(self, starts=_starts_of(rows, nodes), columns=columns, rows=rows)
        # The number of each entry's edge; that of an edge from a node to itself is the one after the last.
        _keep(self, edge=torch.cat([numbers, numbers, torch.full((nodes,), len(edges))])[order])

    def normalised(self, weights: Float[Tensor, " edges"]) -> Float[Tensor, " entries"]:
        """Compute the entries of D^-1/2 (A + I) D^-1/2, row by row (Kipf & Welling 2017, equation 2).

        A has the weights of the edges, the same in both directions; D are the sums of the rows of A + I.
        """
        entries = torch.cat([weights, weights.new_ones(1)])[self.edge]
        scale = entries.new_zeros(len(self.starts) - 1).index_add(0, self.rows, entries).rsqrt()
        return scale[self.rows] * entries * scale[self.columns]

    def forward(
        self, entries: Float[Tensor, " entries"], values: Float[Tensor, "nodes units"]
    ) -> Float[Tensor, "nodes units"]:
        """Average the values of every node and its neighbours, given what `normalised` returns."""
        entries = entries.to(values.dtype)
        return _Product.apply(values, entries, self.starts, self.columns, entries, self.starts, self.columns)


class GraphConvolutionalNetwork(nn.Module):
    """Two graph convolutions (Kipf & Welling 2017, equation 9): softmax of A relu(A X W0) W1, here without the softmax.

    Called with the numbers of nodes (B,), it returns their scores (B, classes). All nodes are computed, and each
    product with the weights before the one with the adjacency, which then has fewer columns. With `prune_edges` the
    weights of the edges are a parameter (E, 1) of ones, which is pruned but not trained.
    """

    entries: Tensor

    def __init__(
        self,
        features: Float[Tensor, "nodes features"],
        edges: Int[Tensor, "edges 2"],
        classes: int,
        hidden: int,
        dropout: float,
        prune_edges: bool,
    ):
        super().__init__()
        self.features = SparseRows(features)
        self.adjacency = Adjacency(edges, len(features))
        self.hidden = nn.Linear(features.shape[1], hidden, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, classes, bias=False)
        self.edges = nn.Parameter(torch.ones(len(edges), 1), requires_grad=False) if prune_edges else None
        if self.edges is None:
            _keep(self, entries=self.adjacency.normalised(torch.ones(len(edges))))
        else:
            self.prunable = {"hidden.weight": "hidden", "output.weight": "output", "edges": "edge"}

    def forward(self, nodes: Int[Tensor, " batch"]) -> Float[Tensor, "batch classes"]:
        entries = self.entries if self.edges is None else self.adjacency.normalised(self.edges[:, 0])
        hidden = self.adjacency(entries, self.features(self.hidden.weight)).relu()
        scores = self.adjacency(entries, self.output(self.dropout(hidden)))
        return scores[nodes]


# ---------------------------------------------------------------- sparse products


class _Product(torch.autograd.Function):
    """A sparse matrix (N, M) times a dense one (M, K), given its values, where its rows start, and their columns.

    The transposed matrix comes with it, for the gradient: a sum over an order of entries that is always the same.
    PyTorch's sparse tensors are several times slower, and transpose at every step.
    """

    @staticmethod
    def forward(
        context: Any,
        dense: Tensor,
        values: Tensor,
        starts: Tensor,
        columns: Tensor,
        values_across: Tensor,
        starts_across: Tensor,
        columns_across: Tensor,
    ) -> Tensor:
        context.save_for_backward(dense, values, starts, columns, values_across, starts_across, columns_across)
        # A bag is a row: the sum of the rows of `dense` that it names, each times its value.
        return embedding_bag(columns, dense, starts, mode="sum", per_sample_weights=values, include_last_offset=True)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        dense, values, starts, columns, *across = context.saved_tensors
        by_dense = _Product.apply(gradient, *across, values, starts, columns) if context.needs_input_grad[0] else None
        by_values = _by_values(gradient, dense, starts, columns) if context.needs_input_grad[1] else None
        return by_dense, by_values, None, None, None, None, None


def _by_values(gradient: Tensor, dense: Tensor, starts: Tensor, columns: Tensor) -> Tensor:
    """The products of the rows of `gradient` and `dense` that belong to each entry."""
    if gradient.is_cpu and not torch.is_grad_enabled():  # in a fifth of the time, but it has no derivative
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # says that this kind of tensor is new
            shape = (len(gradient), len(dense))
            entries = torch.sparse_csr_tensor(
                starts, columns, dense.new_zeros(len(columns)), shape, check_invariants=False
            )
            return torch.sparse.sampled_addmm(entries, gradient, dense.T, beta=0.0).values()
    rows = torch.repeat_interleave(starts.diff())
    return (gradient.index_select(0, rows) * dense.index_select(0, columns)).sum(dim=-1)


def _compressed(dense: Float[Tensor, "rows columns"]) -> tuple[Tensor, Tensor, Tensor]:
    """Where the rows start among the entries that are not 0, with the end; the entries' columns; their values."""
    rows, columns = dense.nonzero(as_tuple=True)
    return _starts_of(rows, len(dense)), columns, dense[rows, columns]


def _starts_of(rows: Int[Tensor, " entries"], count: int) -> Int[Tensor, " rows"]:
    """Where each of `count` rows starts in a sorted list of entries, and where the last one ends."""
    return torch.cat([rows.new_zeros(1), torch.bincount(rows, minlength=count).cumsum(0)])


def _keep(module: nn.Module, **constants: Tensor) -> None:
    """Let constants move with the module, without being stored: its factory makes them again."""
    for name, tensor in constants.items():
        module.register_buffer(name, tensor, persistent=False)
