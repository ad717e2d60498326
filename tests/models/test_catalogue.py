"""Models: the papers' weight counts, kinds and names, shapes, and what is refused."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn

from lth_core.config import Initialization
from lth_core.models.initialization import initialize, initialize_cohort
from lth_core.models.layers import prunable_layers, prunable_weights
from lth_core.models.requirements import ModelError
from lth_core.registry import model

MNIST, CIFAR, PHOTO = (1, 28, 28), (3, 32, 32), (3, 224, 224)
CONVOLUTIONAL = [
    *("conv-2", "conv-4", "conv-6", "vgg-11", "vgg-16", "vgg-19"),
    *("resnet-8", "resnet-14", "resnet-20", "resnet-32", "resnet-56", "resnet-110", "resnet18", "resnet50"),
]
NAMES = ["lenet", *CONVOLUTIONAL]


def build(name: str, input_shape=CIFAR, classes: int = 10, **options) -> nn.Module:
    return model.call(name, {"classes": classes, "input_shape": input_shape}, options)


def without_storage(name: str, input_shape=CIFAR, classes: int = 10, **options) -> nn.Module:
    """The network's shapes only, so that counting the weights of large networks is instant."""
    with torch.device("meta"):
        return build(name, input_shape, classes, **options)


def weight_counts(module: nn.Module) -> dict[str, int]:
    return {name: module.get_parameter(name).numel() for name in prunable_weights(module)}


def counts_by_kind(module: nn.Module, input_shape=CIFAR) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for name, kind in prunable_layers(module, input_shape).items():
        counts[kind] += weight_counts(module)[name]
    return dict(counts)


# ---------------------------------------------------------------- the catalogue


def test_the_options_of_a_network_are_read_from_its_signature():
    assert list(model.options("lenet")) == ["hidden", "dropout"]
    assert list(model.options("conv-4")) == ["width", "dropout"]
    assert list(model.options("vgg-16")) == ["width"]
    assert list(model.options("resnet18")) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_network_ends_in_its_one_output_layer(name):
    kinds = list(prunable_layers(without_storage(name, classes=7), CIFAR).values())
    assert kinds.count("output") == 1
    assert kinds[-1] == "output"


# ---------------------------------------------------------------- weight counts (Frankle & Carbin 2019)


@pytest.mark.parametrize(
    ("name", "input_shape", "counts"),
    [
        ("lenet", MNIST, {"hidden": 235200 + 30000, "output": 1000}),
        ("conv-2", CIFAR, {"conv": 38592, "hidden": 4194304 + 65536, "output": 2560}),
        ("conv-4", CIFAR, {"conv": 259776, "hidden": 2097152 + 65536, "output": 2560}),
        ("conv-6", CIFAR, {"conv": 1144512, "hidden": 1048576 + 65536, "output": 2560}),
        ("resnet-20", CIFAR, {"conv": 267696 + 2560, "output": 640}),
        ("vgg-16", CIFAR, {"conv": 14710464, "output": 5120}),
        ("vgg-19", CIFAR, {"conv": 20018880, "output": 5120}),
    ],
)
def test_weight_counts_are_the_papers(name, input_shape, counts):
    assert counts_by_kind(without_storage(name, input_shape), input_shape) == counts


@pytest.mark.parametrize(
    ("name", "input_shape", "total"),
    [("lenet", MNIST, 266200), ("conv-2", CIFAR, 4300992), ("conv-4", CIFAR, 2425024), ("conv-6", CIFAR, 2261184)],
)
def test_total_weight_counts_are_the_papers(name, input_shape, total):
    assert sum(weight_counts(without_storage(name, input_shape)).values()) == total


def test_the_shortcuts_of_a_resnet_are_told_apart_by_name():
    counts = weight_counts(without_storage("resnet-20"))
    shortcuts = {name: count for name, count in counts.items() if ".shortcut." in name}
    assert shortcuts == {"stages.stage2.0.shortcut.conv.weight": 512, "stages.stage3.0.shortcut.conv.weight": 2048}
    assert sum(counts.values()) - sum(shortcuts.values()) - counts["fc.weight"] == 267696


