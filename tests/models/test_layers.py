"""The output layer is the one that is applied last, wherever a module registers it and however it is applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lth_core.models.layers import prunable_layers, prunable_weights, unpruned_weights, weights_without_filters
from lth_core.registry import model

SHAPE = (3, 8, 8)


class Network(nn.Module):
    """Layers in the order of registration, and what is done with them."""

    def __init__(self, forward: Callable[[Any, Tensor], Any], **layers: nn.Module):
        super().__init__()
        self.called_with = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, images: Tensor) -> Any:
        return self.called_with(self, images)


def kinds(forward: Callable[[Any, Tensor], Any], **layers: nn.Module) -> dict[str, str]:
    by_layer = prunable_layers(Network(forward, **layers), SHAPE)
    assert list(by_layer) == prunable_weights(Network(forward, **layers))
    return {name.removesuffix(".weight"): kind for name, kind in by_layer.items()}


def head() -> nn.Linear:
    return nn.Linear(4, 5)


def body() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def test_a_head_that_is_registered_first_is_the_output() -> None:
    assert kinds(lambda m, x: m.head(m.body(x)), head=head(), body=body()) == {"head": "output", "body.0": "conv"}


def test_weights_keep_the_order_of_registration() -> None:
    network = Network(lambda m, x: m.head(m.body(x)), head=head(), body=body())
    assert prunable_weights(network) == ["head.weight", "body.0.weight"]


def test_a_layer_that_is_never_applied_is_not_the_output() -> None:
    by_layer = kinds(lambda m, x: m.head(m.body(x)), body=body(), head=head(), unused=nn.Linear(2, 2))
    assert by_layer == {"body.0": "conv", "head": "output", "unused": "hidden"}


@pytest.mark.parametrize(
    "together",
    [
        lambda a, b: a + b,
        lambda a, b: torch.cat([a, b], dim=1),
        lambda a, b: (a, b),
        lambda a, b: {"classes": a, "boxes": [b]},
    ],
)
def test_outputs_of_several_layers_have_several_output_layers(together: Callable[[Tensor, Tensor], Any]) -> None:
    def forward(m: Any, images: Tensor) -> Any:
        hidden = m.body(images)
        return together(m.first(hidden), m.second(hidden))

    by_layer = kinds(forward, first=head(), body=body(), second=head())
    assert by_layer == {"first": "output", "body.0": "conv", "second": "output"}


def test_what_is_added_to_a_hidden_value_is_hidden() -> None:
    def forward(m: Any, images: Tensor) -> Tensor:
        hidden = m.body(images)
        return m.head(hidden + m.residual(hidden))

    by_layer = kinds(forward, head=head(), body=body(), residual=nn.Linear(4, 4))
    assert by_layer == {"head": "output", "body.0": "conv", "residual": "hidden"}


def test_a_layer_whose_weight_is_used_without_calling_it_counts() -> None:
    def forward(m: Any, images: Tensor) -> Tensor:
        return nn.functional.linear(m.body(images), m.head.weight.tanh(), m.head.bias)

    assert kinds(forward, head=head(), body=body()) == {"head": "output", "body.0": "conv"}


def test_attention_ends_in_its_output_projection() -> None:
    def forward(m: Any, images: Tensor) -> Tensor:
        tokens = m.body[0](images).flatten(2).mT
        return m.attention(tokens, tokens, tokens)[0].mean(dim=1)

    by_layer = kinds(forward, attention=nn.MultiheadAttention(4, 2, batch_first=True), body=body())
    assert by_layer == {"attention.out_proj": "output", "body.0": "conv"}


@pytest.mark.parametrize("last", [nn.utils.parametrizations.spectral_norm(head()), nn.LSTM(4, 5), nn.Bilinear(4, 4, 5)])
def test_where_the_last_matrix_cannot_be_pruned_no_layer_is_the_output(last: nn.Module) -> None:
    def forward(m: Any, images: Tensor) -> Tensor:
        hidden = m.hidden(m.body(images))
        outputs = m.last(hidden, hidden) if isinstance(m.last, nn.Bilinear) else m.last(hidden)
        return outputs[0] if isinstance(outputs, tuple) else outputs

    assert kinds(forward, body=body(), hidden=nn.Linear(4, 4), last=last) == {"body.0": "conv", "hidden": "hidden"}


@pytest.mark.parametrize("table", [nn.Embedding, nn.EmbeddingBag])
def test_what_an_embedding_is_read_into_has_an_output_layer(table: type[nn.Module]) -> None:
    def forward(m: Any, images: Tensor) -> Tensor:
        hidden = m.table((images.flatten(1) > 0).long())
        return m.head(hidden.mean(1) if isinstance(m.table, nn.Embedding) else hidden)

    assert kinds(forward, table=table(2, 4), head=head()) == {"head": "output"}


def test_scales_and_batch_norm_after_the_output_layer_leave_it_the_output() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.ReLU(), head(), nn.BatchNorm1d(5), nn.Softplus())
    assert list(prunable_layers(network, SHAPE).values()) == ["hidden", "output"]


def test_frozen_weights_are_not_pruned_and_the_module_stays_as_it_was() -> None:
    network = Network(lambda m, x: m.head(m.body(x)), head=head(), body=nn.Sequential(*body(), nn.BatchNorm1d(4)))
    network.head.requires_grad_(False)
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        assert prunable_layers(network, SHAPE) == {"body.0.weight": "conv"}  # not the output: the head still is
    assert network.training and network.body.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    assert all(parameter.grad is None for parameter in network.parameters()) and frozen == {"head.weight", "head.bias"}


def without_gradient(m: Any, images: Tensor) -> Tensor:
    with torch.no_grad():
        return m.body(images)


UNSEEN_BY_AUTOGRAD: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "no_grad": lambda m, x: m.head(without_gradient(m, x)),
    "detach": lambda m, x: m.head(m.body(x).detach()),
    "NumPy": lambda m, x: m.head(torch.from_numpy(m.body(x).detach().numpy())),
    "beside a way with gradients": lambda m, x: m.head(m.hidden(without_gradient(m, x))) + 0 * x.mean(),
    "outputs": lambda m, x: m.head(m.body(x)).detach(),
}


@pytest.mark.parametrize("forward", UNSEEN_BY_AUTOGRAD.values(), ids=UNSEEN_BY_AUTOGRAD)
def test_the_output_layer_is_found_behind_what_autograd_does_not_record(
    forward: Callable[[Any, Tensor], Tensor],
) -> None:
    by_layer = kinds(forward, head=head(), hidden=nn.Linear(4, 4), body=body())
    assert by_layer == {"head": "output", "hidden": "hidden", "body.0": "conv"}


def test_a_second_output_layer_is_found_behind_a_part_without_gradients() -> None:
    by_layer = kinds(
        lambda m, x: m.head(without_gradient(m, x)) + m.skip(x.flatten(1)),
        head=head(),
        body=body(),
        skip=nn.Linear(192, 5),
    )
    assert by_layer == {"head": "output", "body.0": "conv", "skip": "output"}


def test_the_output_layer_is_found_behind_an_embedding() -> None:
    by_layer = kinds(
        lambda m, x: m.head(m.hidden(m.table((x.flatten(1) > 0).long()).mean(dim=1)).relu()),
        table=nn.Embedding(2, 4),
        head=head(),
        hidden=nn.Linear(4, 4),
    )
    assert by_layer == {"head": "output", "hidden": "hidden"}


def test_experts_that_images_choose_are_weights_of_the_product_that_takes_them() -> None:
    def forward(m: Any, images: Tensor) -> Tensor:
        hidden = m.body(images)
        experts = torch.stack([m.first.weight, m.second.weight])[hidden.argmax(dim=1) % 2]
        return torch.einsum("ni,noi->no", hidden, experts)

    by_layer = kinds(forward, first=head(), second=head(), body=body())
    assert by_layer == {"first": "output", "second": "output", "body.0": "conv"}


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (1, 5, 1)])
@pytest.mark.parametrize(
    "applied",
    [lambda scores, scale: scores * scale, lambda scores, scale: scores / scale.exp(), torch.sub],
    ids=["times", "temperature", "minus"],
)
def test_scales_and_shifts_of_scores_are_no_output_layer(shape: tuple[int, ...], applied: Any) -> None:
    def forward(m: Any, images: Tensor) -> Tensor:
        return applied(m.head(m.body(images)), m.scale[0].reshape(shape[:2]))

    scale = nn.ParameterList([nn.Parameter(torch.ones(shape))])
    assert kinds(forward, head=head(), body=body(), scale=scale) == {"head": "output", "body.0": "conv"}


@pytest.mark.parametrize(
    ("last", "expected"),
    [(nn.Linear(4, 1), "output"), (nn.utils.parametrizations.weight_norm(nn.Linear(4, 1)), None)],
)
def test_a_layer_of_one_row_is_no_scale(last: nn.Module, expected: str | None) -> None:
    by_layer = kinds(lambda m, x: m.last(m.hidden(m.body(x))), hidden=nn.Linear(4, 4), body=body(), last=last)
    assert by_layer.get("last") == expected and by_layer["hidden"] == "hidden"


def test_a_layer_whose_values_are_overwritten_in_place_stays_hidden() -> None:
    def forward(m: Any, images: Tensor) -> Tensor:
        scores = torch.empty(len(images), 10)
        hidden = m.hidden(m.body(images)).relu_().mul_(2)
        scores[:, :5] = m.head(hidden)
        scores[:, 5:] = m.other(hidden)
        return scores

    by_layer = kinds(forward, head=head(), other=head(), body=body(), hidden=nn.Linear(4, 4))
    assert by_layer == {"head": "output", "other": "output", "body.0": "conv", "hidden": "hidden"}


@pytest.mark.parametrize("name", ["resnet-110", "resnet50"])
def test_deep_networks_are_traced_quickly(name: str) -> None:
    with torch.device("meta"):
        network = model.call(name, {"classes": 10, "input_shape": (3, 32, 32)}, {})
    assert [weight for weight, kind in prunable_layers(network, (3, 32, 32)).items() if kind == "output"] == [
        "fc.weight"
    ]


def test_matrices_that_nobody_prunes_are_named_with_their_sizes() -> None:
    body = nn.ModuleDict({"table": nn.Embedding(5, 3), "read": nn.LSTM(3, 2), "plain": nn.Linear(2, 4)})
    body["frozen"] = nn.Linear(4, 4).requires_grad_(False)
    body["normed"] = nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))
    assert unpruned_weights(body) == {
        "table.weight": 15,
        "read.weight_ih_l0": 24,
        "read.weight_hh_l0": 16,
        "frozen.weight": 16,
        "normed.parametrizations.weight.original1": 8,
    }
    assert prunable_weights(body) == ["plain.weight"]


def test_weights_whose_rows_are_no_filters_are_known() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ConvTranspose2d(2, 3, 2), nn.Bilinear(2, 2, 3))
    network[2].prunable = {"weight": "hidden"}  # pyright: ignore[reportArgumentType]
    named = weights_without_filters(network)
    assert [*named] == ["1.weight", "2.weight"]
    assert "transposed convolution" in named["1.weight"] and "not the weight of a convolution" in named["2.weight"]
