"""Masks on modules: pruned weights stay zero in anyone's training, however the module uses its weights."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from lth_core.tickets.loading import TicketError
from lth_core.tickets.masking import prune_masks


class Attention(nn.Module):
    """Takes the weight of its output projection without calling that layer."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.scores = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.scores(self.attention(inputs, inputs, inputs)[0].mean(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.scores = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.scores(self.lstm(inputs)[0][:, -1])


class Embedded(nn.Module):
    """Reads an embedding of whole numbers into a frozen layer."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.scores = nn.Embedding(4, 5), nn.Linear(5, 3)
        self.scores.requires_grad_(False)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.scores(self.table(inputs.argmax(-1)).mean(1))


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, inputs: Tensor) -> Tensor:
        return self.second(self.first(inputs.mean(1)).tanh())


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 3))


def ticket(network: Callable[[], nn.Module]) -> tuple[nn.Module, dict[str, Tensor]]:
    """A network with zeros outside of a mask of all its matrices."""
    torch.manual_seed(0)
    module = network()
    mask = {name: torch.rand_like(value) < 0.6 for name, value in module.named_parameters() if value.ndim > 1}
    with torch.no_grad():
        for name, kept in mask.items():
            module.get_parameter(name).mul_(kept)
    return module, mask


def train(module: nn.Module, after: Callable[[], None] = lambda: None) -> None:
    """Three steps with momentum and weight decay; `after` each."""
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1, momentum=0.9, weight_decay=0.1)
    rng = torch.Generator().manual_seed(1)
    for _ in range(3):
        optimizer.zero_grad()
        module(torch.randn(5, 3, 4, generator=rng)).square().sum().backward()
        optimizer.step()
        after()


def tensor(module: nn.Module, name: str) -> Tensor:
    layer, _, attribute = name.rpartition(".")
    return getattr(module.get_submodule(layer), attribute)


@pytest.mark.parametrize("network", [linear, Attention, Recurrent, Embedded, Tied])
def test_a_masked_module_trains_as_one_whose_pruned_weights_are_set_to_zero_after_each_step(network) -> None:
    module, mask = ticket(network)
    plain = deepcopy(module)

    def reset() -> None:
        with torch.no_grad():
            for name, kept in mask.items():
                plain.get_parameter(name).mul_(kept)

    assert prune_masks(module, mask) is module
    train(plain, reset)
    train(module)
    inputs = torch.randn(2, 3, 4)
    for evaluated in (module, module.eval()):
        assert torch.allclose(evaluated(inputs), plain.train(evaluated.training)(inputs), atol=1e-6)
    for name, kept in mask.items():
        weights = tensor(module, name)
        assert not weights[~kept].any()
        assert torch.allclose(weights, plain.get_parameter(name), atol=1e-6)


def test_masks_can_be_made_permanent() -> None:
    module, mask = ticket(Attention)
    prune_masks(module, mask)
    train(module)
    expected = {name: tensor(module, name).clone() for name in mask}
    for name in mask:
        layer, _, attribute = name.rpartition(".")
        parametrize.remove_parametrizations(module.get_submodule(layer), attribute)
    assert module.state_dict().keys() == Attention().state_dict().keys()
    assert all(torch.equal(module.get_parameter(name), value) for name, value in expected.items())


def test_frozen_weights_are_not_set_to_zero_unawares() -> None:
    module, mask = ticket(linear)
    with torch.no_grad():
        module.get_parameter("3.weight").fill_(0.5)
    with pytest.raises(TicketError, match=r"^3.weight has other values than zero outside of the mask"):
        prune_masks(module, mask)
    assert not any(parametrize.is_parametrized(layer) for layer in module.modules())
    prune_masks(module, mask, overwrite=True)
    assert torch.equal(tensor(module, "3.weight"), 0.5 * mask["3.weight"])


def test_a_mask_of_another_network_is_one_line() -> None:
    module, mask = ticket(linear)
    for wrong, message in (
        ({"fc1.weight": mask["1.weight"]}, r"^fc1.weight is not a weight of this module"),
        (
            {"1.weight": mask["3.weight"]},
            r"^the mask of 1.weight must be torch.bool of shape \(5, 12\), not ",
        ),
        ({"1.weight": mask["1.weight"].float()}, r"must be torch.bool of shape \(5, 12\), not torch.float32 of shape"),
    ):
        with pytest.raises(TicketError, match=message):
            prune_masks(module, wrong)
