"""Which parameters a network applies last on the way from the images to its outputs.

Seen below autograd, in the operations themselves: what a network computes without gradients, or casts to indices, is
on the way all the same.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from lth_core.models.inputs import zeros
from lth_core.models.tensors import call


def applied_last(module: nn.Module, input_shape: Sequence[int], matrices: Collection[str]) -> set[str]:
    """Name the parameters that values from images (C, H, W) meet last on their ways to the outputs.

    Those are `matrices`, and every other parameter of two or more axes. One that only broadcasts, such as a scale of
    shape (1, 1) or (1, 10), counts where a matrix product or a convolution takes it. Where an example is the number of
    a node, (), values come from the graph that the module keeps.
    """
    of_graph = {} if len(input_shape) else {"unknown": _Passed(from_images=True)}
    seen = _run(module, input_shape, matrices, of_graph)
    if not any(passed.from_images for passed in seen):  # they have left torch on the way, by NumPy for example
        seen = _run(module, input_shape, matrices, {"unknown": _Passed(from_images=True)})
    return set().union(*(passed.matrices for passed in seen if passed.from_images))


@dataclass(frozen=True)
class _Passed:
    """What is known of a tensor: the matrices that its values from images met last, or else that it is made of."""

    from_images: bool = False
    matrices: frozenset[str] = frozenset()
    picked: bool = False
    """Whether images have only decided which entries of the matrices these are, as in a table or among experts."""

    def __or__(self, other: _Passed) -> _Passed:
        if self.from_images != other.from_images:
            return self if self.from_images else other
        return _Passed(self.from_images, self.matrices | other.matrices, self.picked and other.picked)


def _run(
    module: nn.Module, input_shape: Sequence[int], matrices: Collection[str], known: dict[str, _Passed]
) -> list[_Passed]:
    """Evaluate the module on two images; returns what has passed into each of its outputs."""
    parameters = dict(module.named_parameters())
    copies = {name: value.detach().clone().requires_grad_() for name, value in parameters.items()}
    images = zeros(input_shape, 2, next((value.device for value in parameters.values()), None))
    full = {name for name, value in parameters.items() if name in matrices or value.squeeze().ndim > 1}
    following = _Following(full, **known)
    for named in (parameters, copies):  # a module may also use its own parameters, past the copies that it is given
        for name, value in named.items():
            following.know(value, _Passed(matrices=frozenset({name} if value.ndim > 1 else ())))
    for buffer in module.buffers():
        following.know(buffer, _Passed() if len(input_shape) else following.unknown)
    following.know(images, _Passed(from_images=True))
    training, fast_attention = module.training, torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # which computes all of a layer in one operation
    try:
        with torch.enable_grad(), following:
            outputs = call(module.eval(), copies, images)
    finally:
        module.train(training)
        torch.backends.mha.set_fastpath_enabled(fast_attention)
    return [following.passed(tensor) for tensor in tensors_in(outputs)]


class _Following(TorchDispatchMode):
    """Follows every operation: what its outputs, and what it writes to, are made of."""

    def __init__(self, full: Collection[str], unknown: _Passed | None = None) -> None:
        super().__init__()
        self.full = full
        self.unknown = unknown or _Passed()
        self.by_storage: dict[Any, _Passed] = {}
        self.kept: list[Tensor] = []  # so that no storage has the address of an earlier one

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # what would keep the compiler away from this mode imports it first

    def know(self, tensor: Tensor, passed: _Passed) -> None:
        """Note what is known of a tensor, and thereby of its views; of what it is a view of, that is one part."""
        memory = _shared_memory(tensor)
        self.by_storage[memory] = passed if _is_whole(tensor) else self.by_storage.get(memory, passed) | passed
        self.kept.append(tensor)

    def passed(self, tensor: Tensor) -> _Passed:
        return self.by_storage.get(_shared_memory(tensor), self.unknown)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = list(tensors_in([*args, kwargs]))
        taken = [self.passed(tensor) for tensor in tensors]
        values = [
            passed
            for passed, tensor in zip(taken, tensors, strict=True)
            if tensor.is_floating_point() or tensor.is_complex()
        ]
        outputs = func(*args, **kwargs)
        result = self._result(func.overloadpacket in flop_registry, taken, values)
        written = [
            args[index] if index < len(args) else kwargs.get(argument.name)
            for index, argument in enumerate(func._schema.arguments)
            if argument.alias_info is not None and argument.alias_info.is_write
        ]
        for tensor in tensors_in([outputs, *written]):
            self.know(tensor, result)
        return outputs

    def _result(self, is_product: bool, taken: Sequence[_Passed], values: Sequence[_Passed]) -> _Passed:
        """What the outputs of an operation are made of, by what it takes; `values` are those that are no indices."""
        combined = _combined(taken)
        if not combined.from_images:
            return combined
        from_images = [passed for passed in values if passed.from_images]
        weights = [passed for passed in taken if not passed.from_images]
        if is_product and not all(passed.picked for passed in from_images):  # of images and picked weights
            weights += [passed for passed in from_images if passed.picked]
        used = frozenset[str]().union(*(passed.matrices for passed in weights))
        met = used if is_product else used & frozenset(self.full)
        if met:
            return _Passed(True, met, picked=not from_images)
        return _combined(from_images) if from_images else combined


def _combined(parts: Sequence[_Passed]) -> _Passed:
    return functools.reduce(operator.or_, parts) if parts else _Passed()


def _shared_memory(tensor: Tensor) -> Any:
    """What a tensor shares with its views, and with no other."""
    try:
        return tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):  # sparse tensors have none
        return id(tensor)


def _is_whole(tensor: Tensor) -> bool:
    return (
        _shared_memory(tensor) == id(tensor)
        or tensor.numel() * tensor.element_size() == tensor.untyped_storage().nbytes()
    )


def tensors_in(outputs: Any) -> Iterator[Tensor]:
    """Go through the tensors in whatever a module returns."""
    if isinstance(outputs, Tensor):
        yield outputs
    elif isinstance(outputs, dict | list | tuple):
        for part in outputs.values() if isinstance(outputs, dict) else outputs:
            yield from tensors_in(part)
