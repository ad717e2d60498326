"""The criterion that sees no data, only how a network's weights follow each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lth_core.pruning.probe import Precision, Probe
from lth_core.registry import criterion
from lth_core.storage.tensors import Tensors

if TYPE_CHECKING:
    from torch import Tensor


@criterion("synflow", prune_at=0, iterations=100, inputs="numbers")
def synflow(mask: Tensors, probe: Probe, precision: Precision = "float64") -> dict[str, Tensor]:
    """|w| dR/d|w|, where R is the sum of outputs on inputs of 1, of absolute weights (Tanaka et al. 2020, section 6).

    All parameters are replaced by their absolute values, biases too. `precision`: in deep networks R is beyond the
    range of float32.
    """
    import torch

    probe = probe.in_precision(precision)
    weights = {name: weight.abs().requires_grad_() for name, weight in probe.weights.items()}
    flow = probe.outputs(weights, probe.inputs_of_ones()).sum()
    slopes = torch.autograd.grad(flow, [weights[name] for name in mask], materialize_grads=True)
    return {name: weights[name].detach() * slope for name, slope in zip(mask, slopes, strict=True)}
