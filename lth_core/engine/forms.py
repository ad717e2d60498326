"""The forms in which a pruned network can be evaluated, and what each of them costs.

`dense`: with zeros in it. `shrunk`: without the units that its zeros make superfluous. `sparse`: what the mask keeps,
in compressed rows, by this project's kernels where they take the network (linear layers and ReLU, on a CPU). `csr`: the
same by torch's sparse products. Of masks that keep 2 of every 4 weights also `2:4` and, to compare with it, `half`, the
dense network in half precision. What a form cannot do here is a reason, and its latency nan.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lth_core.engine.linear_network import LinearNetwork
from lth_core.engine.sparse_network import SparseNetwork, pieces
from lth_core.models.cost import flops, flops_per_weight
from lth_core.models.folding import folded
from lth_core.models.inputs import random_inputs
from lth_core.models.latency import latencies
from lth_core.models.shrinking import ShrinkingError, shrink
from lth_core.storage.tensors import Tensors
from lth_core.tickets.loading import TicketError
from lth_core.tickets.sparse import is_2_of_4, with_2_of_4_weights, with_csr_weights

SMALL, LARGE = 1, 256
"""The two sizes of batches: one input at a time, and throughput."""
REPEATS = {SMALL: 50, LARGE: 10}

NUMBER = 4
"""Bytes of a value, of the index of its column and of where a row begins."""


@dataclass(frozen=True)
class Form:
    """A form of a network: how it evaluates inputs, and what is counted of it; nan where it cannot be made."""

    evaluate: Callable[[Tensor], object] | None
    parameters: float
    flops: float
    """Floating-point operations of one input: two for a multiplication with addition, nothing for what is left out."""
    bytes: float
    """Of its numbers, as a file holds them."""
    reason: str = ""
    """Why it cannot be evaluated here."""


@dataclass(frozen=True)
class Cost:
    """What a form costs."""

    parameters: float
    flops: float
    bytes: float
    seconds_1: float
    """Median seconds of one input."""
    seconds_256: float
    """Median seconds of 256 inputs at once."""
    reason: str = ""


def costs(module: nn.Module, input_shape: Sequence[int], mask: Tensors | None = None) -> dict[str, Cost]:
    """Measure every form of a pruned network, with zeros in it, on its device; times are taken in turns.

    `input_shape` is that of one input, such as (C, H, W); `mask` has booleans by weight name (by default: what is not
    zero). Raises whatever a module does that cannot be evaluated.
    """
    mask = mask or {name: (value != 0).cpu().numpy() for name, value in module.named_parameters() if value.ndim > 1}
    made = forms(module, input_shape, mask)
    device = next(module.parameters()).device
    evaluated = {name: form.evaluate for name, form in made.items() if form.evaluate}
    seconds = {
        batch: latencies(evaluated, random_inputs(input_shape, batch, device), repeats)
        for batch, repeats in REPEATS.items()
    }
    measured = {}
    for name, form in made.items():
        one, many = (seconds[batch].get(name, math.nan) for batch in REPEATS)
        measured[name] = Cost(form.parameters, form.flops, form.bytes, one, many, form.reason)
    return measured


def forms(module: nn.Module, input_shape: Sequence[int], mask: Tensors) -> dict[str, Form]:
    """Make every form of a pruned network."""
    dense = folded(module).eval()
    example = random_inputs(input_shape, 1, next(module.parameters()).device)
    saved = {
        name: operations * int((~mask[name]).sum())
        for name, operations in flops_per_weight(dense, input_shape, mask).items()
    }
    whole = _form(dense, flops(dense, example))
    made = {"dense": whole, "shrunk": _shrunk(module, input_shape, example)}
    made["sparse"] = _sparse(dense, mask, whole, saved)
    made["csr"] = _csr(dense, whole, saved, input_shape)
    pruned = [layer.weight for layer in dense.modules() if type(layer) is nn.Linear and not bool(layer.weight.all())]
    if pruned and all(map(is_2_of_4, pruned)):
        made |= _half_and_2_of_4(dense, whole, saved, example)
    return made


def _form(module: nn.Module, operations: float, parameters: int | None = None) -> Form:
    """Make the form of a module that keeps its numbers in parameters and buffers."""
    count = sum(value.numel() for value in module.parameters()) if parameters is None else parameters
    return Form(module, count, round(operations), size_of(module))


def _impossible(error: Exception) -> Form:
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return Form(None, math.nan, math.nan, math.nan, reason)


def _shrunk(module: nn.Module, input_shape: Sequence[int], example: Tensor) -> Form:
    try:
        small = shrink(module, input_shape)
    except ShrinkingError as error:
        return _impossible(error)
    return _form(small, flops(small, example))


def _sparse(dense: nn.Module, mask: Tensors, whole: Form, saved: Mapping[str, float]) -> Form:
    """Count what a mask keeps; by the kernels where the network consists of linear layers and ReLU, on a CPU."""
    pruned = sum(int((~kept).sum()) for kept in mask.values())
    rows = sum(len(kept) + 1 for kept in mask.values())
    size = whole.bytes - NUMBER * sum(kept.size for kept in mask.values())
    size += NUMBER * (2 * sum(int(kept.sum()) for kept in mask.values()) + rows)
    counted = (whole.parameters - pruned, round(whole.flops - sum(saved.values())), size)
    weights = {name: value.detach() for name, value in dense.named_parameters()}
    plain = all(value.device.type == "cpu" and value.dtype == torch.float32 for value in weights.values())
    linear = LinearNetwork.of(dense) if plain else None
    if linear is None:
        return Form(None, *counted, "the sparse kernels take linear layers with ReLU between them, on a CPU")
    sparse = SparseNetwork(linear, weights, mask)
    return Form(lambda inputs: sparse.evaluated(pieces(inputs.flatten(1)), len(inputs)), *counted)


def _csr(dense: nn.Module, whole: Form, saved: Mapping[str, float], input_shape: Sequence[int]) -> Form:
    try:
        sparse = with_csr_weights(dense, input_shape)
    except TicketError as error:
        return _impossible(error)
    left = {name for name, _ in sparse.named_parameters()}
    skipped = sum(operations for name, operations in saved.items() if name not in left)
    kept = sum(len(value) for name, value in sparse.named_buffers() if name.endswith("weight.values"))
    return _form(sparse, whole.flops - skipped, sum(value.numel() for value in sparse.parameters()) + kept)


def _half_and_2_of_4(dense: nn.Module, whole: Form, saved: Mapping[str, float], example: Tensor) -> dict[str, Form]:
    """Make the form in which a GPU skips half of the products, and the dense one to compare it with."""
    try:
        sparse, layers = with_2_of_4_weights(dense)
        with torch.no_grad():
            sparse(example.half())
    except Exception as error:  # torch announces a prototype
        return {"2:4": _impossible(error)}
    names = {f"{path}.weight" for path in layers}
    kept = sum(value.numel() // 2 if name in names else value.numel() for name, value in dense.named_parameters())
    skipped = sum(saved.get(name, 0.0) for name in names)
    half = folded(dense).eval().half()
    # Beside the numbers that are kept lie two bits for each: where in its four it lies.
    size = sum(value.nbytes for name, value in half.state_dict().items() if name not in names)
    size += sum(value.numel() + value.numel() // 8 for name, value in half.named_parameters() if name in names)
    return {
        "half": Form(lambda inputs: half(inputs.half()), whole.parameters, whole.flops, size_of(half)),
        "2:4": Form(lambda inputs: sparse(inputs.half()), kept, round(whole.flops - skipped), size),
    }


def size_of(module: nn.Module) -> int:
    """Count the bytes of a module's numbers, as a file holds them."""
    return sum(value.nbytes for value in module.state_dict().values())
