"""Tickets as ONNX: one file or a complete pair of files, which compute what the module does."""

from __future__ import annotations

import copy
import importlib.util
import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lth_core import registry
from lth_core.config import Method
from lth_core.models.channels import removable_channels
from lth_core.models.inputs import TokenShape
from lth_core.models.layers import prunable_layers, prunable_weights
from lth_core.models.shrinking import shrink
from lth_core.pruning.prune import full_mask
from lth_core.pruning.rounds import next_mask
from lth_core.storage.errors import ArtifactError
from lth_core.storage.tensors import read_tensors, write_tensors
from lth_core.tickets import export
from lth_core.tickets.export import ONNX_PACKAGES, export_onnx
from lth_core.tickets.loading import TicketError
from lth_core.tickets.masking import prune_masks
from tests.support.zoo import ZOO

SHAPE = (1, 8, 8)

needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in (*ONNX_PACKAGES, "onnxruntime")),
    reason="needs onnx, onnxscript and onnxruntime",
)


def network(name: str = "lenet") -> nn.Module:
    return registry.model.call(name, {"classes": 10, "input_shape": SHAPE}, {})


def scores(path: Path, inputs: Tensor, name: str = "images") -> np.ndarray:
    import onnxruntime

    (values,) = onnxruntime.InferenceSession(path).run(["scores"], {name: inputs.numpy()})
    return values


def test_export_without_its_packages_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lth_core.tickets.export.find_spec", lambda package: None)
    with pytest.raises(TicketError, match=r"not installed: pip install onnx onnxscript$"):
        export_onnx(network(), SHAPE, tmp_path / "ticket.onnx")


@needs_onnx
@pytest.mark.parametrize("model", ["lenet", "conv-2", "resnet-8"])
def test_the_exported_file_computes_what_the_module_does_for_any_number_of_images(model: str, tmp_path: Path) -> None:
    module = network(model)
    export_onnx(module, SHAPE, tmp_path / "ticket.onnx")
    assert module.training
    assert [path.name for path in tmp_path.iterdir()] == ["ticket.onnx"]
    for count in (1, 7):
        images = torch.randn(count, *SHAPE)
        expected = module.eval()(images).detach().numpy()
        assert np.allclose(scores(tmp_path / "ticket.onnx", images), expected, atol=1e-5)


def without_half_its_channels(module: nn.Module) -> nn.Module:
    """The module with zeros in half of the channels of each group, through residual sums."""
    weights = {name: value.detach().numpy() for name, value in module.named_parameters()}
    layers = prunable_layers(module, SHAPE)
    method = Method(granularity="channel", rate=0.5, levels=1)
    mask = next_mask(
        method, layers, 1, 0, full_mask(weights, layers),
        initial=weights, trained_from=weights, trained=weights,
        consumers={}, channels={"groups": removable_channels(module, SHAPE)},
    )  # fmt: skip
    for name, kept in mask.items():
        module.get_parameter(name).data[~torch.from_numpy(kept)] = 0
    return module