@pytest.mark.parametrize(
    ("name", "convolutions"),
    [
        *(("vgg-11", 8), ("vgg-16", 13), ("vgg-19", 16)),
        *(("resnet-8", 7), ("resnet-14", 13), ("resnet-20", 19)),
        *(("resnet-32", 31), ("resnet-56", 55), ("resnet-110", 109)),
    ],
)
def test_depth_is_the_number_of_layers_without_shortcuts(name, convolutions):
    layers = prunable_layers(without_storage(name), CIFAR)
    assert sum(kind == "conv" and ".shortcut." not in weight for weight, kind in layers.items()) == convolutions


@pytest.mark.parametrize(("name", "parameters"), [("resnet18", 11689512), ("resnet50", 25557032)])
def test_the_larger_resnets_are_torchvisions(name, parameters):
    network = without_storage(name, PHOTO, classes=1000)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


# ---------------------------------------------------------------- shapes and options


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("input_shape", [(1, 32, 32), (5, 17, 34)])
def test_any_number_of_channels_and_odd_sizes_give_one_score_per_class(name, input_shape):
    network = without_storage(name, input_shape, classes=7)
    assert network(torch.empty(2, *input_shape, device="meta")).shape == (2, 7)


@pytest.mark.parametrize("name", ["resnet-20", "resnet18"])
def test_residual_networks_take_images_of_any_size(name):
    assert without_storage(name)(torch.empty(2, 3, 8, 11, device="meta")).shape == (2, 10)


@pytest.mark.parametrize("name", ["lenet", "conv-2", "resnet-20"])
def test_scores_are_finite_and_depend_on_the_image(name):
    scores = build(name, (1, 8, 8)).eval()(torch.rand(3, 1, 8, 8))
    assert torch.isfinite(scores).all()
    assert (scores[0] != scores[1]).all()


def test_lenet_takes_any_hidden_sizes_and_flat_inputs():
    assert weight_counts(build("lenet", (64,), hidden=[5])) == {"fc1.weight": 320, "fc2.weight": 50}
    assert prunable_layers(build("lenet", (64,), hidden=[]), (64,)) == {"fc1.weight": "output"}


def test_width_multiplies_filters_and_hidden_units():
    half = without_storage("conv-2", width=0.5)
    assert [half.get_parameter(name).shape[0] for name in prunable_weights(half)] == [32, 32, 128, 128, 10]
    assert without_storage("vgg-11", width=2).get_parameter("fc.weight").shape == (10, 1024)
    assert without_storage("resnet-20", width=2).get_parameter("fc.weight").shape == (10, 128)


@pytest.mark.parametrize("name", ["lenet", "conv-2"])
def test_dropout_acts_after_every_hidden_linear_layer(name):
    network = build(name, (1, 8, 8), dropout=0.5)
    kinds = [type(layer).__name__ for layer in network]
    assert kinds[kinds.index("Flatten") + 1 :] == ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]
    assert not any(isinstance(layer, nn.Dropout) for layer in build(name, (1, 8, 8)))


