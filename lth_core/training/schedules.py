"""Learning-rate schedules: the rate as a pure function of the step."""

from __future__ import annotations

import math

from lth_core.config import Recipe


def learning_rate(recipe: Recipe, step: int) -> float:
    """Return the learning rate of a step in [0, recipe.steps).

    Warmup rises linearly and reaches the base rate at its last step, (step + 1) / warmup_steps of it before.
    """
    base, schedule = recipe.optimizer.learning_rate, recipe.schedule
    if step < schedule.warmup_steps:
        return base * (step + 1) / schedule.warmup_steps
    if schedule.name == "step":
        return base * schedule.factor ** sum(step >= drop for drop in schedule.drop_steps)
    if schedule.name == "cosine":
        return base * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    return base
