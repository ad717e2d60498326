"""Which modules are read as networks of convolutions: those of known layers, whose steps are the same in evaluation."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from lth_core.engine.convolutions.network import (
    Average,
    BatchNorm,
    Convolution,
    ConvolutionNetwork,
    Linear,
    MaxPool,
    Step,
    Sum,
)
from lth_core.engine.convolutions.reading import read_network
from lth_core.registry import model
from tests.support.zoo.buffers import NormedInEvaluation

SHAPE = (3, 8, 8)


def kinds(network: ConvolutionNetwork | None) -> list[type[Step]]:
    assert network is not None
    return [type(step) for step in network.steps]


class Body(nn.Module):
    """A convolution, whatever a test does with its values, the mean over pixels and a linear layer."""

    def __init__(self, body: Callable[[Body, Tensor], Tensor], **layers: nn.Module):
        super().__init__()
        self.body, self.first, self.last = body, nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 2)
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.body(self, self.first(images)).mean((2, 3)))


def read(body: Callable[[Any, Tensor], Tensor], **layers: nn.Module) -> ConvolutionNetwork | None:
    return read_network(Body(body, **layers), SHAPE)


@pytest.mark.parametrize(
    "name", ["conv-2", "conv-4", "conv-6", "vgg-11", "vgg-16", "vgg-19", "resnet-8", "resnet-20", "resnet-56"]
)
def test_the_networks_of_the_catalogue_are_read(name: str) -> None:
    assert read_network(model.call(name, {"classes": 10, "input_shape": (3, 32, 32)}, {}), (3, 32, 32))


def test_what_follows_a_layer_alone_is_done_by_it() -> None:
    network = read_network(model.call("resnet-8", {"classes": 10, "input_shape": (3, 32, 32)}, {}), (3, 32, 32))
    assert network is not None
    assert not any(isinstance(step, Sum) for step in network.steps)
    sums = [step for step in network.steps if isinstance(step, BatchNorm) and step.added is not None]
    assert len(sums) == 3 and all(step.relu for step in sums)


def test_what_something_else_follows_too_is_a_step_by_itself() -> None:
    assert kinds(read(lambda _, x: torch.relu(x) + x)) == [Convolution, Sum, Sum, Average, Linear]
    assert kinds(read(lambda _, x: torch.relu(x))) == [Convolution, Average, Linear]


def test_modules_functions_and_methods_are_the_same() -> None:
    pools = (
        lambda _, x: functional.max_pool2d(x, 2),
        lambda _, x: functional.max_pool2d(x, kernel_size=(2, 2), stride=2),
        lambda part, x: part.pool(x),
    )
    for pool in pools:
        assert kinds(read(pool, pool=nn.MaxPool2d(2))) == [Convolution, MaxPool, Average, Linear]
    for relu in (lambda _, x: x.relu(), lambda _, x: functional.relu(x, inplace=True), lambda part, x: part.relu(x)):
        assert read(relu, relu=nn.ReLU(inplace=True)) == read(lambda _, x: torch.relu(x))


def test_a_flattened_map_is_all_of_its_numbers() -> None:
    flattens = (nn.Flatten(), lambda x: x.flatten(1), lambda x: x.view(x.size(0), -1), lambda x: torch.flatten(x, 1))

    class Flat(nn.Module):
        def __init__(self, flatten: Callable[[Tensor], Tensor]):
            super().__init__()
            self.first, self.flatten, self.last = nn.Conv2d(3, 4, 3), flatten, nn.Linear(144, 2)

        def forward(self, images: Tensor) -> Tensor:
            return self.last(self.flatten(self.first(images)))

    for flatten in flattens:
        assert kinds(read_network(Flat(flatten), SHAPE)) == [Convolution, Linear]


REFUSED: dict[str, Callable[[], nn.Module]] = {
    "no convolution": lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 2)),
    "groups": lambda: Body(lambda part, x: part.more(x), more=nn.Conv2d(4, 4, 3, padding=1, groups=2)),
    "dilation": lambda: Body(lambda part, x: part.more(x), more=nn.Conv2d(4, 4, 3, dilation=2)),
    "reflection": lambda: Body(lambda part, x: part.more(x), more=nn.Conv2d(4, 4, 1, padding_mode="reflect")),
    "transposed": lambda: Body(lambda part, x: part.more(x), more=nn.ConvTranspose2d(4, 4, 3)),
    "dropout": lambda: Body(lambda part, x: part.more(x), more=nn.Dropout(0.1)),
    "another activation": lambda: Body(lambda _, x: torch.tanh(x)),
    "another norm": lambda: Body(lambda part, x: part.more(x), more=nn.GroupNorm(2, 4)),
    "no statistics": lambda: Body(lambda part, x: part.more(x), more=nn.BatchNorm2d(4, track_running_stats=False)),
    "windows that overlap": lambda: Body(lambda _, x: functional.max_pool2d(x, 3, stride=2, padding=1)),
    "a layer that is used twice": lambda: Body(lambda part, x: part.more(part.more(x)), more=nn.Conv2d(4, 4, 1)),
    "a layer that is not used": lambda: Body(lambda _, x: x, more=nn.Conv2d(4, 4, 1)),
    "a weight that is computed": lambda: Body(lambda part, x: part.more(x), more=weight_norm(nn.Conv2d(4, 4, 1))),
    "noise": lambda: Body(lambda _, x: x + torch.rand(1)),
    "steps that training has alone": lambda: Body(lambda part, x: torch.relu(x) if part.training else x),
    "steps that go by values": lambda: Body(lambda _, x: torch.relu(x) if x.sum() > 0 else x),
    "a value that is changed later": lambda: Body(lambda _, x: functional.relu(x, inplace=True) + x),
    "scores that are maps": lambda: nn.Sequential(nn.Conv2d(3, 4, 3)),
    "several outputs": lambda: Pair(),
    "examples that are flattened": lambda: Ending(lambda x: torch.flatten(x, end_dim=1), 1),
    "means of a type that is asked for": lambda: Ending(lambda x: x.mean((2, 3), dtype=torch.float32), 4),
}


class Ending(nn.Module):
    """A convolution to one pixel, whatever a test does with it, a linear layer."""

    def __init__(self, ending: Callable[[Tensor], Tensor], features: int):
        super().__init__()
        self.ending, self.first, self.last = ending, nn.Conv2d(3, 4, 8), nn.Linear(features, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.ending(self.first(images)))


class Pair(nn.Module):
    """Returns two values."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 8)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.first(images).flatten(1)
        return scores, scores


