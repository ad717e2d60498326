"""Folding: whatever computes a layer's weight anew goes, and the copy computes the same in evaluation."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from lth_core.models.folding import folded
from lth_core.tickets.masking import prune_masks

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    WAYS: dict[str, Callable[[nn.Module], object]] = {
        "pruning mask": lambda layer: prune.random_unstructured(layer, "weight", 0.5),
        "weight norm": weight_norm,
        "spectral norm": spectral_norm,
        "weight norm, parametrized": parametrizations.weight_norm,
        "spectral norm, parametrized": parametrizations.spectral_norm,
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_a_folded_copy_is_plain_and_computes_the_same(way: str) -> None:
    module = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 4))
    for layer in (module[0], module[3]):
        WAYS[way](layer)
    inputs = torch.randn(7, 6)
    module(inputs).sum().backward()
    names = set(module.state_dict())
    plain = folded(module)
    assert module.training and set(module.state_dict()) == names
    assert not plain.training and set(plain.state_dict()) == {
        *("0.weight", "0.bias", "3.weight", "3.bias"),
        *(f"1.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")),
    }
    assert all(isinstance(plain.get_parameter(name), nn.Parameter) for name in ("0.weight", "3.weight"))
    assert torch.allclose(plain(inputs), module.eval()(inputs), atol=1e-6)


def test_a_weight_that_layers_share_stays_shared() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    module[2].weight = module[0].weight
    mask = {"0.weight": module[0].weight > 0}
    plain = folded(prune_masks(module, mask, overwrite=True))
    assert plain[0].weight is plain[2].weight
    assert torch.equal(plain[0].weight != 0, mask["0.weight"])


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_what_a_hook_computes_a_weight_from_may_be_masked() -> None:
    module = nn.Sequential(weight_norm(nn.Linear(6, 5)))
    mask = {"0.weight_v": module.get_parameter("0.weight_v") > 0}
    mask["0.weight_v"][:, 0] = True  # the norm of a row without weights is 0, by which they are divided
    plain, inputs = folded(prune_masks(module, mask, overwrite=True)), torch.randn(7, 6)
    assert torch.equal(plain.get_parameter("0.weight") != 0, mask["0.weight_v"])
    assert torch.allclose(plain(inputs), module.eval()(inputs), atol=1e-6)
