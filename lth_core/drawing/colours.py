"""Every colour, and how each role looks in all figures: change a colour here, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.colors import to_hex


@dataclass(frozen=True)
class RoleStyle:
    """How one role looks in every figure: told apart by colour, by marker and by name."""

    label: str
    colour: str
    marker: str


ROLES = {  # colours of Okabe & Ito, then of Tol, which people with any colour vision tell apart
    "dense": RoleStyle("dense network", "#000000", "s"),
    "ticket": RoleStyle("winning ticket", "#0072B2", "o"),
    "reinit": RoleStyle("random reinitialization", "#D55E00", "^"),
    "random-mask": RoleStyle("random mask", "#009E73", "v"),
    "random-mask-reinit": RoleStyle("random mask, reinitialized", "#E69F00", "D"),
    "one-shot": RoleStyle("one-shot ticket", "#CC79A7", "P"),
    "continued": RoleStyle("continued training", "#56B4E9", "X"),
    "redraw-kept": RoleStyle("redrawn from kept values", "#8C564B", "<"),
    "reset": RoleStyle("reset to initialization", "#332288", "8"),
    "sign-magnitude": RoleStyle("signs and magnitudes", "#44AA99", "H"),
    "shuffle": RoleStyle("shuffles", "#AA4499", ">"),
    "gaussian-noise": RoleStyle("Gaussian noise", "#CC6677", "*"),
    "transferred": RoleStyle("ticket of another task", "#882255", "p"),
    "random-ticket": RoleStyle("random ticket", "#999933", "d"),
    "fine-tune": RoleStyle("fine-tuning", "#661100", "1"),
    "rewind-low-rate": RoleStyle("rewinding at the last learning rate", "#DDCC77", "2"),
    "warm": RoleStyle("warm start", "#EE3377", "."),
    "shrink-perturb": RoleStyle("shrink and perturb", "#117733", "3"),
    "rewound": RoleStyle("rewound to an early step", "#6699CC", "4"),
    "other": RoleStyle("other", "#7F7F7F", "h"),
}
"""Role -> style; a branch's role is its treatment's name, and treatments not listed here are `other`."""

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C564B", "#7F7F7F")
"""Colours of series that are not roles (tasks, say), in order of use."""

DIVERGED = "#CC0000"
"""Crosses where replicates diverged."""
NEUTRAL = "#404040"
"""Lines and bars that are not one of several series."""
THRESHOLD = "#606060"
"""Dotted lines at values that a definition names."""
BACKGROUND = "#C8C8C8"
"""Lines of what another panel of the same figure explains."""
GRID = "#E6E6E6"
"""Lines behind the data, at the ticks."""
DIFFERENCES = "PuOr"
"""The colour map of heat maps: loss is brown, no change white, gain purple; people with any colour vision see it."""
VALUES = "viridis"
"""The colour map of values from 0 on."""
DENSITIES = "Blues"
"""The colour map of densities: the darker, the fewer weights."""
NO_NUMBER = "#D0D0D0"
"""Fields of a heat map without a number: grey is no colour of the map."""


def role_style(role: str) -> RoleStyle:
    """Return the style of a role; unlisted roles look like `other`."""
    return ROLES.get(role, ROLES["other"])


def series(count: int, besides: Iterable[str] = ()) -> list[str]:
    """Return `count` colours for series that are not roles: those of SERIES, or a ramp where these are too few.

    Colours of the roles in `besides`, which are drawn in the same figure, are left out.
    """
    taken = {role_style(role).colour for role in besides}
    free = [colour for colour in SERIES if colour not in taken]
    return free[:count] if count <= len(free) else ramp(count)


def ramp(count: int) -> list[str]:
    """Return `count` ordered colours from dark to light, for curves ordered by density or by step."""
    shades = np.linspace(0.1, 0.85, count) if count != 1 else [0.4]
    return [to_hex(matplotlib.colormaps["plasma"](shade)) for shade in shades]
