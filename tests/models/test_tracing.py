"""Modules are traced into a graph of layers and functions."""

from __future__ import annotations

import torch
from torch import nn

from lth_core.models.tracing import traced


class OtherBatchNorm(nn.BatchNorm2d):
    """A batch norm that computes in another way."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input) if float(input.sum()) < 1e9 else input


def test_a_batch_norm_of_any_kind_is_one_layer() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 1), OtherBatchNorm(2))
    graph = traced(module)
    assert [node.target for node in graph.graph.nodes if node.op == "call_module"] == ["0", "1"]
    images = torch.randn(2, 1, 3, 3)
    assert torch.equal(graph.eval()(images), module.eval()(images))
