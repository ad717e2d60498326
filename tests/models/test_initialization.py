"""theta_0: the spread of the weights, biases and batch norm, and that the seed alone decides."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lth_core.config import Initialization
from lth_core.models.initialization import initialize, initialize_cohort, take
from lth_core.models.layers import prunable_weights
from lth_core.models.requirements import ModelError
from lth_core.randomness import torch_seed
from lth_core.registry import model


def build(name: str, input_shape=(3, 32, 32), classes: int = 10, **options) -> nn.Module:
    return model.call(name, {"classes": classes, "input_shape": input_shape}, options)


def glorot_std(weight: np.ndarray) -> float:
    """sqrt(2 / (fan in + fan out)), a filter's pixels included."""
    pixels = math.prod(weight.shape[2:])
    return math.sqrt(2 / (pixels * (weight.shape[0] + weight.shape[1])))


def kaiming_std(weight: np.ndarray) -> float:
    """sqrt(2 / fan in)."""
    return math.sqrt(2 / math.prod(weight.shape[1:]))


@pytest.mark.parametrize(("distribution", "std_of"), [("glorot-normal", glorot_std), ("kaiming-normal", kaiming_std)])
@pytest.mark.parametrize("name", ["lenet", "conv-2", "resnet-20"])
def test_weights_are_normal_with_the_named_spread(distribution, std_of, name):
    network = build(name, (1, 16, 16))
    drawn = initialize(lambda: network, Initialization(weights=distribution), seed=0)
    for layer in prunable_weights(network):
        weight = drawn[layer]
        standard = (weight / std_of(weight)).ravel().astype(float)
        n = standard.size
        assert abs(standard.mean()) < 5 / math.sqrt(n), layer
        assert abs(standard.std() - 1) < 5 / math.sqrt(2 * n), layer
        within_one_std = 0.6827  # of a normal distribution; a uniform one has 0.577 there
        assert abs((abs(standard) < 1).mean() - within_one_std) < 5 * math.sqrt(within_one_std * 0.3173 / n), layer


def pretrained() -> nn.Module:
    """Of batch norm, too, nothing is as it is usually initialized."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 3))
    for tensor in network.state_dict().values():
        tensor.copy_(torch.arange(tensor.numel()).view(tensor.shape) + 2)
    return network


def test_a_network_is_kept_as_it_is_built() -> None:
    drawn = initialize(pretrained, Initialization(weights="as-built"), seed=0)
    for name, tensor in pretrained().state_dict().items():
        assert np.array_equal(drawn[name], tensor.numpy()), name


def test_batch_norm_alone_is_kept_as_it_is_built() -> None:
    drawn = initialize(pretrained, Initialization(batchnorm="as-built"), seed=0)
    assert drawn["1.weight"].tolist() == [2, 3] and drawn["1.bias"].tolist() == [2, 3]
    assert not drawn["3.bias"].any()


def test_trained_tensors_of_the_same_name_shape_and_type_take_the_place_of_drawn_ones() -> None:
    """Batch norm's statistics among them; a head of other classes stays as it was drawn."""
    drawn = initialize_cohort(lambda: build("resnet-8"), Initialization(), [0, 1])
    trained = initialize_cohort(lambda: build("resnet-8", classes=4), Initialization(), [5, 6])
    before = dict(drawn)
    taken = take(drawn, trained)
    assert {name for name, value in drawn.items() if trained[name].shape != value.shape} == drawn.keys() - {*taken}
    assert len(taken) == len(drawn) - 2 and any("running_mean" in name for name in taken)
    assert all(drawn[name] is (trained if name in taken else before)[name] for name in drawn)


def test_a_network_of_which_no_matrix_fits_is_refused_in_one_line() -> None:
    """The bias of the output layer alone would fit."""
    drawn = initialize_cohort(lambda: build("lenet", hidden=[9, 8]), Initialization(), [0])
    trained = initialize_cohort(lambda: build("lenet", hidden=[7, 6]), Initialization(), [0])
    with pytest.raises(ModelError, match="none of its weight matrices has the name and the shape of one here"):
        take(drawn, trained)


def test_glorot_sets_biases_to_zero():
    drawn = initialize(lambda: build("conv-2", (1, 8, 8)), Initialization(weights="glorot-normal"), seed=0)
    assert all((tensor == 0).all() for name, tensor in drawn.items() if name.endswith("bias"))


@pytest.mark.parametrize("distribution", ["kaiming-normal", "framework"])
def test_the_other_distributions_leave_biases_at_the_frameworks_default(distribution):
    drawn = initialize(lambda: build("lenet"), Initialization(weights=distribution), seed=0)
    bias = drawn["fc2.bias"]
    bound = 1 / math.sqrt(300)
    assert len(set(bias.tolist())) == bias.size
    assert 0.8 * bound < abs(bias).max() <= bound


