"""Methods and branches that several studies derive, under one name each, so that the studies share trainings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from lth_core.config import Branch, Choice, Config, Method, Optimizer, Rewind, Schedule, SearchRecipe

LARGE_RATE = 100.0
"""The learning rate of drawn masks in the published code of Zhou et al. 2019: gradients of their scores are small."""


def rewound(config: Config, method: str, step: int) -> tuple[str, Method]:
    """Derive `method` with another rewind step, and its name: that of a configured method if one is the same."""
    configured = config.methods[method]
    if configured.rewind.policy in ("reset", "rewind") and configured.rewind.step == step:
        return method, configured
    rewind = Rewind(policy="rewind", step=step) if step else Rewind()
    wanted = configured.model_copy(update={"rewind": rewind})
    same = [name for name, other in config.methods.items() if other == wanted]
    return (same[0] if same else f"{method}-rewind-{step}"), wanted


def rewound_chains(config: Config, methods: Iterable[str], steps: Sequence[int]) -> dict[str, Method]:
    """Derive the methods that are not configured yet, to rewind each of `methods` to each step."""
    chains = [(method, *rewound(config, method, step)) for method in methods for step in steps]
    return {name: derived for _, name, derived in chains if name not in config.methods}


def ticket_of(source: str) -> tuple[str, Branch]:
    """Derive the branch that trains the ticket of another task, the source, and its name: `from-{source}`."""
    return f"from-{source}", Branch(treatment=Choice(name="ticket"), source=source)


def at_rate(rate: float, name: Literal["sgd", "adam"], recipe: SearchRecipe | None = None) -> SearchRecipe:
    """Derive a recipe of searches with another optimizer at a constant rate: Adam, or SGD with a momentum of 0.9."""
    optimizer = Optimizer(name=name, learning_rate=rate, momentum=0.9 if name == "sgd" else 0.0)
    return (recipe or SearchRecipe()).model_copy(update={"optimizer": optimizer, "schedule": Schedule()})


def on_order(name: str | None, branch: Branch | None, order: int, order_from: int = 0) -> tuple[str, Branch]:
    """Derive a branch on another data order from step `order_from` on, and its name; no branch: the ticket itself.

    Raises ValueError for a branch that is already trained on another data order than the ticket.
    """
    branch = branch or Branch(treatment=Choice(name="ticket"))
    if branch.order:
        raise ValueError(f"branch '{name}' must be trained on the tickets' data order (order: 0)")
    words = [*([name] if name else []), f"order-{order}", *([f"from-{order_from}"] if order_from else [])]
    return "-".join(words), branch.model_copy(update={"order": order, "order_from": order_from})
