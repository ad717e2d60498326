"""Weights that are pruned because their module declares them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrizations

from tests.support.zoo.layers import attention, embedding, lstm
from tests.support.zoo.weights import frozen_first_layer
from tests.support.zoo.written import Written, animal


def declares(module: nn.Module, **kinds: str) -> nn.Module:
    """Say which weights of the module are prunable."""
    module.prunable = {name.replace("__", "."): kind for name, kind in kinds.items()}  # pyright: ignore
    return module


@animal
def lstm_that_is_pruned() -> nn.Module:
    return declares(lstm(), body__weight_ih_l0="recurrent", body__weight_hh_l1="recurrent", head__weight="output")


@animal
def attention_that_is_pruned() -> nn.Module:
    module: Any = attention()
    declares(module.attend, in_proj_weight="attention", out_proj__weight="attention")
    return module


@animal
def embedding_that_is_pruned() -> nn.Module:
    module: Any = embedding()
    declares(module.table, weight="embedding")
    return module


@animal
def frozen_layer_that_is_pruned() -> nn.Module:
    return declares(frozen_first_layer(), **{"1__weight": "hidden", "3__weight": "output"})


@animal
def matrix_and_weight_norm_that_are_pruned() -> nn.Module:
    module: Any = Written(
        lambda m, x: m.head((x.flatten(1) @ m.matrix).tanh()),
        matrix=nn.Parameter(torch.randn(36, 8) / 6),
        head=parametrizations.weight_norm(nn.Linear(8, 3)),
    )
    return declares(module, matrix="hidden", head__parametrizations__weight__original1="output")
