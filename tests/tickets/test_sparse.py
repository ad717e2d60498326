"""Tickets with sparse weights compute what the module does, and store what it keeps."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from lth_core import registry
from lth_core.models.inputs import TokenShape
from lth_core.models.layers import prunable_weights
from lth_core.tickets.loading import TicketError
from lth_core.tickets.masking import prune_masks
from lth_core.tickets.sparse import CsrLinear, is_2_of_4, with_2_of_4_weights, with_csr_weights

SHAPE = (3, 9, 11)


def masked(module: nn.Module, density: float = 0.2) -> nn.Module:
    """The module with a random mask, as parametrizations, on all that can be pruned."""
    torch.manual_seed(1)
    mask = {name: torch.rand_like(module.get_parameter(name)) < density for name in prunable_weights(module)}
    return prune_masks(module, mask, overwrite=True).eval()


def network(name: str) -> nn.Module:
    return registry.model.call(name, {"classes": 10, "input_shape": SHAPE}, {})


@pytest.mark.parametrize("name", ["lenet", "conv-2", "resnet-8", "vgg-11"])
def test_outputs_are_those_of_the_masked_module(name: str) -> None:
    shape = (3, 32, 32) if name == "vgg-11" else SHAPE
    module = masked(registry.model.call(name, {"classes": 10, "input_shape": shape}, {}))
    sparse, images = with_csr_weights(module, shape), torch.randn(4, *shape)
    assert torch.allclose(sparse(images), module(images), atol=1e-5)
    assert torch.allclose(sparse(images[:1]), module(images[:1]), atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 5, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2)),
        nn.Conv2d(3, 5, 1, stride=2, bias=False),
        nn.Conv2d(3, 5, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(3, 6, 3, padding="same", groups=3),
    ],
    ids=["uneven", "pointwise", "circular", "grouped"],
)
def test_convolutions_of_any_sort_compute_what_they_did(layer: nn.Conv2d) -> None:
    module = nn.Sequential(layer, nn.Flatten(), nn.LazyLinear(2))
    images = torch.randn(2, *SHAPE)
    module(images)
    masked(module)
    sparse = with_csr_weights(module, SHAPE)
    assert (type(sparse[0]) is nn.Conv2d) == (layer.padding_mode != "zeros" or layer.groups > 1)
    assert torch.allclose(sparse(images), module(images), atol=1e-5)


def test_linear_layers_take_any_number_of_leading_axes() -> None:
    module = masked(nn.Linear(12, 5))
    inputs = torch.randn(2, 3, 12)
    assert torch.allclose(with_csr_weights(module, (3, 12))(inputs), module(inputs), atol=1e-6)


def test_the_state_dict_holds_what_is_kept_and_can_be_loaded_again() -> None:
    module = masked(network("lenet"))
    sparse = with_csr_weights(module, SHAPE)
    kept = {name: int((module.get_submodule(name).weight != 0).sum()) for name in ("fc1", "fc2", "fc3")}
    state = sparse.state_dict()
    assert {name: state[f"{name}.weight.values"].numel() for name in kept} == kept
    assert all(value.dtype in (torch.float32, torch.int32) for value in state.values())
    again = copy.deepcopy(sparse)
    again.load_state_dict(state)
    images = torch.randn(2, *SHAPE)
    assert torch.equal(again(images), sparse(images))


def test_the_module_itself_stays_as_it_was() -> None:
    module = masked(network("lenet")).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with_csr_weights(module, SHAPE)
    assert module.training and all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_a_network_without_zeros_is_one_line() -> None:
    with pytest.raises(TicketError, match=r"^no linear layer or plain convolution that this network calls has a"):
        with_csr_weights(network("lenet"), SHAPE)


class ByItself(nn.Module):
    """It calls one layer and reads the weight of another one; with `twice`, it does both with one layer."""

    def __init__(self, twice: bool) -> None:
        super().__init__()
        self.called, self.read, self.twice = nn.Linear(12, 8), nn.Linear(8, 8), twice

    def forward(self, rows: Tensor) -> Tensor:
        hidden = self.called(rows).relu()
        return torch.einsum("bi,oi->bo", hidden, self.read.weight) @ (
            self.called.weight if self.twice else torch.eye(8)
        )


def test_layers_whose_weights_the_module_reads_itself_stay_dense() -> None:
    module, rows = masked(ByItself(twice=False)), torch.randn(3, 12)
    sparse = with_csr_weights(module, (12,))
    assert isinstance(sparse.called, CsrLinear) and type(sparse.read) is nn.Linear
    assert torch.allclose(sparse(rows), module(rows), atol=1e-6)


def test_a_module_that_calls_and_reads_a_layer_is_refused_in_one_line() -> None:
    with pytest.raises(TicketError, match=r"^this network does not take compressed weights \(.+\)$") as caught:
        with_csr_weights(masked(ByItself(twice=True)), (12,))
    assert "\n" not in str(caught.value)


def test_a_graph_network_keeps_the_layer_that_it_multiplies_features_with_itself() -> None:
    graph = SimpleNamespace(features=torch.rand(9, 4), edges=torch.tensor([[0, 1], [1, 2]]))
    module = masked(registry.model.call("gcn", {"graph": graph, "classes": 3}, {}), density=0.5)
    sparse, nodes = with_csr_weights(module, TokenShape(())), torch.tensor([2, 0, 7])
    assert type(sparse.hidden) is nn.Linear and isinstance(sparse.output, CsrLinear)
    assert torch.allclose(sparse(nodes), module(nodes), atol=1e-6)


def test_a_text_network_has_sparse_weights_too() -> None:
    offered = {"vocabulary": 11, "context": 20}
    module, tokens = masked(registry.model.call("transformer", offered, {"width": 8})), torch.randint(0, 11, (2, 20))
    sparse = with_csr_weights(module, TokenShape((20,)))
    assert isinstance(sparse.blocks[0].attention, CsrLinear)
    assert torch.allclose(sparse(tokens), module(tokens), atol=1e-5)


def test_inputs_of_another_shape_are_said_as_such() -> None:
    with pytest.raises(TicketError, match=r"^this network does not take numbers of shape \(N, 9\): give the shape"):
        with_csr_weights(masked(nn.Linear(12, 5)), (9,))


# ---------------------------------------------------------------- 2:4


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (torch.tensor([[1.0, 0, 2, 0, 0, 0, 0, 3]]), True),
        (torch.tensor([[1.0, 0, 2, 3, 0, 0, 0, 0]]), False),
        (torch.zeros(2, 6), False),
        (torch.zeros(2, 4, 1, 1), False),
    ],
)
def test_two_of_four_are_counted_along_the_inputs(weight: Tensor, expected: bool) -> None:
    assert is_2_of_4(weight) is expected


def test_without_such_weights_or_a_gpu_the_reason_is_one_line() -> None:
    with pytest.raises(TicketError, match=r"^no linear layer has 2 of every 4 weights$"):
        with_2_of_4_weights(nn.Linear(8, 8))
    layer = nn.Linear(64, 64)
    layer.weight.data.unflatten(1, (-1, 4))[..., :2] = 0
    with pytest.raises(TicketError, match=r"^torch has 2:4 weights on GPUs only$"):
        with_2_of_4_weights(layer)
    assert layer.weight.dtype == torch.float32
