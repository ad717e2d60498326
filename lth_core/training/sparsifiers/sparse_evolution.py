"""Sparse evolutionary training (Mocanu et al. 2018): small weights make way for connections at random positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lth_core.registry import sparsifier
from lth_core.training.moment import Change, SparsifierError
from lth_core.training.ranking import highest

if TYPE_CHECKING:
    from torch import Tensor

    from lth_core.training.moment import Moment


@sparsifier("set", epochs=True)
def sparse_evolution(
    moment: Moment, fraction: float = 0.3, every: int | None = None, grow: Literal["random", "unfired"] = "random"
) -> Change | None:
    """Drop the `fraction` zeta of a layer's weights that are closest to zero, and grow as many at random positions.

    Mocanu et al. 2018, algorithm 1: after every epoch, or every `every` steps, but the last one. Positions are drawn
    uniformly from those that were pruned before. Grown weights start from 0, as in the authors' Keras code (their other
    one draws them), and the optimizer's state is reset for them alone. The paper takes zeta of the positive and of the
    negative weights; here, as in later work, they are ranked by absolute value together. `unfired` grows only what was
    never active, which explores most (Liu et al. 2021). Raises SparsifierError where no update falls in training.
    """
    t, period = moment.step, every or moment.steps_per_epoch
    if period is None or 2 * period > moment.steps:
        epoch = f"{period} of {moment.steps} steps are one" if period else "its data have no epochs"
        raise SparsifierError(
            f"sparsifier 'set' changes masks after every epoch but the last, and {epoch}: set `every`"
        )
    if fraction == 0 or t == 0 or t % period or t > moment.steps - period:
        return None
    masks = {}
    for name, active in moment.mask.items():
        free = ~(moment.explored if grow == "unfired" else moment.mask)[name]
        swapped = min(int(fraction * int(active.sum())), int(free.sum()))
        left = highest(moment.weights[name].abs(), int(active.sum()) - swapped, active)
        masks[name] = left | _drawn(free, swapped, moment)
    return Change(masks)


def _drawn(free: Tensor, count: int, moment: Moment) -> Tensor:
    """`count` of the free positions, drawn without replacement."""
    positions, drawn = free.flatten().nonzero().flatten(), free.new_zeros(free.numel())
    drawn[positions[moment.rng.choice(len(positions), count, replace=False)]] = True
    return drawn.view_as(free)
