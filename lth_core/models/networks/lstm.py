"""An LSTM language model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveInt

from lth_core.models.requirements import Dropout, check_counts, check_dropout
from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn


@model("lstm")
def lstm(
    vocabulary: int,
    layers: PositiveInt = 1,
    width: PositiveInt = 128,
    dropout: Dropout = 0.0,
    tied: bool = False,
    prune_embeddings: bool = False,
) -> nn.Module:
    """LSTM language model: an embedding, `layers` LSTM layers of `width` units, and a linear output layer.

    `dropout` acts on the embedding, between the layers and on the states. `tied`: the output layer shares the weight of
    the embedding. The recurrent layers' matrices and the output layer are prunable (kinds recurrent, output), the
    embedding with `prune_embeddings` (embedding), and with it a tied output layer. Use `initialization: {weights:
    framework}`, which keeps the weights that the model draws. Raises ModelError for impossible options.
    """
    check_counts("lstm", layers=layers, width=width)
    check_dropout("lstm", dropout)
    from lth_core.models.sequences import LstmLanguageModel

    return LstmLanguageModel(vocabulary, layers, width, dropout, tied, prune_embeddings)
