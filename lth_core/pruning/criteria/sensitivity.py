"""Criteria by what the loss would lose with a weight, to first order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveInt

from lth_core.pruning.probe import Probe
from lth_core.registry import criterion
from lth_core.storage.tensors import Tensors

if TYPE_CHECKING:
    from torch import Tensor


@criterion("snip", prune_at=0)
def snip(
    mask: Tensors, probe: Probe, examples_per_class: PositiveInt = 10, batch_size: PositiveInt = 256
) -> dict[str, Tensor]:
    """|w g|, the effect of a weight's connection on the loss at theta_0 (SNIP; Lee et al. 2019, equations 4 to 6).

    g is the gradient, summed over batches before the absolute value is taken. The sum of all scores, by which the paper
    divides, changes no ranking. `examples_per_class` training examples are drawn, and read in batches of at most
    `batch_size`.
    """
    return _first_order(mask, probe, examples_per_class, batch_size)


@criterion("taylor")
def taylor(
    mask: Tensors, probe: Probe, examples_per_class: PositiveInt = 10, batch_size: PositiveInt = 256
) -> dict[str, Tensor]:
    """|w g| of trained weights: what the loss changes without the weight (Molchanov et al. 2017, equation 5).

    `examples_per_class` training examples are drawn, and read in batches of at most `batch_size`.
    """
    return _first_order(mask, probe, examples_per_class, batch_size)


def _first_order(mask: Tensors, probe: Probe, examples_per_class: int, batch_size: int) -> dict[str, Tensor]:
    weights, batches = probe.weights, probe.batches(examples_per_class, batch_size)
    gradients = [probe.gradient(weights, batch) for batch in batches]
    return {name: abs(weights[name] * sum(gradient[name] for gradient in gradients)) for name in mask}
