"""What stops the tracing of a network's units, in words for those who wrote the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import fx, nn

from lth_core.models.inputs import zeros
from lth_core.models.unit_tracing import Tracing
from lth_core.registry import one_line


def obstacle(module: nn.Module, input_shape: Sequence[int]) -> str:
    """Name the first layer or operation, in the order of the forward pass, through which units are not followed."""
    was_training = module.training
    try:
        return _first(module.eval(), input_shape)
    finally:
        module.train(was_training)


def _first(module: nn.Module, input_shape: Sequence[int]) -> str:
    try:
        tracing = Tracing(module, partly=False)
    except Exception as error:  # whatever a user's forward does that torch.fx does not survive
        return f"its forward ({one_line(error)})"
    reached: list[fx.Node] = []
    carry = tracing.run_node

    def follow(n: fx.Node) -> Any:
        reached.append(n)
        return carry(n)

    tracing.run_node = follow
    try:
        with torch.no_grad():
            tracing.run(zeros(input_shape, 2, next(module.parameters()).device))
    except Exception:  # what it raises is of the tracing, not of the network
        return _named(reached[-1], module) if reached else "its forward"
    return "what its forward does with these units"


def _named(node: fx.Node, module: nn.Module) -> str:
    """Name what a node of the graph does."""
    if node.op == "call_module":
        layer = module.get_submodule(str(node.target))
        return f"layer '{node.target}' ({' '.join(str(layer).split())})"
    if node.op == "get_attr":
        return f"'{node.target}', which its forward uses itself"
    function = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    return f"operation '{function}' of its forward"
