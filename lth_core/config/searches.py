"""How masks are learned: what is trained in place of the weights, from which weights, and by which recipe."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import PositiveInt

from lth_core.config.sections import Choice, Section
from lth_core.config.tasks import Optimizer, Recipe, Schedule


class SearchRecipe(Section):
    """How a mask is learned, where that differs from how the task trains its weights."""

    optimizer: Optimizer | None = None
    """How to update what is trained; by default as the task updates weights."""
    schedule: Schedule | None = None
    """How the learning rate changes with the step; by default as in the task."""
    batch_size: PositiveInt | None = None
    """Examples per step; by default those of the task."""
    steps: PositiveInt | None = None
    """Number of steps; by default those of the task."""
    evaluate_every: PositiveInt | None = None
    """Number of steps between evaluations of the subnetwork; by default that of the task."""

    def applied(self, recipe: Recipe) -> Recipe:
        """Replace what is given here in a task's recipe. Raises pydantic's ValidationError where they do not agree."""
        changed: dict[str, Any] = self.model_dump(exclude_none=True)
        return Recipe.model_validate(recipe.model_dump() | changed)


class Search(Section):
    """How to learn masks."""

    parametrization: Choice
    """What is trained in place of the weights."""
    weights: Literal["initial", "constant"] = "initial"
    """The weights below the mask: those that the method rewinds to, or in every layer the standard deviation of these
    with their signs (needs `retrain: false`)."""
    scaled: bool = False
    """Divide the weights of each layer by the root of its density, so that sums of fewer inputs are as large (needs
    `retrain: false`)."""
    train: SearchRecipe = SearchRecipe()
    """The recipe of the search, where it differs from the task's."""
    retrain: bool = True
    """Train the ticket of the mask; `false`: the subnetwork of untrained weights is the result, and is evaluated."""
