"""Networks of linear layers and ReLU: outputs and gradients by hand, without autograd's cost per step.

One replicate's tensors are matrices; on a GPU all replicates go through the same code with a leading replicate axis.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Float


def worth_onednn(cpu_info: Path = Path("/proc/cpuinfo")) -> float:
    """Tell from how many multiplications on oneDNN's matrix product beats that of torch's default library.

    On AMD's processors oneDNN alone uses 512-bit instructions. From family 26 on (Zen 5), which computes 512 bits at
    once, it is twice as fast in float32 from some size on; before, which takes two halves in turn, a tenth, and only
    for large products. On Intel's the default library uses them, too, and is as fast or faster at every size. The
    processor decides, not the clock, so that a repeated run takes the same path.
    """
    text = cpu_info.read_text() if cpu_info.exists() else ""
    if "AuthenticAMD" not in text:
        return math.inf
    family = re.search(r"^cpu family\s*:\s*(\d+)", text, re.MULTILINE)
    return 1_500_000 if family and int(family[1]) >= 26 else 7_000_000


WORTH_ONEDNN = worth_onednn()
_ONEDNN_LINEAR = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None


def linear(
    inputs: Float[Tensor, "*replicate batch features"],
    weight: Float[Tensor, "*replicate units features"],
    bias: Float[Tensor, "*replicate units"] | None = None,
    relu: bool = False,
) -> Float[Tensor, "*replicate batch units"]:
    """Compute inputs @ weight^T + bias, then ReLU if asked for; of all replicates where there is such an axis."""
    size = inputs.shape[-2] * weight.shape[-2] * weight.shape[-1]
    plain = inputs.ndim == 2 and inputs.device.type == "cpu" and inputs.dtype == torch.float32
    if _ONEDNN_LINEAR and plain and size >= WORTH_ONEDNN:
        return _ONEDNN_LINEAR(inputs, weight, bias, "relu" if relu else "none", [], "")
    if inputs.ndim == 2:
        outputs = nn.functional.linear(inputs, weight, bias)
    elif bias is None:
        outputs = inputs @ weight.mT
    else:
        outputs = torch.baddbmm(bias.unsqueeze(-2), inputs, weight.mT)
    return outputs.relu_() if relu else outputs


def altered(module: nn.Module) -> bool:
    """Tell whether something else is called on the module's way forward or back, as spectral_norm does."""
    hooks = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
    hooked = any(getattr(module, kind) for kind in hooks) or any(p._backward_hooks for p in module.parameters())
    return hooked or "forward" in vars(module)


@dataclass(frozen=True)
class LinearNetwork:
    """Linear layers with ReLU between them; each layer is its weight's and its bias's name (None: no bias)."""

    layers: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, module: nn.Module) -> LinearNetwork | None:
        """Read a module as linear layers, if it is a plain sequence (Flatten,) Linear, ReLU, Linear, ..., Linear."""
        if type(module) is not nn.Sequential:
            return None
        named = [(name, layer) for name, layer in module._modules.items() if layer is not None]  # one may come twice
        if named and type(named[0][1]) is nn.Flatten and named[0][1].start_dim == 1 and named[0][1].end_dim == -1:
            named = named[1:]
        expected = [nn.Linear if position % 2 == 0 else nn.ReLU for position in range(len(named))]
        if len(named) % 2 == 0 or [type(layer) for _, layer in named] != expected:
            return None
        parameters = [value for _, layer in named[::2] for value in layer._parameters.values() if value is not None]
        if len({id(value) for value in parameters}) < len(parameters):
            return None  # what layers share has gradients from several of them
        if not all(value.requires_grad for value in parameters) or any(altered(part) for part in module.modules()):
            return None
        linear = named[::2]
        return cls(
            tuple((f"{name}.weight", f"{name}.bias" if layer.bias is not None else None) for name, layer in linear)
        )

    def activations(
        self, parameters: dict[str, Tensor], inputs: Float[Tensor, "*replicate batch features"]
    ) -> list[Float[Tensor, "*replicate batch _"]]:
        """Compute every hidden layer after its ReLU and the outputs; the list starts with the inputs."""
        values = [inputs]
        for position, (weight, bias) in enumerate(self.layers):
            hidden = position < len(self.layers) - 1
            values.append(linear(values[-1], parameters[weight], parameters[bias] if bias else None, relu=hidden))
        return values

    def outputs_of_few(self, parameters: dict[str, Tensor]) -> Callable[[Tensor], Tensor]:
        """Return what computes every replicate's outputs on few examples of its own, with present weights (R, ...).

        NumPy has a product for every replicate, all in one call. torch's product of them all rounds otherwise where
        there are others (5 examples, on two threads), and one call for each takes nine times as long.
        """
        values_of = {name: value.detach().numpy() for name, value in parameters.items()}
        layers = [(values_of[weight], values_of[bias] if bias else None) for weight, bias in self.layers]

        def outputs(inputs: Float[Tensor, "replicate batch ..."]) -> Float[Tensor, "replicate batch outputs"]:
            values = inputs.flatten(2).numpy()
            for position, (weight, bias) in enumerate(layers):
                values = values @ weight.mT
                if bias is not None:
                    values += bias[:, None]
                if position < len(layers) - 1:
                    np.maximum(values, 0, out=values)
            return torch.from_numpy(values)

        return outputs

    def gradients(
        self,
        parameters: dict[str, Tensor],
        activations: list[Float[Tensor, "*replicate batch _"]],
        gradient: Float[Tensor, "*replicate batch outputs"],
    ) -> dict[str, Tensor]:
        """Compute the loss's gradient by every parameter, given its gradient by the outputs."""
        gradients = {}
        for position in reversed(range(len(self.layers))):
            weight, bias = self.layers[position]
            gradients[weight] = linear(gradient.mT, activations[position].mT)
            if bias:
                gradients[bias] = gradient.sum(-2)
            if position:
                gradient = linear(gradient, parameters[weight].mT)
                gradient = torch.ops.aten.threshold_backward(gradient, activations[position], 0)
        return gradients
