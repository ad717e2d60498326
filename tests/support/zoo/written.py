"""What the animals of the zoo are made with, and where they are listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

ZOO: dict[str, Callable[[], nn.Module]] = {}


def animal(factory: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    ZOO[factory.__name__] = factory
    return factory


class Written(nn.Module):
    """A module of some parts with a forward of its own."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor], **parts: Any):
        super().__init__()
        self.written = forward
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, images: Tensor) -> Tensor:
        return self.written(self, images)


def sequential(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), *layers)
