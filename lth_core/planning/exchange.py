"""Checks of tasks that take weights or masks from others: their tokens, actions and numbers must mean the same."""

from __future__ import annotations

from typing import Any

from lth_core import registry
from lth_core.config import Config
from lth_core.data.facts import known_facts
from lth_core.data.kinds import other_characters

SIZES = {"context": "characters in a window", "features": "features"}
"""Facts that the shapes of weights follow, where a model asks for them."""


def misfit(config: Config, task: str, other: str) -> str | None:
    """Say in one line why two tasks cannot exchange weights, as far as the config tells; jobs find the rest."""
    first, second = sorted((task, other))
    settings = [config.tasks[name] for name in (first, second)]
    objectives = [one.objective.name for one in settings]
    if objectives[0] != objectives[1]:
        have = f"task '{first}' has objective '{objectives[0]}', '{second}' has '{objectives[1]}'"
        return f"{have}: weights pass between tasks of one objective"
    facts = [_facts(config, one.dataset) for one in settings]
    if problem := other_characters(*facts):
        return f"tasks '{first}' and '{second}' {problem}"
    model = settings[0].model.name
    for fact, what in SIZES.items():
        sizes = [known.get(fact) for known in facts]
        depends = registry.model.uses(model, fact) and not registry.model.facts(model).get("any_size", False)
        if depends and all(sizes) and sizes[0] != sizes[1]:
            have = f"task '{first}' has {sizes[0]} {what}, '{second}' has {sizes[1]}"
            return f"{have}, and the weights of '{model}' depend on their number"
    return None


def _facts(config: Config, dataset: str) -> dict[str, Any]:
    settings = config.dataset(dataset)
    return known_facts(settings.source, settings.transforms, config.data_root)
