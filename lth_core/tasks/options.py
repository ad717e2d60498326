"""The options of objectives that a task reads itself, not the objective alone; free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from lth_core import registry

DEFAULTS = {"discount": 0.99, "evaluation_episodes": 20}
"""For objectives that have no such options: those of `actor-critic`, which jobs of other objectives do not import."""


class Named(Protocol):
    """An objective by name, with the options that the config sets: `config.Choice`, or a task's `Objective`."""

    @property
    def name(self) -> str: ...

    @property
    def options(self) -> Mapping[str, Any]: ...


def option_of_episodes(objective: Named, name: Literal["discount", "evaluation_episodes"]) -> Any:
    """Return an option of an environment's objective: as the config sets it, or its default.

    An objective without such an option has episodes like those of `actor-critic`. Raises UnknownName.
    """
    if name in objective.options:
        return objective.options[name]
    known = registry.objective.options(objective.name)
    return known[name].default if name in known else DEFAULTS[name]
