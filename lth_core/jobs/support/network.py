"""A task's network as the check before a run looks at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from lth_core.config import Task
from lth_core.models.initialization import Factory
from lth_core.storage.tensors import Tensors


@dataclass(frozen=True)
class Network:
    """A task's network as far as masks and tickets go: two draws of its weights, of one replicate."""

    task: str
    settings: Task
    factory: Factory
    module: nn.Module
    initial: Tensors
    other: Tensors
    """What stands for the weights after training."""
    layers: Mapping[str, str]
    consumers: Mapping[str, Sequence[Any]] | None
    without_filters: Mapping[str, str]
    channels: Mapping[str, Any]
    data: str | None
    """Its data file, where it is there."""
