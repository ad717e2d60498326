"""Tickets of other tasks: what is taken over, what stays this task's own, and what does not fit."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.config import Initialization
from lth_core.models.initialization import initialize
from lth_core.models.layers import prunable_layers
from lth_core.registry import model
from lth_core.tickets.adaptation import AdaptationError, adapt, only_part

Tensors = dict[str, np.ndarray]
NETWORKS = ["resnet-20", "vgg-11", "conv-2"]


def network(name: str, classes: int, channels: int) -> nn.Module:
    return model.call(name, {"classes": classes, "input_shape": (channels, 16, 16)}, {"width": 0.25})


def draw(name: str, classes: int, channels: int, seed: int) -> Tensors:
    """A replicate whose batch norm statistics and biases are not the initial ones, which are equal in all networks."""
    tensors = initialize(lambda: network(name, classes, channels), Initialization(), seed)
    random = np.random.default_rng(seed)
    return {
        key: value + random.random(value.shape).astype(np.float32) / 10 if value.ndim else np.array(seed)
        for key, value in tensors.items()
    }


def scores(name: str, weights: Tensors, images: torch.Tensor) -> np.ndarray:
    """What a network says in evaluation, by its running statistics."""
    module = network(name, len(weights[list(layers_of(name))[-1]]), images.shape[1])
    module.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    with torch.no_grad():
        return module.eval()(images).numpy()


def layers_of(name: str) -> dict[str, str]:
    return prunable_layers(network(name, 10, 1), (1, 16, 16))


def grey(count: int = 5) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(9).random((count, 1, 16, 16)).astype(np.float32))


def equal(first: Tensors, second: Tensors, names: list[str] | None = None) -> bool:
    return all(np.array_equal(first[key], second[key]) for key in names or second)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_the_same_shapes_is_taken_over_whole(name: str) -> None:
    theirs = draw(name, 10, 3, seed=1)
    assert equal(adapt(theirs, draw(name, 10, 3, seed=2), layers_of(name)), theirs)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_output_layer_is_ones_own_where_the_classes_differ_and_nothing_else_is(name: str) -> None:
    theirs, ours = draw(name, 10, 1, seed=1), draw(name, 4, 1, seed=2)
    adapted, output = adapt(theirs, ours, layers_of(name)), list(layers_of(name))[-1]
    replaced = [output, output.replace("weight", "bias")]
    assert set(adapted) == set(ours) and equal(adapted, ours, replaced)
    assert equal(adapted, theirs, [key for key in theirs if key not in replaced])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("channels", [2, 3])
def test_a_grey_network_says_the_same_of_grey_pictures_in_colour(name: str, channels: int) -> None:
    theirs = draw(name, 10, 1, seed=1)
    adapted = adapt(theirs, draw(name, 10, channels, seed=2), layers_of(name))
    in_colour = grey().repeat(1, channels, 1, 1)
    assert scores(name, adapted, in_colour) == pytest.approx(scores(name, theirs, grey()), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_colour_network_says_the_same_of_pictures_without_colour(name: str) -> None:
    theirs = draw(name, 10, 3, seed=1)
    adapted = adapt(theirs, draw(name, 10, 1, seed=2), layers_of(name))
    in_colour = grey().repeat(1, 3, 1, 1)
    assert scores(name, adapted, grey()) == pytest.approx(scores(name, theirs, in_colour), rel=1e-4, abs=1e-4)


def masks(channels: int, classes: int = 10, seed: int | None = None) -> Tensors:
    """A random mask of each layer of a small convolutional network, or one that keeps everything."""
    random = np.random.default_rng(seed)
    shapes = {"conv.weight": (4, channels, 3, 3), "fc.weight": (classes, 4)}
    return {key: np.ones(shape, bool) if seed is None else random.random(shape) < 0.3 for key, shape in shapes.items()}


LAYERS = {"conv.weight": "conv", "fc.weight": "output"}


def test_the_mask_of_a_grey_kernel_is_repeated_over_the_channels() -> None:
    theirs = masks(1, seed=0)
    adapted = adapt(theirs, masks(3), LAYERS)
    assert all(np.array_equal(adapted["conv.weight"][:, channel], theirs["conv.weight"][:, 0]) for channel in range(3))
    assert adapted["conv.weight"].dtype == bool


def test_the_first_layer_may_be_registered_after_the_output_layer() -> None:
    theirs, head_first = masks(1, seed=0), dict(reversed(LAYERS.items()))
    assert equal(adapt(theirs, masks(3), head_first), adapt(theirs, masks(3), LAYERS))


def test_a_position_is_kept_in_grey_where_any_colour_kept_it() -> None:
    theirs = masks(3, seed=0)["conv.weight"]
    adapted = adapt({"conv.weight": theirs}, {"conv.weight": masks(1)["conv.weight"]}, LAYERS)["conv.weight"]
    assert np.array_equal(adapted[:, 0], theirs[:, 0] | theirs[:, 1] | theirs[:, 2])


def test_masked_weights_are_zero_after_as_before() -> None:
    kept, ours = masks(1, seed=0), masks(3)
    weights = {key: np.random.default_rng(1).standard_normal(value.shape) * value for key, value in kept.items()}
    adapted, mask = adapt(weights, {key: 1.0 * value for key, value in ours.items()}, LAYERS), adapt(kept, ours, LAYERS)
    assert not adapted["conv.weight"][~mask["conv.weight"]].any()


def test_a_mask_of_the_output_layer_keeps_everything_where_the_classes_differ() -> None:
    adapted = adapt(masks(1, classes=10, seed=0), masks(1, classes=4), LAYERS)
    assert adapted["fc.weight"].shape == (4, 4) and adapted["fc.weight"].all()


def test_nothing_is_changed_in_place() -> None:
    theirs, ours = draw("resnet-20", 10, 3, seed=1), draw("resnet-20", 4, 1, seed=2)
    before = [{key: value.copy() for key, value in part.items()} for part in (theirs, ours)]
    adapt(theirs, ours, layers_of("resnet-20"))
    assert equal(theirs, before[0]) and equal(ours, before[1])


def lenet(side: int, hidden: tuple[int, ...]) -> Tensors:
    sizes = [side * side, *hidden, 10]
    return {f"fc{n}.weight": np.ones((b, a)) for n, (a, b) in enumerate(itertools.pairwise(sizes), start=1)}


@pytest.mark.parametrize(
    ("theirs", "ours", "line"),
    [
        (lenet(8, (30, 20)), lenet(28, (30, 20)), r"'fc1.weight' .* shape \(30, 64\) there and \(30, 784\) in this"),
        (lenet(8, (30, 20)), lenet(8, (30, 25)), r"'fc2.weight' .* \(20, 30\) there and \(25, 30\) in this"),
        (lenet(8, (30,)), lenet(8, (30, 30)), "only that of this task has a weight 'fc3.weight'"),
        (lenet(8, (30, 30)), lenet(8, (30,)), "only that of the source has a weight 'fc3.weight'"),
    ],
)
def test_other_networks_are_refused_in_one_line_with_the_weight_and_both_shapes(
    theirs: Tensors, ours: Tensors, line: str
) -> None:
    layers = dict.fromkeys(ours, "hidden") | {list(ours)[-1]: "output"}
    with pytest.raises(AdaptationError, match=line) as caught:
        adapt(theirs, ours, layers)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("theirs", "ours"), [((4, 2, 3, 3), (4, 3, 3, 3)), ((4, 1, 3, 3), (4, 3, 5, 5))])
def test_only_one_channel_becomes_several_and_kernels_keep_their_size(theirs: tuple, ours: tuple) -> None:
    with pytest.raises(AdaptationError, match=r"conv.weight"):
        adapt({"conv.weight": np.ones(theirs)}, {"conv.weight": np.ones(ours)}, LAYERS)


def test_later_convolutions_keep_their_channels() -> None:
    names = ("a.weight", "b.weight")
    theirs = {name: np.ones((4, 1, 3, 3)) for name in names}
    ours = {"a.weight": np.ones((4, 1, 3, 3)), "b.weight": np.ones((4, 3, 3, 3))}
    with pytest.raises(AdaptationError, match=r"b.weight"):
        adapt(theirs, ours, dict.fromkeys(names, "conv"))


def test_a_sum_of_kernels_is_exact_for_whole_numbers() -> None:
    theirs = {"conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)}
    adapted = adapt(theirs, {"conv.weight": np.zeros((2, 1, 2, 2), np.float32)}, LAYERS)["conv.weight"]
    assert adapted.dtype == np.float32
    assert math.isclose(adapted[0, 0, 0, 0], 0 + 4 + 8) and adapted.shape == (2, 1, 2, 2)


def test_an_output_layer_that_is_declared_by_another_name_is_that_of_the_task() -> None:
    source, target = ({"table": np.full((4, 2), size), "scores": np.full((size, 4), size)} for size in (3, 5))
    adapted = adapt(source, target, {"table": "embedding", "scores": "output"})
    assert equal(adapted, {"table": source["table"], "scores": target["scores"]})


# ---------------------------------------------------------------- parts


def test_of_a_part_only_what_matches_is_taken() -> None:
    """The networks may have other weights besides."""
    theirs = {"generator.weight": np.ones((2, 2)), "encoder.weight": np.ones(3), "shared": np.ones(1)}
    ours = {"generator.weight": np.zeros((2, 2)), "critic.weight": np.zeros(4), "shared": np.zeros(1)}
    taken = only_part(theirs, ours, "generator.*")
    assert taken.keys() == ours.keys()
    assert taken["generator.weight"].all() and not taken["critic.weight"].any() and not taken["shared"].any()


def test_a_part_of_another_shape_or_of_one_network_alone_is_one_line() -> None:
    theirs, ours = {"generator.weight": np.ones((2, 2))}, {"generator.weight": np.ones((2, 3))}
    with pytest.raises(AdaptationError, match=r"'generator.weight' of the source does not fit: .*\(2, 2\) there"):
        only_part(theirs, ours, "generator.*")
    with pytest.raises(AdaptationError, match=r"part: 'encoder\.\*' matches no weight that both networks have"):
        only_part(theirs, ours, "encoder.*")
