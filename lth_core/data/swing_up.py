"""CartPole swing-up: a pole that hangs from a cart is to be swung up and balanced; gymnasium has no such environment.

The cart-pole of Barto, Sutton & Anderson 1983, with the start and the reward of Gal, McAllister & Rasmussen 2016 as
Gaier & Ha 2019 (arXiv 1906.04358, section 4) use it: a reward for an upright pole near the middle of the track.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

ID = "lth/CartPoleSwingUp-v0"
FORCES = np.array([-10.0, 0.0, 10.0])
"""What each action pushes the cart with, in newtons; Gaier & Ha's policies choose any force between."""
GRAVITY, CART, POLE, LENGTH, FRICTION = 9.82, 0.5, 0.5, 0.6, 0.1
"""In SI units; masses of cart and pole, the length of the pole, the friction of the cart on its track."""
SECONDS, SUBSTEPS, STEPS = 0.02, 2, 500
"""Of a step; the parts it is integrated in; steps of an episode: ten seconds."""
TRACK = 2.4
"""An episode ends when the cart is further from the middle, in metres."""
SPREAD = 0.2
"""Standard deviation of all four numbers of the first state, around a pole that hangs at rest in the middle."""


def register() -> None:
    """Let gymnasium know the environment, once."""
    if ID not in gymnasium.registry:
        gymnasium.register(ID, f"{__name__}:{CartPoleSwingUp.__name__}", max_episode_steps=STEPS)


def first_state(rng: np.random.Generator) -> np.ndarray:
    """Draw position, speed, angle (0: upright) and angular speed."""
    return rng.normal([0.0, 0.0, np.pi, 0.0], SPREAD)


def advance(state: np.ndarray, forces: Any) -> np.ndarray:
    """Integrate one step of states (4, ...) under forces (...): speeds first, then positions with these."""
    position, speed, angle, turning = state
    seconds, mass = SECONDS / SUBSTEPS, CART + POLE
    for _ in range(SUBSTEPS):
        sin, cos = np.sin(angle), np.cos(angle)
        swing = POLE * LENGTH * turning**2 * sin
        push = forces - FRICTION * speed
        acceleration = (-2 * swing + 3 * POLE * GRAVITY * sin * cos + 4 * push) / (4 * mass - 3 * POLE * cos**2)
        twist = (-3 * swing * cos + 6 * mass * GRAVITY * sin + 6 * push * cos) / (
            4 * LENGTH * mass - 3 * POLE * LENGTH * cos**2
        )
        speed, turning = speed + seconds * acceleration, turning + seconds * twist
        position, angle = position + seconds * speed, angle + seconds * turning
    return np.stack([position, speed, angle, turning])


def observe(state: np.ndarray) -> np.ndarray:
    """Return what is seen of states (4, ...), (..., 5): position, speed, cosine, sine and speed of the angle."""
    position, speed, angle, turning = state
    return np.stack([position, speed, np.cos(angle), np.sin(angle), turning], axis=-1).astype(np.float32)


def rewards(state: np.ndarray) -> np.ndarray:
    """Return the reward of states (4, ...): 1 for an upright pole in the middle, 0 at the end of the track."""
    position, _, angle, _ = state
    return (np.cos(angle) + 1) / 2 * np.cos(position / TRACK * np.pi / 2).clip(0)


def has_left(state: np.ndarray) -> np.ndarray:
    """Return whether the cart has left the track."""
    return np.abs(state[0]) > TRACK


class CartPoleSwingUp(gymnasium.Env[np.ndarray, np.int64]):
    """One episode at a time, as gymnasium asks for it."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (5,), np.float32)
    action_space = gymnasium.spaces.Discrete(len(FORCES))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode; its start depends on the seed alone."""
        super().reset(seed=seed)
        self.state = first_state(self.np_random)
        return observe(self.state), {}

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Push the cart."""
        self.state = advance(self.state, FORCES[action])
        return observe(self.state), float(rewards(self.state)), bool(has_left(self.state)), False, {}
