"""A module may declare which of its weights are prunable, and as what; that decides about all of its weights."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from lth_core.models.declared import declared_kinds
from lth_core.models.layers import prunable_layers, prunable_weights, unpruned_weights
from lth_core.models.requirements import ModelError
from tests.support.zoo import ZOO, sequential

SHAPE = (1, 6, 6)


def network(animal: str, declared: dict[str, Any]) -> nn.Module:
    """A network of the zoo whose parts declare what they are given by path."""
    module = ZOO[animal]()
    for path, kinds in declared.items():
        module.get_submodule(path).prunable = kinds
    return module


@pytest.mark.parametrize(
    ("animal", "declared", "kinds"),
    [
        (
            "attention",
            {"attend": {"in_proj_weight": "attention", "out_proj.weight": "attention"}},
            {
                "embed.weight": "hidden",
                "attend.in_proj_weight": "attention",
                "attend.out_proj.weight": "attention",
                "head.weight": "output",
            },
        ),
        (
            "gru_both_ways",
            {"body": {"weight_hh_l0": "recurrent", "weight_ih_l0_reverse": "recurrent"}},
            {"body.weight_hh_l0": "recurrent", "body.weight_ih_l0_reverse": "recurrent", "head.weight": "output"},
        ),
        ("embedding", {"table": {"weight": "embedding"}}, {"table.weight": "embedding", "head.weight": "output"}),
        ("frozen_first_layer", {"1": {"weight": "hidden"}}, {"1.weight": "hidden", "3.weight": "output"}),
        ("frozen_first_layer", {"": {"1.weight": "hidden"}}, {"1.weight": "hidden"}),  # and nothing else
        ("several_heads", {"heads": {"0.weight": "hidden"}}, {"body.weight": "hidden", "heads.0.weight": "hidden"}),
        ("several_heads", {"body": {}}, {f"heads.{index}.weight": "output" for index in range(3)}),
        ("parameter_list_and_dict", {"": {"matrices.0": "conv"}}, {"matrices.0": "conv"}),
        ("tied_autoencoder", {"": {"encoder.weight": "output"}, "head": {"weight": "hidden"}},
         {"encoder.weight": "output"}),  # the outer one counts
    ],
)  # fmt: skip
def test_what_is_declared_is_prunable_and_nothing_else_of_that_module(
    animal: str, declared: dict[str, Any], kinds: dict[str, str]
) -> None:
    module = network(animal, declared)
    assert prunable_layers(module, SHAPE) == kinds
    assert prunable_weights(module) == [*kinds]
    matrices = {name for name, value in module.named_parameters() if value.squeeze().ndim > 1}
    assert unpruned_weights(module).keys() == matrices - kinds.keys()


def test_a_weight_that_layers_share_may_be_declared_by_any_of_its_names() -> None:
    first, second = nn.Linear(8, 8), nn.Linear(8, 8)
    second.weight = first.weight
    second.prunable = {"weight": "recurrent"}  # pyright: ignore[reportArgumentType]
    module = sequential(nn.Linear(36, 8), first, nn.ReLU(), second, nn.Linear(8, 3))
    assert prunable_layers(module, SHAPE) == {"1.weight": "hidden", "2.weight": "recurrent", "5.weight": "output"}


def test_a_network_that_declares_everything_is_not_traced() -> None:
    module = network("lstm", {"": {"body.weight_hh_l1": "recurrent"}})
    module.written = None  # pyright: ignore[reportAttributeAccessIssue] # it cannot be called
    assert prunable_layers(module, SHAPE) == {"body.weight_hh_l1": "recurrent"}


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"weight_hh": "recurrent"}, r"^`prunable` of body: 'weight_hh' is no parameter of it; did you mean 'weight_"),
        ({"bias_hh_l0": "recurrent"}, r"^`prunable` of body: 'bias_hh_l0' has 1 axis: only tensors of two or more"),
        ({"weight_hh_l0": "recurent"}, r"'weight_hh_l0' must be one of the kinds conv, .*'recurrent'\?$"),
        ({"weight_hh_l0": None}, r"'weight_hh_l0' must be one of the kinds"),
        (["weight_hh_l0"], r"^`prunable` of body must map names of parameters to kinds"),
    ],
)  # fmt: skip
def test_a_declaration_that_does_not_fit_is_one_line(declared: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said) as refused:
        declared_kinds(network("lstm", {"body": declared}))
    assert "\n" not in str(refused.value)
