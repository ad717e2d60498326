"""What an image costs: operations inside LSTMs and attention count, as do those of functions that no layer calls."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lth_core.models.cost import flops, flops_per_weight, network_cost

TOKENS, SIZE, HEADS = 5, 8, 2


class Rows(nn.Module):
    """Reads an image of one channel as a sequence of its rows, and keeps the first thing that its layer returns."""

    def __init__(self, layer: nn.Module, times: int = 1):
        super().__init__()
        self.layer, self.times = layer, times

    def forward(self, images: Tensor) -> Tensor:
        outputs = self.layer(*[images[:, 0]] * self.times)
        return outputs if isinstance(outputs, Tensor) else outputs[0]


def recurrent(gates: int, hidden: int, layers: int, directions: int) -> int:
    """Every weight matrix of every layer and direction is applied to every token."""
    inputs = [SIZE] + [hidden * directions] * (layers - 1)
    return sum(2 * TOKENS * directions * gates * hidden * (size + hidden) for size in inputs)


PROJECTIONS = 2 * TOKENS * SIZE * 3 * SIZE + 2 * TOKENS * SIZE * SIZE
SCORES = 2 * (2 * TOKENS * TOKENS * SIZE)  # queries with keys, then weights with values: all heads together
COUNTED = {
    "LSTM": (nn.LSTM(SIZE, 6, 2, batch_first=True, bidirectional=True), 1, recurrent(4, 6, 2, 2)),
    "GRU": (nn.GRU(SIZE, 6, batch_first=True), 1, recurrent(3, 6, 1, 1)),
    "RNN": (nn.RNN(SIZE, 6, batch_first=True), 1, recurrent(1, 6, 1, 1)),
    "attention": (nn.MultiheadAttention(SIZE, HEADS, batch_first=True), 3, PROJECTIONS + SCORES),
    "transformer": (
        nn.TransformerEncoderLayer(SIZE, HEADS, 16, batch_first=True),
        1,
        PROJECTIONS + SCORES + 2 * 2 * TOKENS * SIZE * 16,
    ),
    "bilinear": (nn.Bilinear(SIZE, SIZE, 3), 2, 2 * TOKENS * 3 * SIZE * SIZE),
}


@pytest.mark.parametrize(("layer", "times", "expected"), COUNTED.values(), ids=COUNTED)
@pytest.mark.parametrize("training", [False, True])
def test_operations_of_one_image(layer: nn.Module, times: int, expected: int, training: bool) -> None:
    module = Rows(layer, times).train(training)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cost = network_cost(module, (1, TOKENS, SIZE))
    assert cost["flops"] == expected
    assert module.training is training


def test_operations_of_functions_count_and_those_of_embeddings_do_not() -> None:
    class Functions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.weight = nn.Embedding(7, 4), nn.Parameter(torch.ones(3, 4))

        def forward(self, images: Tensor) -> Tensor:
            tokens = self.embedding(images.long().flatten(1))  # (N, 6, 4)
            attended = functional.scaled_dot_product_attention(tokens, tokens, tokens)
            return torch.einsum("ntd,cd->nc", attended, self.weight) + functional.linear(tokens, self.weight).mean(1)

    expected = 2 * (2 * 6 * 6 * 4) + 2 * 6 * 4 * 3
    assert expected < flops(Functions(), torch.zeros(1, 1, 2, 3)) <= expected + 2 * 6 * 4 * 3


def test_transposed_and_grouped_convolutions() -> None:
    assert flops(nn.ConvTranspose2d(3, 6, 4, 2, 1), torch.zeros(1, 3, 5, 5)) == 2 * 25 * 3 * 6 * 16
    assert flops(nn.Conv2d(4, 8, 3, padding=1, groups=4), torch.zeros(1, 4, 5, 5)) == 2 * 25 * 8 * 9


def test_fused_kernels_are_as_before_afterwards() -> None:
    flops(nn.Linear(2, 2), torch.zeros(1, 2))
    assert torch.backends.mkldnn.enabled is torch.backends.mkldnn.is_available()
    assert torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()


def test_activations_inside_lstms_and_attention_count() -> None:
    def activations(layer: nn.Module, times: int = 1) -> int:
        return network_cost(Rows(layer, times), (1, TOKENS, SIZE))["activations"]

    assert activations(COUNTED["LSTM"][0]) >= 2 * 2 * TOKENS * 4 * 6  # the gates of two layers and directions
    assert activations(COUNTED["attention"][0], 3) >= TOKENS * 3 * SIZE + HEADS * TOKENS * TOKENS


def test_counting_does_not_import_torchs_compiler() -> None:
    """It would take seconds of every job that makes theta_0."""
    code = (
        "import sys, torch; from lth_core.models.cost import network_cost;"
        "network_cost(torch.nn.Linear(2, 2), (2,)); print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr


# ---------------------------------------------------------------- by weight


def test_operations_per_weight_of_layers() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 9, 5))
    assert flops_per_weight(module, (3, 6, 6), ["0.weight", "3.weight"]) == {"0.weight": 2 * 36, "3.weight": 2}


@pytest.mark.parametrize("layer", ["LSTM", "GRU", "attention", "transformer"])
def test_operations_inside_lstms_and_attention_are_those_of_their_weights(layer: str) -> None:
    """Every matrix is applied to every token; queries times keys are no weight's."""
    module, times, expected = COUNTED[layer]
    rows = Rows(module, times)
    names = [name for name, value in rows.named_parameters() if value.ndim > 1]
    counted = flops_per_weight(rows, (1, TOKENS, SIZE), names)
    assert set(counted.values()) == {2.0 * TOKENS}
    of_weights = sum(per * rows.get_parameter(name).numel() for name, per in counted.items())
    assert of_weights == expected - (SCORES if layer in ("attention", "transformer") else 0)
    assert rows.training


def test_a_weight_that_is_used_twice_counts_twice_and_an_unused_one_not_at_all() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.unused = nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.ones(4, 4))

        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1) @ self.weight @ self.weight.T

    assert flops_per_weight(Twice(), (1, 2, 2), ["weight", "unused"]) == {"weight": 4, "unused": 0}
