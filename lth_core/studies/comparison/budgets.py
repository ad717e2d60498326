"""How long to train each method's ticket so that all cost the same, search included: planned by densities alone.

The plan counts in dense trainings, and takes what a step costs to be in proportion to density, as it is in a network
of linear layers; what trainings came to is in the table `costs`. Schedules are stretched with the training.
"""

from __future__ import annotations

from collections.abc import Iterable

from lth_core import registry
from lth_core.config import Method, Recipe, Task
from lth_core.pruning.moments import scored_step, starts_dense, waits_for_training
from lth_core.studies.contenders import Contender

SHORTEST = 1.02
"""Trainings that would be longer by less than this stay as they are."""


def search_cost(contender: Contender, density: float, recipe: Recipe) -> float:
    """Plan what finding a mask costs, in dense trainings by a recipe; scores that are computed once do not count."""
    method, level, steps = contender.settings, contender.level(density), recipe.steps
    before = sum(method.densities[: level - 1]) if method.iterative and waits_for_training(method) else 0.0
    trained = dense_steps(method, steps) / steps + (1 - method.rewind.step / steps) * before
    return trained + learning_cost(method, level, recipe)


def learning_cost(method: Method, level: int, recipe: Recipe) -> float:
    """Plan what learning a level's mask costs, in dense trainings by a recipe: see `Meter.learning`."""
    search = method.search
    if search is None:
        return 0.0
    densities = method.densities[:level] if method.iterative else method.densities[level - 1 : level]
    if registry.parametrization.facts(search.parametrization.name).get("masked"):
        per_step = sum((2 * density + 1) / 3 for density in densities)
    else:
        per_step = sum([1.0, *densities[:-1]])
    steps, batch_size = search.train.steps or recipe.steps, search.train.batch_size or recipe.batch_size
    return per_step * (steps * batch_size) / (recipe.steps * recipe.batch_size)


def dense_steps(method: Method, steps: int) -> int:
    """Count the steps of dense training that a method needs: to score weights, or to rewind to."""
    if waits_for_training(method):
        return steps
    scored = 0 if starts_dense(method) else scored_step(method) or 0
    return max(scored, method.rewind.step)


def training_density(contender: Contender, density: float) -> float:
    """Plan the mean density of a ticket's training: that of the ramp where masks shrink from the dense network.

    Zhu & Gupta 2017, equation 1: over the ramp, sparsity is 3/4 of the last one on average.
    """
    method = contender.settings
    if not (method.during and starts_dense(method)):
        return density
    defaults = registry.sparsifier.options(method.during.name)
    options = {name: option.default for name, option in defaults.items()} | method.during.options
    begin, end = options.get("begin", 0.0), options.get("until", 1.0)
    return 1 - (1 - density) * (0.75 * (end - begin) + 1 - end)


def total_cost(contender: Contender, density: float, recipe: Recipe) -> float:
    """Plan what search and training cost, in dense trainings by a recipe."""
    part = contender.training_steps(recipe.steps) / recipe.steps
    return search_cost(contender, density, recipe) + part * training_density(contender, density)


def longer_steps(contenders: Iterable[Contender], density: float, recipe: Recipe, longest: float) -> dict[str, int]:
    """Plan the steps with which each method costs as much as the most expensive one, by name of the method.

    They are at most `longest` times those of the recipe. Methods that would hardly train longer, or do not train
    weights, are left out.
    """
    contenders, steps = list(contenders), recipe.steps
    budget = max(total_cost(contender, density, recipe) for contender in contenders)
    longer = {}
    for contender in contenders:
        if not contender.trains_weights:
            continue
        left = budget - search_cost(contender, density, recipe)
        times = left / training_density(contender, density) + 1 - contender.training_steps(steps) / steps
        if times >= SHORTEST:
            longer[contender.name] = round(steps * min(times, longest))
    return longer


def stretched(task: Task, steps: int) -> Task:
    """Return a task that trains for more `steps`, with its schedule and evaluations stretched."""
    recipe, times = task.train, steps / task.train.steps
    schedule = recipe.schedule.model_copy(
        update={
            "drop_steps": [round(step * times) for step in recipe.schedule.drop_steps],
            "warmup_steps": round(recipe.schedule.warmup_steps * times),
        }
    )
    changed = {"steps": steps, "schedule": schedule, "evaluate_every": round(recipe.evaluate_every * times)}
    return task.model_copy(update={"train": recipe.model_copy(update=changed)})
