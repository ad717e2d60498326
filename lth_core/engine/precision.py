"""What is computed in float32 although products and convolutions are in bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

NORMS = {nn.functional.batch_norm, nn.functional.instance_norm, torch.batch_norm, torch.instance_norm}


class Float32Norms(TorchFunctionMode):
    """While this mode is active, norms that may keep statistics take their inputs in float32.

    Under vmap, torch gives them weights of the inputs' type. On a GPU it refuses those in bfloat16 beside statistics in
    float32: cuDNN on the way forward, torch's own kernels on the way back.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in NORMS:
            args = tuple(_in_float32(value) for value in args)
            kwargs = {name: _in_float32(value) for name, value in kwargs.items()}
        return func(*args, **kwargs)


def _in_float32(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype == torch.bfloat16 else value
