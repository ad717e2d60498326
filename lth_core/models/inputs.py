"""What networks are called with: numbers of a shape, tokens, or nodes of a graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class TokenShape(tuple[int, ...]):
    """The shape of one example of whole numbers, where other shapes are of float32.

    (context,): the tokens of a text; (): the number of a node of a graph.
    """


def name_examples(input_shape: Sequence[int]) -> str:
    """Say in errors what examples of a shape are."""
    if isinstance(input_shape, TokenShape):
        return "texts" if input_shape else "nodes"
    return "images" if len(input_shape) == 3 else "examples"


def zeros(input_shape: Sequence[int], count: int, device: torch.device | None = None) -> Tensor:
    """Make `count` examples of zeros, of the shape of one example."""
    dtype = torch.int64 if isinstance(input_shape, TokenShape) else torch.float32
    return torch.zeros(count, *input_shape, dtype=dtype, device=device)


def random_inputs(input_shape: Sequence[int], count: int, device: torch.device | None = None) -> Tensor:
    """Make `count` examples of normal noise or, where networks take tokens or nodes, of the first one."""
    if isinstance(input_shape, TokenShape):
        return zeros(input_shape, count, device)
    return torch.randn(count, *input_shape, device=device)
