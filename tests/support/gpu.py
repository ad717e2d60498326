"""What the tests of a GPU share."""

from __future__ import annotations

import pytest
import torch

from lth_core.engine.cuda_graph import GraphedStep

DEVICE = torch.device("cuda")
needs_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")


class Seen(GraphedStep):
    """A step that can be looked at after a training, which leaves it in `all`."""

    all: list[GraphedStep]

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.all.append(self)
