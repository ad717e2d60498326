"""When a method scores weights, in how many rounds, and which functions do it: as the config or the paper says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lth_core import registry
from lth_core.config import Method
from lth_core.metrics import amount

NO_NUMBERS = {"text": "tokens", "labelled-texts": "tokens", "graph": "nodes"}
"""Kinds of data -> what networks are called with that is nothing to compute with."""


def scored_step(method: Method) -> int | None:
    """Return the step of the dense training whose weights are scored; None: those of the training before.

    Searches look at the weights that they begin with.
    """
    if method.search:
        return method.rewind.step
    if method.prune_at is not None:
        return method.prune_at
    return registry.criterion.facts(method.criterion.name).get("prune_at")


def waits_for_training(method: Method) -> bool:
    """Tell whether tickets are made from a training that has ended: the dense one, or that of the level before.

    It is scored, or tickets go on from its weights.
    """
    looked_at = any(registry.criterion.uses(method.criterion.name, one) for one in ("trained", "trained_from", "probe"))
    is_scored = looked_at and scored_step(method) is None and not starts_dense(method)
    return is_scored or method.rewind.keeps_trained


def rounds_per_level(method: Method) -> int:
    """Count the rounds of scoring and pruning that make one level."""
    return method.iterations or registry.criterion.facts(method.criterion.name).get("iterations", 1)


def is_probed(method: Method) -> bool:
    """Tell whether the criterion computes with the network, and therefore needs its data."""
    return registry.criterion.uses(method.criterion.name, "probe")


def unsuited(method: Method, kind: str) -> str | None:
    """Say why the criterion cannot compute with networks that are called with a kind of data, or None."""
    if kind in NO_NUMBERS and registry.criterion.facts(method.criterion.name).get("inputs") == "numbers":
        return f"'{method.criterion.name}' needs inputs that are numbers, not {NO_NUMBERS[kind]}"
    return None


def update_options(method: Method) -> dict[str, float]:
    """Return the options of the method's sparsifier that are numbers, with those that the config leaves as they are."""
    assert method.during is not None
    known = registry.sparsifier.options(method.during.name)
    options = {name: option.default for name, option in known.items()} | method.during.options
    return {name: value for name, value in options.items() if isinstance(value, int | float)}


def without_update(method: Method, steps: int) -> str | None:
    """Say that no update of the mask falls in a training of some steps, or None."""
    options = update_options(method) if method.during else {}
    if "every" not in options or "begin" in options or options["every"] < (last := options.get("until", 1) * steps):
        return None
    period = amount(f"{options['every']:g}", "steps")
    return f"no update every {period} falls before step {last:g} of {steps}"


def starts_dense(method: Method) -> bool:
    """Tell whether the method's sparsifier starts from the dense network, and needs no mask."""
    return bool(method.during and registry.sparsifier.facts(method.during.name).get("dense"))


def functions_of(method: Method) -> list[Callable[..., Any]]:
    """List the registered functions that make a method's masks."""
    functions = [registry.criterion.get(method.criterion.name)]
    functions += [registry.sparsifier.get(method.during.name)] if method.during else []
    return functions + ([registry.parametrization.get(method.search.parametrization.name)] if method.search else [])
