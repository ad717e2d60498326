"""Channels that can be removed: networks without them compute what masked ones do, or are refused in one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lth_core.config import Method
from lth_core.models import channels as module_under_test
from lth_core.models.channels import ChannelsError, removable_channels
from lth_core.models.inputs import TokenShape
from lth_core.models.layers import prunable_layers
from lth_core.models.shrinking import shrink
from lth_core.pruning.exclusions import prunable
from lth_core.pruning.prune import full_mask
from lth_core.pruning.rounds import next_mask
from lth_core.registry import model
from lth_core.tickets.rewinding import apply_mask
from tests.models.test_catalogue import build

SHAPE = (3, 16, 16)


def randomized(module: nn.Module, seed: int = 0) -> nn.Module:
    """With biases and statistics of batch norm that are not 0 or 1: removed channels have other outputs than 0."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for value in (*module.parameters(), *module.buffers()):
            if value.ndim == 1 and value.is_floating_point():
                value.uniform_(0.5, 1.5)
    return module.eval()


def masked_by(module: nn.Module, shape: Sequence[int], **options: Any) -> tuple[nn.Module, dict[str, np.ndarray]]:
    """The network under the mask of a method's first level, put into its weights, and that mask."""
    method = Method.model_validate({"granularity": "channel", "levels": 1, **options})
    layers = prunable(prunable_layers(module, shape), method.exclude)
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    seen = dict.fromkeys(("initial", "trained_from", "trained"), weights)
    listed = {"groups": removable_channels(module, shape)}
    mask = next_mask(method, layers, 1, 0, full_mask(weights, layers), **seen, consumers={}, channels=listed)
    module.load_state_dict({name: torch.from_numpy(value) for name, value in apply_mask(weights, mask).items()})
    return module.eval(), mask


def assert_same(module: nn.Module, mask: dict[str, np.ndarray], shape: Sequence[int], inputs: Tensor) -> nn.Module:
    """The shrunk network computes what the masked one does, and has exactly the weights that the mask keeps."""
    small = shrink(module, shape)
    with torch.no_grad():
        expected, actual = module(inputs), small(inputs)
    assert (actual - expected).abs().max() <= 1e-5 * max(1, expected.abs().max())
    assert {name: small.get_parameter(name).numel() for name in mask} == {n: int(m.sum()) for n, m in mask.items()}
    return small


NETWORKS = {
    "lenet": {"hidden": [30, 20]},
    "conv-2": {"width": 0.1},
    "conv-4": {"width": 0.1},
    "conv-6": {"width": 0.1},
    "vgg-11": {"width": 0.1},
    "vgg-16": {"width": 0.1},
    "resnet-8": {},
    "resnet-20": {"width": 0.5},
    "resnet50": {},
}


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, {"densities": [0.4], "scope": "global"}) for name in NETWORKS]
    + [(name, {"rate": 0.5}) for name in NETWORKS if name != "resnet50"],
)
def test_built_in_networks_without_channels_compute_what_masked_ones_do(name: str, options: dict) -> None:
    module = randomized(build(name, SHAPE, **NETWORKS[name]))
    module, mask = masked_by(module, SHAPE, **options)
    assert_same(module, mask, SHAPE, torch.randn(3, *SHAPE))


def test_all_of_a_residual_network_but_images_and_classes_has_channels() -> None:
    listed = removable_channels(build("resnet-20", SHAPE), SHAPE)
    assert [group["size"] for group in listed] == [16, 16, 16, 16, 32, 32, 32, 32, 64, 64, 64, 64]
    (stream,) = [group for group in listed if ("fc.weight", 1, 0) in group["columns"]]
    assert {name for name, _, _ in stream["rows"]} == {
        "stages.stage3.0.shortcut.conv.weight",
        *(f"stages.stage3.{block}.conv2.weight" for block in range(3)),
    }


@pytest.mark.parametrize("tied", [False, True])
def test_a_transformer_loses_heads_and_the_width_of_its_mlps(tied: bool) -> None:
    shape = TokenShape((8,))
    module = randomized(model.get("transformer")(11, 8, heads=4, width=16, tied=tied))
    module, mask = masked_by(module, shape, fractions={"*.attention.weight": 0.5, "*.mlp.0.weight": 0.25})
    small = assert_same(module, mask, shape, torch.randint(0, 11, (3, 8)))
    block = small.get_submodule("blocks.1")
    assert (block.heads.heads, block.projection.in_features, block.mlp[2].in_features) == (2, 8, 48)


# ---------------------------------------------------------------- networks of users