@needs_onnx
@pytest.mark.parametrize("model", ["conv-2", "resnet-8"])
def test_a_shrunken_network_computes_the_scores_of_real_images_as_state_dict_and_as_file(
    model: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    ticket = without_half_its_channels(network(model)).eval()
    digits = registry.dataset.call("digits", {"root": "."}, {}).test.images[:50]
    images = torch.from_numpy(digits).float() / 16
    expected, small = ticket(images).detach().numpy(), shrink(ticket, SHAPE)
    write_tensors(
        tmp_path / "small.safetensors", {name: value.numpy() for name, value in small.state_dict().items()}, {}
    )
    state = {name: torch.tensor(value) for name, value in read_tensors(tmp_path / "small.safetensors").items()}
    assert sum(map(torch.numel, state.values())) < 0.6 * sum(map(torch.numel, ticket.state_dict().values()))
    export_onnx(small, SHAPE, tmp_path / "small.onnx")
    assert (tmp_path / "small.onnx").stat().st_size < sum(value.nbytes for value in ticket.state_dict().values())
    values = scores(tmp_path / "small.onnx", images)
    assert np.allclose(values, expected, atol=1e-5) and (values.argmax(axis=1) == expected.argmax(axis=1)).all()
    again = copy.deepcopy(small)
    again.load_state_dict(state)
    assert np.allclose(again(images).detach().numpy(), expected, atol=1e-5)


@needs_onnx
@pytest.mark.parametrize("animal", ["lstm", "attention", "embedding", "frozen_layer"])
def test_masks_of_what_is_declared_prunable_are_made_permanent_in_the_file(animal: str, tmp_path: Path) -> None:
    module = ZOO[f"{animal}_that_is_pruned"]()
    mask = {name: torch.rand_like(module.get_parameter(name)) < 0.5 for name in prunable_weights(module)}
    export_onnx(prune_masks(module, mask, overwrite=True), (1, 6, 6), tmp_path / "ticket.onnx")
    images = torch.randn(3, 1, 6, 6)
    expected = module.eval()(images).detach().numpy()
    assert np.allclose(scores(tmp_path / "ticket.onnx", images), expected, atol=1e-5)


@needs_onnx
def test_a_masked_module_is_exported_as_small_as_a_dense_one(tmp_path: Path) -> None:
    module = network()
    export_onnx(module, SHAPE, tmp_path / "dense.onnx")
    mask = {name: torch.rand_like(value) < 0.5 for name, value in module.named_parameters() if value.ndim > 1}
    prune_masks(module, mask, overwrite=True)
    images = torch.randn(3, *SHAPE)
    module(images).sum().backward()
    export_onnx(module, SHAPE, tmp_path / "masked.onnx")
    sizes = [(tmp_path / name).stat().st_size for name in ("masked.onnx", "dense.onnx")]
    assert sizes[0] <= 1.001 * sizes[1]
    assert np.allclose(scores(tmp_path / "masked.onnx", images), module(images).detach().numpy(), atol=1e-5)


@needs_onnx
def test_weights_that_are_too_large_for_one_file_lie_in_a_second_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(export, "LARGEST_FILE", 1000)
    images = torch.randn(3, *SHAPE)
    for seed in range(2):  # the second pair replaces the first one
        torch.manual_seed(seed)
        module = network()
        export_onnx(module, SHAPE, tmp_path / "ticket.onnx")
        assert {path.name for path in tmp_path.iterdir()} == {"ticket.onnx", "ticket.onnx.data"}
        assert (tmp_path / "ticket.onnx").stat().st_size < (tmp_path / "ticket.onnx.data").stat().st_size
        assert np.allclose(scores(tmp_path / "ticket.onnx", images), module(images).detach().numpy(), atol=1e-5)


@needs_onnx
@pytest.mark.parametrize("shape", [TokenShape((20,)), (20,)], ids=["tokens", "plain"])
@pytest.mark.parametrize("model", ["transformer", "lstm"])
def test_a_network_of_texts_is_exported_with_tokens_as_inputs(
    model: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    module = registry.model.call(model, {"vocabulary": 11, "context": 20}, {"width": 8})
    export_onnx(module, shape, tmp_path / "ticket.onnx")
    for count in (1, 5):
        tokens = torch.randint(0, 11, (count, 20))
        expected = module.eval()(tokens).detach().numpy()
        assert np.allclose(scores(tmp_path / "ticket.onnx", tokens, "tokens"), expected, atol=1e-5)


@needs_onnx
def test_a_network_of_a_graph_is_exported_with_nodes_as_inputs(tmp_path: Path) -> None:
    graph = SimpleNamespace(features=torch.rand(9, 4), edges=torch.tensor([[0, 1], [1, 2], [3, 4]]))
    module = registry.model.call("gcn", {"graph": graph, "classes": 3}, {})
    export_onnx(module, TokenShape(()), tmp_path / "ticket.onnx")
    nodes = torch.tensor([2, 0, 7])
    expected = module.eval()(nodes).detach().numpy()
    assert np.allclose(scores(tmp_path / "ticket.onnx", nodes, "nodes"), expected, atol=1e-5)


@needs_onnx
def test_rows_of_numbers_are_called_features(tmp_path: Path) -> None:
    module, rows = nn.Linear(4, 2), torch.randn(3, 4)
    export_onnx(module, (4,), tmp_path / "ticket.onnx")
    assert np.allclose(scores(tmp_path / "ticket.onnx", rows, "features"), module(rows).detach().numpy(), atol=1e-5)


class ByValue(nn.Module):
    """What it computes depends on what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Linear(64, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.scores(images.flatten(1)) if float(images.sum()) > 1 else images.flatten(1)[:, :3]


class Unknown(nn.Module):
    """An operation that ONNX does not have."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.linalg.eigvals(images[:, 0]).real


@needs_onnx
@pytest.mark.parametrize(
    ("module", "cause"),
    [
        (ByValue(), "Could not guard on data-dependent expression"),
        (Unknown(), "No ONNX function found for .*linalg_eig"),
    ],
)
def test_a_network_that_torch_cannot_export_is_one_line_with_its_cause(
    module: nn.Module, cause: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TicketError, match=rf"^torch cannot export this network to ONNX \({cause}.*\)$") as caught:
        export_onnx(module, SHAPE, tmp_path / "ticket.onnx")
    assert not set("\n\x1b") & set(str(caught.value)) and not any(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")
    assert {record.name for record in caplog.records} <= {"torch.__trace"}  # of torch 2.14, which no terminal shows
    caplog.clear()
    logging.getLogger("torch").warning("heard")
    assert caplog.messages == ["heard"]


@needs_onnx
def test_a_file_for_one_number_of_examples_is_refused_in_one_line(tmp_path: Path) -> None:
    class OfTwo(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.reshape(2, 64)

    with pytest.raises(TicketError, match=r"to ONNX for any number of examples, but for 2 at once only$"):
        export_onnx(OfTwo(), SHAPE, tmp_path / "ticket.onnx")
    assert not any(tmp_path.iterdir())


@needs_onnx
@pytest.mark.parametrize(
    ("model", "shape", "problem"),
    [
        ("lenet", (1, 9, 8), r"does not take numbers of shape \(N, 1, 9, 8\): give the shape of one example"),
        ("lenet", TokenShape((64,)), r"does not take whole numbers of shape \(N, 64\): give the shape"),
        ("transformer", (30,), r"does not take numbers of shape \(N, 30\): give the shape of one example"),
    ],
)
def test_inputs_that_the_network_does_not_take_are_said_as_such(
    model: str, shape: tuple[int, ...], problem: str, tmp_path: Path
) -> None:
    offered = {"classes": 10, "input_shape": SHAPE, "vocabulary": 11, "context": 20}
    with pytest.raises(TicketError, match=rf"^this network {problem}.*\(.+\)$") as caught:
        export_onnx(registry.model.call(model, offered, {}), shape, tmp_path / "ticket.onnx")
    assert "\n" not in str(caught.value)


@needs_onnx
def test_what_is_no_module_or_no_shape_is_said_as_such(tmp_path: Path) -> None:
    with pytest.raises(TicketError, match=r"^export_onnx takes a module, as load_module returns one, not a str$"):
        export_onnx("results/digits-lenet/0-4/imp/level_7", (64,), tmp_path / "ticket.onnx")
    with pytest.raises(TicketError, match=r"^input_shape is that of one example, such as \(64,\), not 64$"):
        export_onnx(nn.Linear(64, 10), 64, tmp_path / "ticket.onnx")


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="cannot be written"):
        export_onnx(network(), SHAPE, tmp_path / "file" / "ticket.onnx")
