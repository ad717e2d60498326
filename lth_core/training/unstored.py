"""What a module keeps besides the tensors that are stored of it, which must not matter to what it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import nn

from lth_core.models.tensors import load_tensors
from lth_core.storage.tensors import Tensors
from lth_core.training.kept import Kept, Opaque, same
from lth_core.training.plain import values_of


class ProofError(ValueError):
    """A network that would not be trained as it is written, in one line: which part, what differs, what to do."""


@dataclass(frozen=True)
class Looks:
    """The shapes and types of a module's tensors, and whether they are trained."""

    tensors: Mapping[str, tuple[tuple[int, ...], torch.dtype, bool]]

    @classmethod
    def at(cls, module: nn.Module) -> Looks:
        """Look at a module."""
        named = chain(module.named_parameters(), module.named_buffers())
        if not any(parameter.requires_grad for parameter in module.parameters()):
            raise ProofError("it has no parameter that can be trained")
        trained = {name for name, value in module.named_parameters() if value.requires_grad}
        return cls({name: (tuple(value.shape), value.dtype, name in trained) for name, value in named})

    def check(self, module: nn.Module) -> None:
        """Raise ProofError for parameters and buffers that training makes, drops or gives another shape."""
        after = Looks.at(module).tensors
        for name in (name for name in after if name not in self.tensors):
            raise ProofError(f"'{name}' is made by its forward: make all layers and buffers in __init__")
        for name, (shape, kind, trained) in self.tensors.items():
            if name not in after:
                raise ProofError(f"'{name}' is removed by its forward: tensors must stay")
            if after[name][:2] != (shape, kind):
                raise ProofError(f"'{name}' is {shape} of {kind} and becomes {after[name][0]} of {after[name][1]}")
            if after[name][2] != trained:
                raise ProofError(f"'{name}' is frozen or unfrozen by its forward: set requires_grad in __init__")


def check_unstored(before: Kept, module: nn.Module, observe: Callable[[], list[Any]]) -> None:
    """What a module has changed in training besides its stored tensors must not matter to what it computes.

    It is lost when the training is resumed, and with a ticket. `before`: what it kept before its training. `observe`
    calls the module and returns what must stay the same. Values that change at every call, such as counters, are
    replaced by others; what was made once, such as a cache, by what was there before. Raises ProofError.
    """
    after, values = Kept(module), values_of(module)
    try:
        expected = observe()
        later = Kept(module)
        if not (before.differing(after) or after.differing(later)):
            return
        trial = _Trial(module, values, after, observe, expected)
        for kept in (before, later):
            if not trial.holds(kept, [], 0):
                changed = [*dict.fromkeys((*after.differing(later), *before.differing(after)))]
                raise _refused(next((path for path in changed if not isinstance(after.values.get(path), type)), ""))
        running = [path for path in after.differing(later) if path in after.slots]
        for path in running:
            value, now = after.values[path], later.values.get(path)
            if isinstance(value, Opaque) and isinstance(now, Opaque) and value.value is now.value:
                raise ProofError(
                    f"'{path}' ({type(value.value).__name__}) changes in training, but it is not stored: compute from "
                    "buffers, and draw random numbers from torch's own generator"
                )
        for number in TRIED:
            if not trial.holds(after, running, number):
                raise _refused(next((path for path in running if not trial.holds(after, [path], number)), running[0]))
    finally:
        before.restore()
        load_tensors(module, values)


TRIED = (0, 1, 4, 9, 10, 99, 100, 1000, 10**6)
"""What values that change at every call are replaced by, so that `calls > 500` and `calls % 10 == 0` show."""


@dataclass(frozen=True)
class _Trial:
    """A module after its training, and what it computes then."""

    module: nn.Module
    values: Tensors
    after: Kept
    observe: Callable[[], list[Any]]
    expected: Sequence[Any]

    def holds(self, kept: Kept, paths: Sequence[str], number: int) -> bool:
        """Tell whether it computes the same with other things kept and, at some paths, a number in their place."""
        self.after.restore()
        kept.restore()
        load_tensors(self.module, self.values)
        try:
            for path in paths:
                kept.put(path, number)
            return all(map(same, self.observe(), self.expected))
        except Exception:  # of any type: what is read matters
            return False


def _refused(path: str) -> ProofError:
    return ProofError(
        f"'{path}' changes in training and decides what the network computes or learns, but it is not stored: make it "
        "a buffer (register_buffer makes it a persistent buffer, which is stored)"
    )


def differing(module: nn.Module, other: nn.Module) -> str | None:
    """Name the first value that two modules of one factory keep, is not stored, and differs between them."""
    kept, others = Kept(module), Kept(other).values
    values = ((path, value) for path, value in kept.values.items() if not isinstance(value, Opaque | type))
    return next((path for path, value in values if not same(value, others.get(path))), None)
