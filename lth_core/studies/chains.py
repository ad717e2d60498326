"""Names that studies share for what they derive alike, so that they share trainings: rewound chains, data orders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lth_core.config import Branch, Choice, Config, Method, Rewind


def rewound(config: Config, method: str, step: int) -> tuple[str, Method]:
    """`method` rewinding to `step` instead, with its name: that of a configured method where one is the same."""
    own = config.methods[method]
    if own.rewind.policy in ("reset", "rewind") and own.rewind.step == step:
        return method, own
    rewind = Rewind(policy="rewind", step=step) if step else Rewind()
    wanted = own.model_copy(update={"rewind": rewind})
    same = [name for name, configured in config.methods.items() if configured == wanted]
    return (same[0] if same else f"{method}-rewind-{step}"), wanted


def rewound_chains(config: Config, methods: Iterable[str], steps: Sequence[int]) -> dict[str, Method]:
    """The methods that must be derived, besides the configured ones, to rewind each of `methods` to each step."""
    chains = [(method, *rewound(config, method, step)) for method in methods for step in steps]
    return {name: derived for _, name, derived in chains if name not in config.methods}


def on_order(name: str | None, branch: Branch | None, order: int, order_from: int = 0) -> tuple[str, Branch]:
    """A branch trained on another data order from step `order_from` on, with its name; no branch: the ticket itself.

    Raises ValueError for a branch that is not trained on the ticket's own order before.
    """
    branch = branch or Branch(treatment=Choice(name="ticket"))
    if branch.order:
        raise ValueError(f"branch '{name}' must be trained on the tickets' own data order (order: 0)")
    words = [*([name] if name else []), f"order-{order}", *([f"from-{order_from}"] if order_from else [])]
    return "-".join(words), branch.model_copy(update={"order": order, "order_from": order_from})
