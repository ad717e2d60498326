"""Opening a task: the class for its kind of data."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from lth_core.config import Choice, Recipe
from lth_core.tasks.base import Task
from lth_core.tasks.control import ControlTask
from lth_core.tasks.examples import ExamplesTask
from lth_core.tasks.generative import GenerativeTask
from lth_core.tasks.graphs import GraphTask
from lth_core.tasks.images import ImageTask
from lth_core.tasks.objective import Objective

CLASSIFICATION = Choice(name="classification")


def build_task(
    module: nn.Module, data: Any, recipe: Recipe, device: torch.device, objective: Choice = CLASSIFICATION
) -> Task:
    """Put a module, its data (as `open_data` returns them) and its objective together.

    Raises TaskError for a recipe that the data cannot follow.
    """
    chosen = Objective.of(objective)
    images = GenerativeTask if chosen.generation else ImageTask
    task = {"images": images, "environment": ControlTask, "graph": GraphTask}.get(data.kind, ExamplesTask)
    return task(module, data, recipe, device, chosen)
