"""Layers of all kinds, and modules with hooks, lists and counters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.support.zoo.written import Written, animal, sequential

# ---------------------------------------------------------------- recurrent, attention, embeddings


@animal
def lstm() -> nn.Module:
    return Written(
        lambda m, x: m.head(m.body(x.squeeze(1))[0][:, -1]),
        body=nn.LSTM(6, 7, num_layers=2, batch_first=True),
        head=nn.Linear(7, 3),
    )


@animal
def gru_both_ways() -> nn.Module:
    return Written(
        lambda m, x: m.head(m.body(x.squeeze(1))[0].mean(1)),
        body=nn.GRU(6, 5, batch_first=True, bidirectional=True),
        head=nn.Linear(10, 3),
    )


@animal
def unrolled_recurrence() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), 8)
        for row in x.squeeze(1).unbind(1):
            state = (m.read(row) + m.recur(state)).tanh()
        return m.head(state)

    return Written(forward, read=nn.Linear(6, 8), recur=nn.Linear(8, 8, bias=False), head=nn.Linear(8, 3))


@animal
def attention() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        tokens = m.embed(x.squeeze(1)) + m.position
        return m.head((tokens + m.attend(tokens, tokens, tokens)[0]).mean(1))

    parts = {"embed": nn.Linear(6, 8), "attend": nn.MultiheadAttention(8, 2, batch_first=True), "head": nn.Linear(8, 3)}
    return Written(forward, position=nn.Parameter(torch.zeros(6, 8)), **parts)


@animal
def transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    return Written(
        lambda m, x: m.head(m.body(m.embed(x.squeeze(1))).mean(1)),
        embed=nn.Linear(6, 8),
        body=nn.TransformerEncoder(layer, 1, enable_nested_tensor=False),
        head=nn.Linear(8, 3),
    )


@animal
def embedding() -> nn.Module:
    return Written(
        lambda m, x: m.head(m.table((x.flatten(1) > 0).long() + 2 * torch.arange(36)).mean(1).tanh()),
        table=nn.Embedding(72, 8),
        head=nn.Linear(8, 3),
    )


# ---------------------------------------------------------------- convolutions


@animal
def transposed() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 6, 2, stride=2),
        nn.ReLU(),
        nn.Conv2d(6, 4, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 3),
    )


@animal
def grouped_and_depthwise() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=8, padding=1),
        nn.Conv2d(8, 12, 3, groups=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 3),
    )


@animal
def flattens_with_view() -> nn.Module:
    return Written(
        lambda m, x: m.head(m.conv(x).relu().view(len(x), -1)), conv=nn.Conv2d(1, 8, 3), head=nn.Linear(128, 3)
    )


@animal
def one_dimensional() -> nn.Module:
    return Written(
        lambda m, x: m.head(m.conv(x.squeeze(1)).relu().flatten(1)), conv=nn.Conv1d(6, 5, 3), head=nn.Linear(20, 3)
    )


@animal
def group_and_instance_norm() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.InstanceNorm2d(4, affine=True), nn.Flatten(),
        nn.Linear(64, 3),
    )  # fmt: skip


# ---------------------------------------------------------------- other


@animal
def counts_its_calls_for_a_log() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        m.calls += 1
        m.last = x.shape[0]
        return m.b(m.a(x.flatten(1)).relu())

    return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3), calls=0, last=None)


@animal
def several_heads() -> nn.Module:
    return Written(
        lambda m, x: torch.cat([head(m.body(x.flatten(1)).relu()) for head in m.heads], 1),
        body=nn.Linear(36, 8),
        heads=nn.ModuleList(nn.Linear(8, 1) for _ in range(3)),
    )


@animal
def parameter_list_and_dict() -> nn.Module:
    return Written(
        lambda m, x: m.head((x.flatten(1) @ m.matrices[0]).tanh() * m.scales["hidden"]),
        matrices=nn.ParameterList([nn.Parameter(torch.randn(36, 8) / 6)]),
        scales=nn.ParameterDict({"hidden": nn.Parameter(torch.ones(8))}),
        head=nn.Linear(8, 3),
    )


@animal
def hook_that_scales() -> nn.Module:
    def doubled(layer: nn.Module, inputs: Any, outputs: Any) -> Any:
        return 2 * outputs

    hidden = nn.Linear(36, 8)
    hidden.register_forward_hook(doubled)
    return sequential(hidden, nn.ReLU(), nn.Linear(8, 3))


@animal
def prelu_and_layer_norm() -> nn.Module:
    return sequential(nn.Linear(36, 8), nn.PReLU(), nn.LayerNorm(8), nn.Linear(8, 3))