def test_framework_leaves_the_module_as_its_constructor_drew_it():
    drawn = initialize(lambda: build("resnet-20"), Initialization(weights="framework"), seed=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(3, "init"))
        expected = build("resnet-20").state_dict()
    assert all(np.array_equal(drawn[name], tensor.numpy()) for name, tensor in expected.items())


@pytest.mark.parametrize("distribution", ["glorot-normal", "kaiming-normal", "framework"])
def test_batch_norm_scales_are_one_or_uniform_and_shifts_zero(distribution):
    def draw(batchnorm: str) -> dict[str, np.ndarray]:
        chosen = Initialization(weights=distribution, batchnorm=batchnorm)
        return initialize(lambda: build("vgg-11", width=0.5), chosen, seed=0)

    ones, uniform = draw("ones"), draw("uniform")
    scales = np.concatenate([uniform[f"bn{number}.weight"] for number in range(1, 9)])
    assert 0 <= scales.min() < 0.01
    assert 0.99 < scales.max() < 1
    assert abs(scales.mean() - 0.5) < 5 * math.sqrt(1 / 12 / scales.size)
    assert all((ones[f"bn{number}.weight"] == 1).all() for number in range(1, 9))
    for drawn in (ones, uniform):
        assert (drawn["bn1.bias"] == 0).all()
        assert (drawn["bn1.running_mean"] == 0).all()
        assert (drawn["bn1.running_var"] == 1).all()
        assert drawn["bn1.num_batches_tracked"] == 0


def small_network() -> nn.Module:
    return build("lenet", (6,), classes=3, hidden=[5, 5])


def test_parameters_and_buffers_come_as_arrays_by_their_state_dict_names():
    drawn = initialize(lambda: build("resnet-20"), Initialization(), seed=0)
    assert list(drawn) == list(build("resnet-20").state_dict())
    counters = [name for name in drawn if name.endswith("num_batches_tracked")]
    assert all(drawn[name].dtype == np.int64 for name in counters)
    assert all(tensor.dtype == np.float32 for name, tensor in drawn.items() if name not in counters)


def test_layers_of_one_shape_differ():
    drawn = initialize(lambda: build("lenet", (5,), hidden=[5, 5]), Initialization(), seed=0)
    assert not np.isin(drawn["fc1.weight"], drawn["fc2.weight"]).any()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    other=st.integers(0, 2**40),
    weights=st.sampled_from(["glorot-normal", "kaiming-normal", "framework"]),
    state=st.integers(0, 2**32),
)
def test_the_seed_alone_decides(seed, other, weights, state):
    chosen = Initialization(weights=weights)
    first = initialize(small_network, chosen, seed)
    torch.manual_seed(state)
    before = torch.get_rng_state()
    cohort = initialize_cohort(small_network, chosen, [other, seed, other])
    assert torch.equal(torch.get_rng_state(), before), "torch's global random state must not move"
    for name, tensor in first.items():
        assert cohort[name].shape == (3, *tensor.shape)
        assert cohort[name][1].tobytes() == tensor.tobytes()
        assert cohort[name][0].tobytes() == cohort[name][2].tobytes()
    if seed != other:
        assert (cohort["fc1.weight"][0] != cohort["fc1.weight"][1]).all()


@pytest.mark.parametrize("weights", ["glorot-normal", "framework"])
def test_another_purpose_or_index_is_another_draw(weights):
    chosen = Initialization(weights=weights)
    keys = [("init",), ("reinit", 1, 0), ("reinit", 1, 1), ("reinit", 2, 0)]
    draws = [initialize(small_network, chosen, 0, *key)["fc1.weight"] for key in keys]
    for index, first in enumerate(draws):
        assert all((first != second).all() for second in draws[index + 1 :])


def test_a_factory_that_seeds_torch_itself_does_not_make_replicates_equal():
    def seeding_network() -> nn.Module:
        torch.default_generator.manual_seed(0)
        return small_network()

    weight = initialize_cohort(seeding_network, Initialization(), [0, 1])["fc1.weight"]
    assert (weight[0] != weight[1]).all()


def test_the_deepest_network_is_drawn():
    drawn = initialize(lambda: build("resnet-110"), Initialization(weights="kaiming-normal"), seed=0)
    assert all(np.isfinite(tensor).all() for tensor in drawn.values())


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (lambda: nn.Linear(2, 2).double(), "'weight' is float64 on cpu"),
        (lambda: nn.Linear(2, 2, device="meta"), "'weight' is float32 on meta"),
        (lambda: nn.LazyLinear(2), "'weight' has no shape yet"),
        (lambda: "not a network", "must return a torch.nn.Module, not 'not a network'"),
    ],
)
def test_a_factory_of_something_else_is_refused_in_one_line(factory, said):
    with pytest.raises(ModelError) as refused:
        initialize(factory, Initialization(), seed=0)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
