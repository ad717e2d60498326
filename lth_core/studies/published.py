"""Settings of published experiments that decide which of two claims a paper makes."""

from __future__ import annotations

import math

from lth_core.config import Task


def trains_lenet_as_published(task: Task) -> bool:
    """Return whether a task is the LeNet of Frankle et al.: trained with Adam at a learning rate of 1.2e-3.

    Of this one they find that tickets need no rewinding (arXiv 1903.01611, Figure 3), that it is stable from
    initialization on (arXiv 1912.05671, section 3), and that its masks alone help (Frankle & Carbin 2019, Figure 14).
    Of a LeNet that is trained in another way no paper says so.
    """
    optimizer = task.train.optimizer
    return task.model.name == "lenet" and optimizer.name == "adam" and math.isclose(optimizer.learning_rate, 1.2e-3)
