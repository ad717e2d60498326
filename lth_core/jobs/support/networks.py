"""What jobs read of a network that they have built. Analyses of weights do without this, and without torch."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from lth_core.jobs.support.inputs import read_weights
from lth_core.models.tensors import stored_tensors
from lth_core.storage.tensors import Tensors


def read_weights_of(module: nn.Module, path: str | Path, replicates: int | None = None) -> Tensors:
    """Read the stacked weights (R, ...) of a module. Raises ArtifactError as `read_weights` does."""
    return read_weights(path, {name: tensor[None] for name, tensor in stored_tensors(module).items()}, replicates)
