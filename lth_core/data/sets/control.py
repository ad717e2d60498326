"""Environments to train policies in, by gymnasium's ids."""

from __future__ import annotations

from typing import Any

from lth_core.data.environments import Environment, find_environment
from lth_core.registry import dataset


def known_of_environment(id: str, **_: Any) -> dict[str, Any]:
    """Return what is known of an environment, having made it once. Raises DataError as `find_environment` does."""
    environment = find_environment(id)
    return {"features": environment.features, "actions": environment.actions}


@dataset("gymnasium", kind="environment", known=known_of_environment, of_any_plugin=True)
def gymnasium(id: str) -> Environment:
    """Any environment that gymnasium knows, or that a plugin registers there, with one row of numbers to observe.

    Actions must be Discrete, and episodes must have a time limit.
    """
    return find_environment(id)


@dataset("cartpole", kind="environment", features=4, actions=2)
def cartpole() -> Environment:
    """Balance a pole on a cart for up to 500 steps (CartPole-v1): 1 for every step, so that 500 is the best return."""
    return find_environment("CartPole-v1")


@dataset("acrobot", kind="environment", features=6, actions=3)
def acrobot() -> Environment:
    """Swing up two links by the joint between them (Acrobot-v1): -1 for every step until then, of up to 500."""
    return find_environment("Acrobot-v1")


@dataset("cartpole-swing-up", kind="environment", features=5, actions=3)
def cartpole_swing_up() -> Environment:
    """Swing up a pole that hangs from a cart and balance it, in 500 steps of 0.02 seconds (Gaier & Ha 2019).

    Each step brings up to 1, for an upright pole on a cart in the middle of its track. Three actions push left, not at
    all, and right. The episode ends where the track does.
    """
    return find_environment("lth/CartPoleSwingUp-v0")