@pytest.mark.parametrize(
    ("name", "input_shape", "options", "needed"),
    [
        ("conv-2", (1, 1, 1), {}, "conv-2 needs images of at least 2x2 pixels, not 1x1"),
        ("conv-6", (3, 7, 32), {}, "conv-6 needs images of at least 8x8 pixels, not 7x32"),
        ("vgg-19", (1, 8, 8), {}, "vgg-19 needs images of at least 16x16 pixels, not 8x8"),
        ("resnet-20", (64,), {}, "resnet-20 needs images (channels, height, width), not inputs of shape (64,)"),
        ("resnet18", (64,), {}, "resnet18 needs images (channels, height, width), not inputs of shape (64,)"),
        ("conv-4", CIFAR, {"width": 0}, "conv-4: width must be a number above 0, not 0"),
        ("vgg-11", CIFAR, {"width": "wide"}, "vgg-11: width must be a number above 0, not 'wide'"),
        ("conv-4", CIFAR, {"dropout": 1.0}, "conv-4: dropout must be in [0, 1), not 1.0"),
        ("lenet", MNIST, {"dropout": -0.1}, "lenet: dropout must be in [0, 1), not -0.1"),
        ("lenet", MNIST, {"hidden": 300}, "lenet: hidden must be a list of positive whole numbers, not 300"),
        ("lenet", MNIST, {"hidden": [300, 0]}, "lenet: hidden must be a list of positive whole numbers, not [300, 0]"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(name, input_shape, options, needed):
    with pytest.raises(ModelError) as refused:
        without_storage(name, input_shape, **options)
    assert str(refused.value).startswith(needed)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "side"), [("conv-2", 2), ("conv-4", 4), ("conv-6", 8), ("vgg-11", 16), ("vgg-19", 16)]
)
def test_the_smallest_image_named_in_the_message_does_work(name, side):
    network = without_storage(name, (1, side, side))
    assert network(torch.empty(2, 1, side, side, device="meta")).shape == (2, 10)


# ---------------------------------------------------------------- layers of a user's own network


class OwnNetwork(nn.Module):
    """Something a user might plug in: branches, batch norm, biases everywhere, a forward of its own."""

    def __init__(self, classes: int, channels: int):
        super().__init__()
        self.left = nn.Conv2d(channels, 4, 3)
        self.right = nn.Conv2d(channels, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.register_buffer("scale", torch.ones(4, 1, 1))
        self.head = nn.Linear(4, classes)

    def forward(self, images):
        return self.head((self.norm(self.left(images) * self.right(images)) * self.scale).mean((2, 3)))


def test_a_users_own_network_plugs_in_by_name(monkeypatch):
    for table in ("_functions", "_facts"):
        monkeypatch.setattr(model, table, dict(getattr(model, table)))

    @model("own-network")
    def own_network(classes, input_shape):
        return OwnNetwork(classes, input_shape[0])

    network = build("own-network", (2, 6, 6))
    assert network(torch.rand(3, 2, 6, 6)).shape == (3, 10)
    layers = {"left.weight": "conv", "right.weight": "conv", "head.weight": "output"}
    assert prunable_layers(network, (2, 6, 6)) == layers
    assert set(initialize(lambda: network, Initialization(), seed=0)) == set(network.state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_networks_said_to_take_images_of_any_size_have_the_same_weights_for_all_sizes(name: str):
    small, large = (
        {key: value.shape for key, value in without_storage(name, (3, side, side)).named_parameters()}
        for side in (32, 48)
    )
    assert (small == large) == model.facts(name).get("any_size", False)


def test_a_network_that_ends_in_a_convolution_has_it_as_output():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Linear(4, 4), nn.ConvTranspose2d(4, 10, 1))
    assert list(prunable_layers(network, (1, 6, 6)).values()) == ["conv", "hidden", "output"]


def test_a_shared_weight_counts_once():
    encoder, decoder = nn.Linear(5, 5), nn.Linear(5, 5)
    decoder.weight = encoder.weight
    assert prunable_layers(nn.Sequential(encoder, decoder, nn.Linear(5, 2)), (5,)) == {
        "0.weight": "hidden",
        "2.weight": "output",
    }


def test_a_network_without_prunable_layers_has_none():
    assert prunable_layers(nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4)), (4,)) == {}
    assert prunable_layers(nn.Linear(3, 2), (3,)) == {"weight": "output"}


def test_a_stacked_network_computes_what_its_replicates_compute_alone():
    network = build("lenet", (1, 8, 8))
    images = torch.rand(2, 3, 1, 8, 8)
    drawn = initialize_cohort(lambda: network, Initialization(), seeds=[0, 1])
    weights = {name: torch.from_numpy(tensor) for name, tensor in drawn.items()}
    together = torch.func.vmap(lambda w, x: torch.func.functional_call(network, w, (x,)))(weights, images)
    for replicate in range(2):
        network.load_state_dict({name: tensor[replicate] for name, tensor in weights.items()})
        torch.testing.assert_close(together[replicate], network(images[replicate]))