class Dense(nn.Module):
    """Concatenates what it has with what it computes, as DenseNet does, and gates channels (squeeze-and-excitation)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.grown = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 4, 3, padding=1)
        self.norm, self.narrow = nn.BatchNorm2d(10), nn.Conv2d(10, 8, 1)
        self.squeeze, self.excite = nn.Conv2d(8, 3, 1), nn.Conv2d(3, 8, 1)
        self.depthwise, self.scores = nn.Conv2d(8, 16, 3, groups=8, bias=False), nn.Linear(16 * 49, 5)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.stem(images).relu()
        hidden = self.narrow(self.norm(torch.cat([hidden, self.grown(hidden)], dim=1)).relu())
        gates = self.excite(self.squeeze(hidden.mean((2, 3), keepdim=True)).relu()).sigmoid()
        hidden = nn.functional.max_pool2d(self.depthwise(hidden * gates).relu(), 2)
        return self.scores(hidden.flatten(1))


def test_concatenation_gates_and_depthwise_convolutions_are_supported() -> None:
    module, mask = masked_by(randomized(Dense()), SHAPE, rate=0.4)
    small = assert_same(module, mask, SHAPE, torch.randn(3, *SHAPE))
    assert small.norm.num_features == 6 and small.depthwise.groups == 5 and small.squeeze.out_channels == 2


def grouped() -> nn.Module:
    """Convolutions of two groups: their inputs and outputs stay, the channels before them do not."""
    first = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU())
    rest = (nn.Conv2d(8, 4, 3, groups=2), nn.Flatten(), nn.Linear(400, 3))
    return nn.Sequential(first, *rest)


def test_channels_that_a_grouped_convolution_reads_or_computes_stay() -> None:
    listed = removable_channels(grouped(), SHAPE)
    assert [(group["size"], group["rows"]) for group in listed] == [(6, [("0.0.weight", 1, 0)])]
    module, mask = masked_by(randomized(grouped()), SHAPE, rate=0.5)
    assert_same(module, mask, SHAPE, torch.randn(3, *SHAPE))


class Viewing(nn.Module):
    """Says how many units a smaller network would no longer have."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(16, 6), nn.Linear(6, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.second(self.first(images.view(-1, 16)).relu().view(-1, 6))


class Branching(Viewing):
    def forward(self, images: Tensor) -> Tensor:
        hidden = self.first(images.flatten(1))
        return self.second(hidden if hidden.sum() > 0 else -hidden)


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (Viewing, r"this network cannot be made smaller \(RuntimeError: .*\)"),
        (Branching, r"this network cannot be traced with inputs of shape \(1, 4, 4\), so it is not known which"),
        (lambda: nn.Sequential(nn.Flatten(2), nn.LSTM(16, 4)), "this network cannot be traced"),
    ],
)
def test_what_cannot_be_proved_is_refused_in_one_line(build: Callable[[], nn.Module], line: str) -> None:
    with pytest.raises(ChannelsError, match=rf"^{line}[^\n]*$"):
        removable_channels(build(), (1, 4, 4))


def test_groups_that_change_the_function_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build("resnet-8", SHAPE, width=0.25)
    groups = module_under_test.known_groups(network, SHAPE)
    wrong = [g.__class__(g.size, tuple(a for a in g.axes if "conv1" not in a.tensor or a.axis != 1)) for g in groups]
    monkeypatch.setattr(module_under_test, "known_groups", lambda *_: wrong)
    with pytest.raises(ChannelsError, match=r"^(without channels this network would|this network cannot be made)"):
        removable_channels(network, SHAPE)


# ---------------------------------------------------------------- networks at random


class Random(nn.Module):
    """A network drawn from a list of choices: chains, sums, concatenations, pooling, batch norm, then a flatten."""

    def __init__(self, choices: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleDict()
        self.choices = [*choices]
        self.eval()(torch.zeros(2, 2, 8, 8))  # which builds the layers

    def _layer(self, name: str, make: Callable[[], nn.Module]) -> nn.Module:
        if name not in self.layers:
            self.layers[name] = make()
        return self.layers[name]

    def forward(self, images: Tensor) -> Tensor:
        values, width = [images], [2]
        for index, choice in enumerate(self.choices):
            source, kind = (choice // 8) % len(values), choice % 8
            value, channels, name = values[source], width[source], str(index)
            other = next((i for i in range(len(values)) if i != source and width[i] == channels), source)
            if kind in (0, 1, 2):
                outputs = 3 + choice % 3
                convolution = self._layer(
                    name, lambda c=channels, o=outputs, k=kind: nn.Conv2d(c, o, 3, padding=1, bias=k > 0)
                )
                value, channels = convolution(value), outputs
            elif kind == 3:
                value = self._layer(name, lambda c=channels: nn.BatchNorm2d(c))(value).relu()
            elif kind == 4:
                value = value + values[other]
            elif kind == 5:
                value, channels = torch.cat([value, values[-1]], dim=1), channels + width[-1]
            elif kind == 6:
                value = nn.functional.avg_pool2d(value, 3, 1, 1)
            else:
                depthwise = self._layer(name, lambda c=channels: nn.Conv2d(c, 2 * c, 3, padding=1, groups=c))
                value, channels = depthwise(value).sigmoid(), 2 * channels
            values.append(value)
            width.append(channels)
        flat = values[-1].flatten(1) if self.choices[0] % 2 else values[-1].mean((2, 3))
        features = width[-1] * (64 if self.choices[0] % 2 else 1)
        return self._layer("scores", lambda: nn.Linear(features, 3))(flat)


@settings(max_examples=40, deadline=None)
@given(choices=st.lists(st.integers(0, 63), min_size=2, max_size=9), seed=st.integers(0, 9))
def test_random_networks_are_shrunk_to_the_same_function_or_refused(choices: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    module, shape = randomized(Random(choices), seed), (2, 8, 8)
    try:
        removed = [group for group in removable_channels(module, shape) if group["size"] > 1]
    except ChannelsError as error:
        assert "\n" not in str(error)
        return
    if removed:
        module, mask = masked_by(module, shape, rate=0.5)
        assert_same(module, mask, shape, torch.randn(3, *shape))
