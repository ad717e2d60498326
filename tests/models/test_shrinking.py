"""Shrinking: smaller networks with the same outputs, whatever the constants that pruned filters leave behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lth_core import registry
from lth_core.config import Method
from lth_core.models.layers import prunable_layers
from lth_core.models.shrinking import ShrinkingError, consumers_of, shrink
from lth_core.pruning.exclusions import prunable
from lth_core.pruning.prune import counts, full_mask
from lth_core.pruning.rounds import next_mask
from lth_core.pruning.structured import prune_filters
from lth_core.tickets.masking import prune_masks
from lth_core.tickets.rewinding import apply_mask
from tests.models.test_catalogue import build
from tests.support.zoo import ZOO

SHAPE = (3, 16, 16)
INNER = {  # layers whose filters can go: (options, pruned weights)
    "lenet": ({"hidden": [30, 20]}, ["fc1.weight", "fc2.weight"]),
    "conv-2": ({"width": 0.25}, ["conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight"]),
    "conv-4": ({"width": 0.25}, ["conv1.weight", "conv4.weight", "fc1.weight"]),
    "conv-6": ({"width": 0.25}, ["conv1.weight", "conv3.weight", "conv6.weight"]),
    "vgg-11": ({"width": 0.25}, ["conv1.weight", "conv4.weight", "conv8.weight"]),
    "resnet-8": ({"width": 1.0}, ["stages.stage1.0.conv1.weight", "stages.stage2.0.conv1.weight"]),
}


def pruned(name: str, fraction: float = 0.5, biases: bool = True, seed: int = 0) -> tuple[nn.Module, dict[str, int]]:
    """A network with that fraction of some layers' filters zero, and how many are left in each.

    With `biases`, biases and the statistics of batch norm are random, so that zero filters have other outputs than 0.
    """
    options, layers = INNER[name]
    torch.manual_seed(seed)
    module = build(name, SHAPE, **options)
    left = {}
    with torch.no_grad():
        for key, value in module.state_dict().items():
            if value.ndim == 1 and "var" in key:
                value.uniform_(0.5, 1.5)
            elif value.ndim == 1:
                value.normal_() if biases else value.zero_()
        for layer in layers:
            weight = module.get_parameter(layer)
            gone = torch.randperm(len(weight))[: round(fraction * len(weight))]
            weight[gone] = 0
            left[layer] = len(weight) - len(gone)
    return module.eval(), left


def sizes(module: nn.Module, layers: dict[str, int]) -> dict[str, int]:
    return {layer: len(module.get_parameter(layer)) for layer in layers}


@pytest.mark.parametrize("name", INNER)
def test_outputs_equal_those_of_the_masked_network(name: str) -> None:
    module, left = pruned(name)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    small = shrink(module, SHAPE)
    images = torch.randn(5, *SHAPE)
    with torch.no_grad():
        expected, actual = module(images), small(images)
    assert (actual - expected).abs().max() <= 1e-5 * max(1, expected.abs().max())
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    for layer, count in sizes(small, left).items():
        # One constant unit may stay in front of a convolution, to stand for all of them at the padded borders.
        assert count in (left[layer], left[layer] + 1)
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in module.parameters())


def test_without_constants_exactly_the_kept_filters_are_left() -> None:
    module, left = pruned("conv-2", biases=False)
    small = shrink(module, SHAPE)
    assert sizes(small, left) == left
    assert (small.conv1.out_channels, small.conv2.in_channels) == (left["conv1.weight"],) * 2
    assert small.fc1.in_features == left["conv2.weight"] * 8 * 8  # as many entries per filter as positions
    assert (small.fc3.in_features, small.fc3.out_features) == (left["fc2.weight"], module.fc3.out_features)


def test_constants_go_into_the_bias_of_a_linear_consumer() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1, bias=False))
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]))
        module[0].bias.copy_(torch.tensor([0.0, 2.0, -3.0]))  # ReLU leaves 2 of the second, nothing of the third
        module[2].weight.copy_(torch.tensor([[1.0, 5.0, 7.0]]))
    small = shrink(nn.Sequential(nn.Flatten(), module), (2, 1, 1))[1]
    assert small[0].weight.tolist() == [[1.0, 1.0]] and small[0].bias.tolist() == [0.0]
    assert small[2].weight.tolist() == [[1.0]] and small[2].bias.tolist() == [10.0]


def test_units_that_nothing_reads_go_too() -> None:
    module, _ = pruned("lenet", fraction=0.0)
    with torch.no_grad():
        module.fc2.weight[:, :10] = 0
    small = shrink(module, SHAPE)
    assert small.fc1.out_features == 20 and small.fc2.in_features == 20


def test_silent_units_whose_output_is_not_the_same_everywhere_stay() -> None:
    """Average pooling mixes the constant with the zeros it pads with, which the bias of the linear layer cannot."""
    pooled = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(3, stride=1, padding=1))
    module = nn.Sequential(*pooled, nn.Flatten(), nn.Linear(4 * 16 * 16, 5)).eval()
    with torch.no_grad():
        module[0].weight[:2] = 0
        module[0].bias.copy_(torch.tensor([2.0, -1.0, 0.5, 0.5]))  # ReLU leaves 2 of the first, nothing of the second
        images = torch.randn(3, *SHAPE)
        small = shrink(module, SHAPE)
        assert (small(images) - module(images)).abs().max() <= 1e-5
    assert small[0].bias.tolist() == [2.0, 0.5, 0.5]


def test_units_of_a_residual_sum_stay() -> None:
    module, _ = pruned("resnet-8", fraction=0.0)
    with torch.no_grad():
        module.stages.stage1[0].conv2.weight[:8] = 0
    small = shrink(module, SHAPE)
    assert small.stages.stage1[0].conv2.out_channels == module.stages.stage1[0].conv2.out_channels


def test_of_a_block_only_the_first_convolution_has_removable_filters() -> None:
    network = build("resnet-8", (3, 32, 32), width=0.25)
    firsts = [f"stages.stage{stage}.0.conv1.weight" for stage in (1, 2, 3)]
    consumers = consumers_of(network, (3, 32, 32))
    assert consumers == {first: (first.replace("conv1", "conv2"), 1) for first in firsts}


@pytest.mark.parametrize("name", INNER)
def test_a_masks_density_is_that_of_the_network_left(name: str) -> None:
    options, pruned_layers = INNER[name]
    module = build(name, SHAPE, **options)
    layers = prunable_layers(module, SHAPE)
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    fraction = {layer: 0.3 if layer in pruned_layers else 0.0 for layer in layers}
    scores = {layer: np.abs(weights[layer]) for layer in layers}
    mask = prune_filters(scores, full_mask(weights, layers), fraction, consumers_of(module, SHAPE))
    module.load_state_dict({name: torch.from_numpy(value) for name, value in apply_mask(weights, mask).items()})
    small = shrink(module, SHAPE)
    assert {layer: [small.get_parameter(layer).numel()] for layer in layers} == counts([mask])["kept"]


@pytest.mark.parametrize("exclude", [["output"], ["conv2.*"], ["fc*"], ["fc1.*", "conv2.*"]])
@pytest.mark.parametrize("iterative", [True, False])
def test_so_it_is_where_a_layer_that_reads_removed_filters_is_excluded(exclude: list[str], iterative: bool) -> None:
    module, _ = pruned("conv-2", fraction=0.0)  # with biases, so that removed filters have constant outputs
    every = prunable_layers(module, SHAPE)
    layers, consumers = prunable(every, exclude), consumers_of(module, SHAPE)
    patterns = {name: 0.3 for name, kind in layers.items() if kind != "output"}
    method = Method(granularity="filter", fractions=patterns, exclude=exclude, levels=2, iterative=iterative)
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    mask = full_mask(weights, layers)
    for level in (1, 2):
        trained = dict.fromkeys(("initial", "trained_from", "trained"), weights)
        mask = next_mask(method, layers, level, 0, mask, **trained, consumers=consumers)
    module.load_state_dict({name: torch.from_numpy(value) for name, value in apply_mask(weights, mask).items()})
    small = shrink(module, SHAPE)
    left = {layer: [small.get_parameter(layer).numel()] for layer in every}
    kept = counts([mask])
    assert kept["kept"] == {layer: left[layer] for layer in mask}
    assert kept["density"] == sum(left[layer][0] for layer in mask) / sum(weights[layer].size for layer in mask)
    assert {layer for layer in every if left[layer] != [weights[layer].size]} <= set(mask)


def test_a_layer_keeps_at_least_one_unit() -> None:
    module, _ = pruned("lenet", fraction=1.0, biases=False)
    small = shrink(module, SHAPE)
    assert (small.fc1.out_features, small.fc2.out_features) == (1, 1)


def test_a_network_that_cannot_be_traced_is_refused_in_one_line() -> None:
    class Untraceable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.fc(images) if images.sum() > 0 else self.fc(-images)

    with pytest.raises(ShrinkingError, match=r"^this network cannot be traced"):
        shrink(Untraceable(), (3, 1, 1))


@pytest.mark.parametrize("animal", ["lstm", "attention", "embedding", "matrix_and_weight_norm"])
def test_networks_whose_units_are_not_known_are_refused_in_one_line(animal: str) -> None:
    name = f"{animal}_that_are_pruned" if animal.startswith("matrix") else f"{animal}_that_is_pruned"
    with pytest.raises(ShrinkingError, match=r"^this network cannot be traced with inputs of shape \(1, 6, 6\)[^\n]*$"):
        shrink(ZOO[name](), (1, 6, 6))


def test_a_frozen_layer_that_is_pruned_shrinks_like_another() -> None:
    module = ZOO["frozen_layer_that_is_pruned"]()
    with torch.no_grad():
        module.get_parameter("1.weight")[:5] = 0
        module.get_parameter("3.weight")[:, 5:7] = 0
    assert shrink(module, (1, 6, 6)).get_parameter("3.weight").shape == (3, 5)


class Inconstant(nn.Module):
    """Can be traced, and fails when a layer is smaller."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.scores = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.hidden.out_features != 4:
            raise KeyError("four\nunits")
        return self.scores(self.hidden(images.flatten(1)).relu())


