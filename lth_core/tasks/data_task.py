"""What all tasks on a data set have: a module, its data, a recipe, a device and an objective."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from lth_core.config import Recipe
from lth_core.data.reading import Data
from lth_core.metrics import Metric
from lth_core.runtime.shares import Share
from lth_core.tasks.objective import Objective


@dataclass(frozen=True)
class DataTask:
    """A module that is trained on data under an objective."""

    module: nn.Module
    data: Data
    recipe: Recipe
    device: torch.device
    objective: Objective

    @property
    def share(self) -> Share:
        """Return which examples of every batch this process gets."""
        return self.data.share

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Return what is measured besides the loss."""
        return self.objective.metrics
