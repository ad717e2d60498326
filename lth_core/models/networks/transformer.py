"""A Transformer language model of the GPT kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveInt

from lth_core.models.requirements import Dropout, check_counts, check_dropout, require
from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn


@model("transformer")
def transformer(
    vocabulary: int,
    context: int,
    layers: PositiveInt = 2,
    heads: PositiveInt = 4,
    width: PositiveInt = 64,
    dropout: Dropout = 0.0,
    tied: bool = False,
    prune_embeddings: bool = False,
) -> nn.Module:
    """GPT-like language model: embeddings, `layers` pre-norm blocks of causal attention and MLP, an output layer.

    `heads` must divide `width`. `dropout` acts on the embeddings, the attention and what each block adds. `tied`: the
    output layer shares the weight of the embedding. The attention projections, the MLPs and the output layer are
    prunable (kinds attention, hidden, output), the embeddings of tokens and positions with `prune_embeddings`
    (embedding), and with them a tied output layer. Use `initialization: {weights:
    framework}`, which keeps the weights that the model draws. Raises ModelError for impossible options.
    """
    check_counts("transformer", layers=layers, heads=heads, width=width)
    check_dropout("transformer", dropout)
    require(width % heads == 0, f"transformer: heads ({heads}) must divide width ({width})")
    from lth_core.models.sequences import TransformerLanguageModel

    return TransformerLanguageModel(vocabulary, context, layers, heads, width, dropout, tied, prune_embeddings)
