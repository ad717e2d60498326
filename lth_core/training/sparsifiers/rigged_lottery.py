"""RigL, the rigged lottery (Evci et al. 2020): small weights make way for those with the largest gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lth_core.registry import sparsifier
from lth_core.training.moment import Change
from lth_core.training.ranking import highest

if TYPE_CHECKING:
    from lth_core.training.moment import Moment


@sparsifier("rigl", dense_gradient=True)
def rigged_lottery(moment: Moment, every: int = 100, fraction: float = 0.3, until: float = 0.75) -> Change | None:
    """Drop the weights of a layer closest to zero, and grow as many where the loss has the largest gradient.

    Evci et al. 2020, algorithm 1: `every` Delta T steps until T_end = `until` T, the part f(t) = alpha / 2 (1 +
    cos(pi t / T_end)) of the active weights, with alpha = `fraction`. The step's batch gives the gradient by all
    weights, and is not used for an update. Weights that are dropped and grown again at once keep their value and their
    momentum; others that are grown start from 0. Active weights outrank pruned ones whatever their values. (The
    authors' code keeps f constant by default, and adds noise to magnitudes.)
    """
    t, t_end = moment.step, until * moment.steps
    if t == 0 or t % every or t >= t_end:
        return None
    swapped_fraction = fraction / 2 * (1 + math.cos(math.pi * t / t_end))
    if swapped_fraction == 0:
        return None
    gradient, masks = moment.gradient(), {}
    for name, active in moment.mask.items():
        count = int(active.sum())
        swapped = int(swapped_fraction * count)
        kept = highest(moment.weights[name].abs(), count - swapped, active)
        grown = highest(gradient[name].abs(), swapped, ~kept)
        masks[name] = kept | grown
    return Change(masks, replaces_step=True)
