"""Tracing a module into a graph of layers and functions, with torch.fx."""

from __future__ import annotations

from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lth_core.models.sequences import Heads


class Tracer(fx.Tracer):
    """Takes all batch norms for layers, as torch's are, whichever way they compute, and heads of attention."""

    proxy_buffer_attributes = True  # they are values of the graph, too, so that a forward may take slices of them

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, _BatchNorm | Heads) or super().is_leaf_module(m, module_qualified_name)


def traced(module: nn.Module) -> fx.GraphModule:
    """Trace a module. Raises whatever it does that cannot be traced."""
    return fx.GraphModule(module, Tracer().trace(module))
