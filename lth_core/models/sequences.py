"""Language models: tokens (B, T) -> scores (B, T, vocabulary) of the token after each, from those up to it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

IN_BLOCKS = {
    "attention.weight": "attention",
    "projection.weight": "attention",
    "mlp.0.weight": "hidden",
    "mlp.2.weight": "hidden",
}
"""The prunable weights of a block, and their kinds."""
ADDED = ("projection", "mlp.2")
"""The layers of a block whose outputs are added to the residual stream."""


class LstmLanguageModel(nn.Module):
    """An embedding, an LSTM and a linear output layer.

    Dropout acts on what is not recurrent, as in Zaremba et al. 2014: on the embedding, between layers, on the states.
    `tied`: the output layer's weight is that of the embedding, and is stored once (Press & Wolf 2017). The embedding
    starts small (uniform within 0.1), because scores of a tied one would be large; the rest starts as PyTorch has it.
    """

    def __init__(
        self, vocabulary: int, layers: int, width: int, dropout: float, tied: bool, prune_embeddings: bool
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(width, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.head = nn.Linear(width, vocabulary)
        tables = ["embedding.weight"] if prune_embeddings else []
        recurrent = {f"lstm.weight_{of}_l{layer}": "recurrent" for layer in range(layers) for of in ("ih", "hh")}
        self.prunable = recurrent | ends(self.embedding, self.head, tied, tables)

    def forward(self, tokens: Tensor) -> Tensor:
        states, _ = self.lstm(self.dropout(self.embedding(tokens)))
        return self.head(self.dropout(states))


class TransformerLanguageModel(nn.Module):
    """A decoder as in GPT-2 (Radford et al. 2019): learned positions, pre-norm blocks, a last norm, an output layer.

    Takes up to `context` tokens. Weights start from N(0, 0.02); in layers whose outputs are added to the residual
    stream this is divided by the root of the number of these. Biases start from 0. `tied`: the output layer's weight is
    that of the embedding, and is stored once. The causal mask is a constant that all blocks share.
    """

    mask: Tensor

    def __init__(
        self,
        vocabulary: int,
        context: int,
        layers: int,
        heads: int,
        width: int,
        dropout: float,
        tied: bool,
        prune_embeddings: bool,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(context, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.register_buffer("mask", torch.full((context, context), -math.inf).triu(1), persistent=False)
        self._draw(layers)
        tables = ["embedding.weight", "position.weight"] if prune_embeddings else []
        inside = {f"blocks.{index}.{name}": kind for index in range(layers) for name, kind in IN_BLOCKS.items()}
        self.prunable = inside | ends(self.embedding, self.head, tied, tables)

    def _draw(self, layers: int) -> None:
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Linear | nn.Embedding):
                nn.init.normal_(layer.weight, std=0.02 / (math.sqrt(2 * layers) if name.endswith(ADDED) else 1))
            if isinstance(layer, nn.Linear) and layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        time = tokens.shape[1]
        hidden = self.dropout(self.embedding(tokens) + self.position.weight[:time])
        for block in self.blocks:
            hidden = block(hidden, self.mask[:time, :time])
        return self.head(self.norm(hidden))


class Block(nn.Module):
    """Attention and a two-layer perceptron, each on the normalised input, and added to it."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 3 * width)
        self.heads = Heads(heads, dropout)
        self.projection = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        hidden = hidden + self.dropout(self.projection(self.heads(self.attention(self.attention_norm(hidden)), mask)))
        return hidden + self.dropout(self.mlp(self.mlp_norm(hidden)))


class Heads(nn.Module):
    """Attention of several heads to one another: queries, keys and values (B, T, 3 width) -> values (B, T, width)."""

    def __init__(self, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.dropout = nn.Dropout(dropout)

    def forward(self, projected: Tensor, mask: Tensor) -> Tensor:
        # By hand: PyTorch's fused attention has no second derivatives on CPUs, and is no faster there together: vmap
        # takes replicates in turn, with a warning.
        queries, keys, values = projected.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = (queries / math.sqrt(queries.shape[-1])) @ keys.mT + mask
        return (self.dropout(scores.softmax(-1)) @ values).transpose(1, 2).flatten(2)


def ends(embedding: nn.Embedding, head: nn.Linear, tied: bool, tables: Iterable[str]) -> dict[str, str]:
    """Tie the output layer `head` to `embedding` if asked; map those weights of both ends that are prunable to kinds.

    `tables`: the embeddings to prune, by name. A tied output layer is pruned as an embedding, or not at all.
    """
    if tied:
        head.weight = embedding.weight
    return dict.fromkeys(tables, "embedding") | ({} if tied else {"head.weight": "output"})
