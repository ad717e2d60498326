"""What a module keeps besides the tensors that are stored of it, which must not matter to what it computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lth_core.models.tensors import load_tensors, stored_tensors
from lth_core.tasks.base import Batch
from lth_core.training.plain import seed_all, values_of


class ProofError(ValueError):
    """A network that would not be trained as it is written, in one line: which part, what differs, what to do."""


@dataclass(frozen=True)
class Looks:
    """What a module is made of, besides the values of its tensors."""

    tensors: Mapping[str, tuple[tuple[int, ...], torch.dtype, bool]]
    numbers: Mapping[str, bool | int | float]

    @classmethod
    def at(cls, module: nn.Module) -> Looks:
        """Look at a module."""
        named = chain(module.named_parameters(), module.named_buffers())
        if not any(parameter.requires_grad for parameter in module.parameters()):
            raise ProofError("it has no parameter that can be trained")
        tensors = {name: (tuple(value.shape), value.dtype, isinstance(value, nn.Parameter)) for name, value in named}
        numbers = {name: value for name, value in _kept(module) if isinstance(value, int | float)}
        return cls(tensors, numbers)

    def check(self, module: nn.Module) -> None:
        """Raise ProofError for parameters and buffers that training makes, drops or gives another shape."""
        after = Looks.at(module).tensors
        for name in after.keys() - self.tensors.keys():
            raise ProofError(f"'{name}' is made by its forward: make all layers and buffers in __init__")
        for name, (shape, kind, _) in self.tensors.items():
            if name not in after:
                raise ProofError(f"'{name}' is removed by its forward: tensors must stay")
            if after[name][:2] != (shape, kind):
                raise ProofError(f"'{name}' is {shape} of {kind} and becomes {after[name][0]} of {after[name][1]}")


@torch.no_grad()
def check_numbers(before: Looks, module: nn.Module, batch: Batch) -> None:
    """Numbers in attributes that change, such as counters, must not matter: they are not stored."""
    after, values = Looks.at(module).numbers, values_of(module)
    for name, number in after.items():
        if name in before.numbers and _equal(number, before.numbers[name]):
            continue
        path, _, attribute = name.rpartition(".")
        part = module.get_submodule(path)

        def outputs(value: float, part: nn.Module = part, attribute: str = attribute) -> list[Tensor]:
            both = []
            for training in (True, False):
                load_tensors(module, values)
                setattr(part, attribute, value)
                seed_all(0)
                both.append(module.train(training)(batch.inputs.clone()))
            return both

        tried = [not number] if isinstance(number, bool) else [type(number)(n) for n in (0, 1, 10, 1000, 10**6)]
        expected = outputs(number)
        if not all(_equal(one, other) for value in tried for one, other in zip(outputs(value), expected, strict=True)):
            raise ProofError(
                f"'{name}' changes in training and decides what the network computes, but it is not stored: make it a "
                "buffer (register_buffer)"
            )


def differing(module: nn.Module, other: nn.Module) -> str | None:
    """Name the first thing that two modules of one factory keep, is not stored, and differs between them."""
    others = dict(_kept(other))
    return next((name for name, value in _kept(module) if not _equal(value, others.get(name))), None)


def _kept(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Buffers that are not stored, and numbers, arrays and tensors in attributes."""
    stored = stored_tensors(module)
    yield from ((name, value) for name, value in module.named_buffers() if name not in stored)
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if isinstance(value, int | float | str | np.ndarray | Tensor) and name != "training":
                yield f"{path}.{name}".lstrip("."), value


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.equal(first.detach(), second.detach())
    return type(first) is type(second) and np.array_equal(first, second)
