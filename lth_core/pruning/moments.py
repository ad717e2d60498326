"""When a method scores weights, in how many rounds, and which functions do it: as the config or the paper says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lth_core import registry
from lth_core.config import Method


def scored_step(method: Method) -> int | None:
    """Return the step of the dense training whose weights are scored; None: those of the training before.

    Searches look at the weights that they begin with.
    """
    if method.search:
        return method.rewind.step
    if method.prune_at is not None:
        return method.prune_at
    return registry.criterion.facts(method.criterion.name).get("prune_at")


def rounds_per_level(method: Method) -> int:
    """Count the rounds of scoring and pruning that make one level."""
    return method.iterations or registry.criterion.facts(method.criterion.name).get("iterations", 1)


def is_probed(method: Method) -> bool:
    """Tell whether the criterion computes with the network, and therefore needs its data."""
    return registry.criterion.uses(method.criterion.name, "probe")


def starts_dense(method: Method) -> bool:
    """Tell whether the method's sparsifier starts from the dense network, and needs no mask."""
    return bool(method.during and registry.sparsifier.facts(method.during.name).get("dense"))


def functions_of(method: Method) -> list[Callable[..., Any]]:
    """List the registered functions that make a method's masks."""
    functions = [registry.criterion.get(method.criterion.name)]
    functions += [registry.sparsifier.get(method.during.name)] if method.during else []
    return functions + ([registry.parametrization.get(method.search.parametrization.name)] if method.search else [])
