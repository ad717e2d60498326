"""What one example costs a network, measured where it is built: jobs on a cluster ask for memory and time by it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from lth_core.models.dataflow import tensors_in
from lth_core.models.inputs import zeros


def network_cost(module: nn.Module, input_shape: Sequence[int]) -> dict[str, int]:
    """Measure a network's forward pass of one example, such as an image (C, H, W); leave the module as it is.

    One node of a graph costs what all of them do: a pass over the graph.

    `parameters`: numbers that are trained. `flops`: see `flops`. `activations`: numbers in the outputs of all layers
    together or, where that is more, those that a backward pass needs; `largest_activation`: numbers in the largest
    output or in the input.
    """
    image = zeros(input_shape, 1, next((value.device for value in module.parameters()), None))
    sizes = [image.numel()]

    def seen(layer: nn.Module, _: Any, outputs: Any) -> None:
        sizes.extend(output.numel() for output in tensors_in(outputs))

    leaves = [layer for layer in module.modules() if not any(layer.children())]
    handles = [layer.register_forward_hook(seen) for layer in leaves]
    training = module.training
    try:
        operations = flops(module.eval(), image)
        for handle in handles:
            handle.remove()
        kept = _kept_for_backward(module, image)
    finally:
        module.train(training)
        for handle in handles:
            handle.remove()
    parameters = sum(parameter.numel() for parameter in module.parameters())
    return {
        "parameters": parameters,
        "flops": operations,
        "activations": max(sum(sizes[1:]), kept),
        "largest_activation": max(sizes),
    }


def flops(module: nn.Module, inputs: Tensor) -> int:
    """Count the floating-point operations of an evaluation by torch's formulas: two for a multiplication with addition.

    Those of matrix products and convolutions, however they are called, those inside LSTMs and attention included.
    """
    return _counted(module, inputs, []).total


def flops_per_weight(module: nn.Module, input_shape: Sequence[int], names: Iterable[str]) -> dict[str, float]:
    """Count the operations of a forward pass of one example by weight tensor, per entry of it; leave the module as is.

    A weight of a linear layer has 2, one of a convolution 2 per position of the kernel, one of an LSTM 2 per token.
    A pruned entry saves these (the field's convention: Gale et al. 2019, Evci et al. 2020, appendix); products of
    activations, as in attention, are not in it.
    """
    weights = [(name, module.get_parameter(name)) for name in names]
    example = zeros(input_shape, 1, next((value.device for value in module.parameters()), None))
    training = module.training
    try:
        counter = _counted(module.eval(), example, [weight for _, weight in weights])
    finally:
        module.train(training)
    pairs = zip(weights, counter.of_weights, strict=True)
    return {name: operations / weight.numel() for (name, weight), operations in pairs}


def _counted(module: nn.Module, inputs: Tensor, weights: Sequence[Tensor]) -> _FlopCounter:
    with torch.no_grad(), _in_small_steps(), _FlopCounter(weights) as counter:
        module(inputs)
    return counter


class _FlopCounter(TorchDispatchMode):
    """Sees every operation, as torch's own FlopCounterMode does, which takes seconds to import the compiler."""

    def __init__(self, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.total = 0
        self.of_weights = [0] * len(weights)
        starts = [weight.data_ptr() for weight in weights]
        self._memory = [(start, start + weight.nbytes) for start, weight in zip(starts, weights, strict=True)]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # what would keep the compiler away from this mode imports it first

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        outputs = func(*args, **(kwargs or {}))
        formula = _FORMULAS.get(func.overloadpacket)
        if formula:
            operations = formula(*args, **(kwargs or {}), out_val=outputs)
            self.total += operations
            addresses = [tensor.data_ptr() for tensor in args if isinstance(tensor, Tensor)] if self._memory else []
            for index, (start, end) in enumerate(self._memory):  # a transposed weight lies in the same memory
                if any(start <= address < end for address in addresses):
                    self.of_weights[index] += operations
        return outputs


def _mv_flops(matrix: Tensor, *_: Any, **__: Any) -> int:
    return 2 * matrix.numel()


def _bilinear_flops(_: Tensor, weight: Tensor, *__: Any, out_val: Tensor, **___: Any) -> int:
    return 2 * out_val.numel() * math.prod(weight.shape[-2:])


def _bag_flops(table: Tensor, rows: Tensor, *_: Any, **__: Any) -> int:
    return 2 * rows.numel() * table.shape[-1]


_FORMULAS = {
    **flop_registry,
    torch.ops.aten.mv: _mv_flops,
    torch.ops.aten._trilinear: _bilinear_flops,
    # Weighted sums of a table's rows: products with a sparse matrix.
    torch.ops.aten._embedding_bag: _bag_flops,
    torch.ops.aten._embedding_bag_forward_only: _bag_flops,
}


@contextmanager
def _in_small_steps() -> Iterator[None]:
    """Compute LSTMs and attention product by product: torch's counter knows none of the kernels that fuse them."""
    fast_attention = torch.backends.mha.get_fastpath_enabled()
    onednn = torch.backends.mkldnn.set_flags(_enabled=False)  # not flags(), which sets and warns of more
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.backends.cudnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_attention)
        torch.backends.mkldnn.set_flags(_enabled=onednn[0])


def _kept_for_backward(module: nn.Module, inputs: Tensor) -> int:
    """Count the numbers that autograd keeps of an evaluation, parameters and buffers aside."""
    known = {tensor.untyped_storage().data_ptr() for tensor in [*module.parameters(), *module.buffers(), inputs]}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes() // tensor.element_size()
        return tensor

    with torch.enable_grad(), _in_small_steps(), torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept):
        outputs = module(inputs)
    del outputs
    return sum(kept.values())
