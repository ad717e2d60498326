"""A zoo of small networks as users write them, for images 1x6x6 of 3 classes. All of them can be trained here."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize

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


# ---------------------------------------------------------------- shared and frozen


@animal
def applied_twice() -> nn.Module:
    hidden, act = nn.Linear(8, 8), nn.ReLU()
    return sequential(nn.Linear(36, 8), nn.ReLU(), hidden, act, hidden, act, nn.Linear(8, 3))


@animal
def two_layers_with_one_weight() -> nn.Module:
    first, second = nn.Linear(8, 8), nn.Linear(8, 8)
    second.weight = first.weight
    return sequential(nn.Linear(36, 8), nn.ReLU(), first, nn.ReLU(), second, nn.ReLU(), nn.Linear(8, 3))


@animal
def tied_autoencoder() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = x.flatten(1)
        code = m.encoder(x).tanh()
        return m.head(functional.linear(code, m.encoder.weight.t()).tanh() + x)

    return Written(forward, encoder=nn.Linear(36, 8), head=nn.Linear(36, 3))


@animal
def frozen_first_layer() -> nn.Module:
    first = nn.Linear(36, 12)
    first.requires_grad_(False)
    return sequential(first, nn.ReLU(), nn.Linear(12, 3))


@animal
def frozen_filters_and_batch_norm() -> nn.Module:
    fixed = nn.Conv2d(1, 4, 3)
    fixed.weight.requires_grad_(False)
    norm = nn.BatchNorm2d(4)
    norm.requires_grad_(False)
    return nn.Sequential(fixed, norm, nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


@animal
def never_used_layer() -> nn.Module:
    return Written(
        lambda m, x: m.head(m.body(x.flatten(1)).relu()),
        body=nn.Linear(36, 8),
        unused=nn.Linear(5, 4),
        head=nn.Linear(8, 3),
    )


# ---------------------------------------------------------------- buffers


@animal
def fixed_position() -> nn.Module:
    module = Written(lambda m, x: m.b(m.a(x.flatten(1) + m.position).relu()), a=nn.Linear(36, 8), b=nn.Linear(8, 3))
    module.register_buffer("position", torch.linspace(-1, 1, 36), persistent=False)
    return module


@animal
def boolean_mask() -> nn.Module:
    return Written(
        lambda m, x: m.b(m.a(torch.where(m.seen, x.flatten(1), 0)).relu()),
        seen=torch.arange(36) % 3 > 0,
        a=nn.Linear(36, 8),
        b=nn.Linear(8, 3),
    )


@animal
def assigned_center() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x.flatten(1))
        if m.training:
            m.center = 0.9 * m.center + 0.1 * x.detach().mean(0)
        return m.b((x - m.center).relu())

    return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3), center=torch.zeros(8))


@animal
def assigned_without_detaching() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x.flatten(1))
        mean = x.mean(0)
        if m.training:
            m.center = (0.9 * m.center.detach() + 0.1 * mean).detach()
        return m.b((x - mean if m.training else x - m.center).relu())

    return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3), center=torch.zeros(8))


@animal
def counts_its_calls_in_a_buffer() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        if m.training:
            m.calls += 1
        return m.b(m.a(x.flatten(1)).tanh() * (1 + 0.1 * m.calls))

    return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3), calls=torch.tensor(0))


@animal
def batch_norm_of_cumulative_statistics() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, momentum=None), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    )


@animal
def batch_norm_without_statistics() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    )


# ---------------------------------------------------------------- in place


@animal
def rescales_its_input_in_place() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x.mul_(0.5).add_(0.5)
        return m.b(m.a(x.flatten(1)).relu())

    return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3))


@animal
def in_place_activation() -> nn.Module:
    return nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(1, 4, 3), nn.ReLU(True), nn.Flatten(), nn.Linear(64, 3))


# ---------------------------------------------------------------- weights that are computed


@animal
def weight_norm_by_hooks() -> nn.Module:
    conv = nn.utils.weight_norm(nn.Conv2d(1, 4, 3))
    return nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


@animal
def weight_norm() -> nn.Module:
    return sequential(parametrizations.weight_norm(nn.Linear(36, 8)), nn.ReLU(), nn.Linear(8, 3))


@animal
def spectral_norm_by_hooks() -> nn.Module:
    return sequential(nn.utils.spectral_norm(nn.Linear(36, 8)), nn.ReLU(), nn.Linear(8, 3))


@animal
def spectral_norm() -> nn.Module:
    return sequential(parametrizations.spectral_norm(nn.Linear(36, 8)), nn.ReLU(), nn.Linear(8, 3))


@animal
def symmetric_weight() -> nn.Module:
    class Symmetric(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight.triu() + weight.triu(1).mT

    hidden = nn.Linear(8, 8)
    parametrize.register_parametrization(hidden, "weight", Symmetric())
    return sequential(nn.Linear(36, 8), nn.ReLU(), hidden, nn.ReLU(), nn.Linear(8, 3))


@animal
def standardized_convolution() -> nn.Module:
    class Standardized(nn.Conv2d):
        def forward(self, input: Tensor) -> Tensor:
            centred = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
            return self._conv_forward(input, centred / (centred.std((1, 2, 3), keepdim=True) + 1e-3), self.bias)

    return nn.Sequential(Standardized(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


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


# ---------------------------------------------------------------- randomness


@animal
def dropout() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Dropout2d(0.3), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 3))


@animal
def numpy_noise() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x.flatten(1)).relu()
        if m.training:
            x = x * torch.from_numpy(np.random.uniform(0.5, 1.5, 8)).float()
        return m.b(x)

    return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3))


@animal
def numpy_gain() -> nn.Module:
    gain = nn.Parameter(torch.from_numpy(np.random.normal(1, 0.5, 8)).float())
    return Written(
        lambda m, x: m.b((m.a(x.flatten(1)) * m.gain).relu()), a=nn.Linear(36, 8), b=nn.Linear(8, 3), gain=gain
    )


@animal
def stochastic_depth() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x.flatten(1)).relu()
        if not m.training or random.random() < 0.5:
            x = x + m.block(x).relu()
        return m.b(x)

    return Written(forward, a=nn.Linear(36, 8), block=nn.Linear(8, 8), b=nn.Linear(8, 3))


@animal
def reparametrized_noise() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = x.flatten(1)
        mean = m.mean(x)
        return m.head(mean + torch.randn_like(mean) * m.spread(x).tanh() if m.training else mean)

    return Written(forward, mean=nn.Linear(36, 8), spread=nn.Linear(36, 8), head=nn.Linear(8, 3))


# ---------------------------------------------------------------- what is pruned because it is declared


def declares(module: nn.Module, **kinds: str) -> nn.Module:
    """Say which weights of the module are prunable."""
    module.prunable = {name.replace("__", "."): kind for name, kind in kinds.items()}  # pyright: ignore
    return module


@animal
def lstm_that_is_pruned() -> nn.Module:
    return declares(lstm(), body__weight_ih_l0="recurrent", body__weight_hh_l1="recurrent", head__weight="output")


@animal
def attention_that_is_pruned() -> nn.Module:
    module: Any = attention()
    declares(module.attend, in_proj_weight="attention", out_proj__weight="attention")
    return module


@animal
def embedding_that_is_pruned() -> nn.Module:
    module: Any = embedding()
    declares(module.table, weight="embedding")
    return module


@animal
def frozen_layer_that_is_pruned() -> nn.Module:
    return declares(frozen_first_layer(), **{"1__weight": "hidden", "3__weight": "output"})


@animal
def matrix_and_weight_norm_that_are_pruned() -> nn.Module:
    module: Any = Written(
        lambda m, x: m.head((x.flatten(1) @ m.matrix).tanh()),
        matrix=nn.Parameter(torch.randn(36, 8) / 6),
        head=parametrizations.weight_norm(nn.Linear(8, 3)),
    )
    return declares(module, matrix="hidden", head__parametrizations__weight__original1="output")


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
