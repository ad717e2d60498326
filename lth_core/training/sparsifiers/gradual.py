"""Gradual magnitude pruning (Zhu & Gupta 2017): a dense network is pruned along a ramp while it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lth_core.registry import sparsifier
from lth_core.training.moment import Change
from lth_core.training.ranking import highest, highest_of_all

if TYPE_CHECKING:
    from lth_core.training.moment import Moment


@sparsifier("gradual", dense=True)
def gradual(moment: Moment, begin: float = 0.25, until: float = 0.75, every: int | None = None) -> Change | None:
    """Prune the smallest weights until s(t) = s_f + (s_i - s_f)(1 - (t - t_0) / (n Delta t))^3 of them are gone.

    Zhu & Gupta 2017, equation 1, with s_i = 0: a dense network at t_0 = `begin` T ends with the level's sparsity s_f
    at `until` T, pruned `every` Delta t steps (by default 50 times) and once at the end of the ramp. Each tensor is
    ranked by itself, or all together with scope `global`. Pruned weights are 0 and stay pruned, so that masks are
    nested; the authors' code keeps their values, which may come back.
    """
    t, t_0 = moment.step, round(begin * moment.steps)
    end = min(round(until * moment.steps), moment.steps - 1)  # there is no moment after the last step
    delta_t = every or max(1, round((end - t_0) / 50))
    if not t_0 < t <= end or ((t - t_0) % delta_t and t != end):
        return None
    ramp = 1 - (1 - (t - t_0) / (end - t_0)) ** 3  # s(t) / s_f
    active, magnitudes = moment.mask, {name: value.abs() for name, value in moment.weights.items()}
    sizes = {name: value.numel() for name, value in magnitudes.items()}
    if moment.kept is None:
        total = sum(sizes.values())
        count = round(total - ramp * (total - round(moment.density * total)))
        return Change(highest_of_all(magnitudes, count, active))
    counts = {name: round(size - ramp * (size - moment.kept[name])) for name, size in sizes.items()}
    return Change({name: highest(magnitudes[name], count, active[name]) for name, count in counts.items()})