@pytest.mark.parametrize("what", REFUSED)
def test_everything_else_is_left_to_autograd(what: str) -> None:
    module = REFUSED[what]()
    assert read_network(module, SHAPE) is None
    assert module.training


def add_to(value: Tensor, other: Tensor) -> Tensor:
    """Change a value in place, and return it."""
    value += other
    return value


CHANGED_UNDER_ANOTHER_NAME: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "identity": lambda part, x: part.more(part.relu(part.alias(x))) + x,
    "identity, first": lambda part, x: x + part.more(part.relu(part.alias(x))),
    "dropout of nothing": lambda part, x: part.more(part.relu(part.nothing(x))) + x,
    "two names": lambda part, x: part.relu(part.alias(x)) + part.more(part.nothing(x)),
    "name of a name": lambda part, x: part.more(part.relu(part.alias(part.nothing(x)))) + x,
    "the result is not used": lambda part, x: (part.relu(part.alias(x)), part.more(x))[1],
    "a sum": lambda part, x: part.more(add_to(part.alias(x), torch.relu(x))) + x,
    "a sum, one name": lambda part, x: part.more(add_to(x, torch.relu(x))) + x,
    "operator.iadd": lambda part, x: part.more(operator.iadd(part.alias(x), torch.relu(x))) + x,
}


@pytest.mark.parametrize("what", CHANGED_UNDER_ANOTHER_NAME)
def test_a_value_that_is_changed_under_another_name_and_used_is_left_to_autograd(what: str) -> None:
    layers = {"alias": nn.Identity(), "nothing": nn.Dropout(0.0), "relu": nn.ReLU(inplace=True)}
    assert read(CHANGED_UNDER_ANOTHER_NAME[what], more=nn.Conv2d(4, 4, 3, padding=1), **layers) is None


def test_images_that_are_changed_are_left_to_autograd() -> None:
    assert read_network(nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 4, 8), nn.Flatten()), SHAPE) is None


def test_flattened_maps_that_are_changed_are_changed() -> None:
    assert read_network(Ending(lambda x: functional.relu(x.flatten(1), inplace=True) + x.flatten(1), 4), SHAPE) is None


def test_layers_with_hooks_are_left_to_autograd() -> None:
    module = Body(lambda _, x: x)
    module.first.register_forward_hook(lambda *_: None)
    assert read_network(module, SHAPE) is None


def test_a_batch_norm_that_stays_in_evaluation_is_left_to_autograd() -> None:
    layers = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)]
    assert read_network(nn.Sequential(*layers), SHAPE) is not None
    assert read_network(NormedInEvaluation(*layers), SHAPE) is None


def test_shared_weights_are_left_to_autograd() -> None:
    more = nn.Conv2d(4, 4, 1)
    module = Body(lambda part, x: part.other(part.more(x)), more=more, other=nn.Conv2d(4, 4, 1))
    module.other.weight = more.weight
    assert read_network(module, SHAPE) is None
