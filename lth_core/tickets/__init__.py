"""Tickets: a mask with the weights to train from; rewinding, fitting them to other tasks, and what users load.

from lth_core.tickets import load_characters, load_inputs, load_mask, load_module, prune_masks, export_onnx
from lth_core.tickets import with_csr_weights
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lth_core.tickets.export import export_onnx
    from lth_core.tickets.loading import Inputs, TicketError, load_characters, load_inputs, load_mask, load_module
    from lth_core.tickets.masking import prune_masks
    from lth_core.tickets.sparse import with_csr_weights

__all__ = [
    "Inputs",
    "TicketError",
    "export_onnx",
    "load_characters",
    "load_inputs",
    "load_mask",
    "load_module",
    "prune_masks",
    "with_csr_weights",
]


def __getattr__(name: str) -> Any:
    # The workflow and jobs that do without torch import this package for its other modules.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    modules = {"export_onnx": "export", "prune_masks": "masking", "with_csr_weights": "sparse"}
    module = modules.get(name, "loading")
    return getattr(importlib.import_module(f"lth_core.tickets.{module}"), name)