@pytest.mark.parametrize("shape", [(3, 1, 1), (2, 1, 1), (3,), 3, (1, 3, 1, 1)])
@pytest.mark.parametrize(
    "network",
    [
        Inconstant,
        lambda: nn.Sequential(nn.Flatten()),
        lambda: nn.LSTM(3, 2),
        lambda: nn.Sequential(nn.ConvTranspose2d(3, 4, 1), nn.ReLU(), nn.ConvTranspose2d(4, 3, 1)),
        lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 3, 1)).to(memory_format=torch.channels_last),
    ],
)
def test_whatever_goes_wrong_is_one_line_of_its_kind(network, shape) -> None:
    module = network()
    with torch.no_grad():
        for value in list(module.parameters())[:2]:
            value[:1] = 0
    try:
        assert isinstance(shrink(module, shape), nn.Module)
    except ShrinkingError as error:
        assert "\n" not in str(error)


def test_a_failing_smaller_network_says_how_it_fails() -> None:
    module = Inconstant()
    with torch.no_grad():
        module.hidden.weight[0] = 0
    with pytest.raises(ShrinkingError, match=r"^this network cannot be shrunk \(KeyError: .*four.*\)$"):
        shrink(module, (3, 1, 1))


def test_a_masked_module_is_shrunk_without_making_its_masks_permanent_before() -> None:
    module, left = pruned("lenet")
    mask = {layer: module.get_parameter(layer) != 0 for layer in left}
    small = shrink(prune_masks(module, mask), SHAPE)
    assert sizes(small, left) == left
    images = torch.randn(5, *SHAPE)
    assert torch.allclose(small(images), module(images), atol=1e-4)


def test_tokens_of_a_plain_shape_are_said_as_such() -> None:
    transformer = registry.model.call("transformer", {"vocabulary": 11, "context": 20}, {"width": 8})
    with pytest.raises(
        ShrinkingError, match=r"inputs of shape \(20,\) \(tokens or nodes would need a TokenShape\), so"
    ):
        shrink(transformer, (20,))
