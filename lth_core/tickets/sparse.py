"""A ticket with sparse weights, for inference: compressed rows (CSR) anywhere, 2:4 on GPUs that torch supports.

A convolution is the product of its weight, one row per filter, with the patches that it reads. CSR stores what is kept
and computes nothing else, but addresses each number by itself: it pays at low densities only, and should be timed.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lth_core.models.folding import folded
from lth_core.tickets.examples import cause_of, example_of
from lth_core.tickets.loading import TicketError

if TYPE_CHECKING:
    from jaxtyping import Float


class CsrMatrix(nn.Module):
    """A matrix in compressed rows, as buffers: `rows` (outputs + 1), and `columns` and `values` of what is kept."""

    rows: Tensor
    columns: Tensor
    values: Tensor

    def __init__(self, matrix: Float[Tensor, "outputs inputs"]):
        super().__init__()
        self.shape = tuple(matrix.shape)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
            compressed = matrix.detach().to_sparse_csr()
        self.register_buffer("rows", compressed.crow_indices().int())
        self.register_buffer("columns", compressed.col_indices().int())
        self.register_buffer("values", compressed.values())

    def forward(self, columns: Float[Tensor, "inputs examples"]) -> Float[Tensor, "outputs examples"]:
        with torch.sparse.check_sparse_tensor_invariants(False):  # said, or torch warns that nothing is checked
            return torch.sparse_csr_tensor(self.rows, self.columns, self.values, self.shape) @ columns


class CsrLinear(nn.Module):
    """A linear layer of a sparse weight."""

    def __init__(self, layer: nn.Linear):
        super().__init__()
        self.weight, self.bias = CsrMatrix(layer.weight), layer.bias

    def forward(self, inputs: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        outputs = self.weight(inputs.reshape(-1, inputs.shape[-1]).T.contiguous()).T
        outputs = outputs if self.bias is None else outputs + self.bias
        return outputs.reshape(*inputs.shape[:-1], -1)


class CsrConv2d(nn.Module):
    """A convolution of a sparse weight, without groups, padded with zeros."""

    def __init__(self, layer: nn.Conv2d):
        super().__init__()
        self.weight, self.bias = CsrMatrix(layer.weight.flatten(1)), layer.bias
        assert not isinstance(layer.padding, str)
        self.kernel, self.steps = layer.kernel_size, (layer.dilation, layer.padding, layer.stride)

    def forward(self, images: Float[Tensor, "batch inputs H W"]) -> Float[Tensor, "batch outputs h w"]:
        patches = nn.functional.unfold(images, self.kernel, *self.steps).transpose(0, 1)  # (inputs, batch, positions)
        outputs = self.weight(patches.flatten(1)).reshape(-1, *patches.shape[1:]).transpose(0, 1)
        outputs = outputs if self.bias is None else outputs + self.bias[:, None]
        sizes = zip(images.shape[2:], self.kernel, *self.steps, strict=True)
        height, width = ((side + 2 * pad - gap * (size - 1) - 1) // step + 1 for side, size, gap, pad, step in sizes)
        return outputs.unflatten(2, (height, width))


def with_csr_weights(module: nn.Module, input_shape: Sequence[int]) -> nn.Module:
    """Copy a module, in evaluation mode, with the pruned weights of linear layers and convolutions in compressed rows.

    `input_shape` is that of one example, such as (C, H, W), a TokenShape where these are whole numbers. Layers that the
    module does not call with such inputs stay as they are, because it reads their weights in some other way; so do
    weights without zeros, grouped and one- or three-dimensional convolutions, attention and LSTMs. Masks are made
    permanent. The copy computes what the module does, up to rounding; its state dict holds what is kept. Raises
    TicketError where no weight can be compressed, and for a network that does not take such inputs, or no compressed
    weights.
    """
    sparse = folded(module).requires_grad_(False)
    example = example_of(sparse, input_shape)
    layers = [(path, layer) for path, layer in _called_layers(sparse, example) if _is_compressible(layer)]
    if not layers:
        raise TicketError(
            "no linear layer or plain convolution that this network calls has a weight with zeros to leave out"
        )
    for path, layer in layers:
        compressed = CsrLinear(layer) if isinstance(layer, nn.Linear) else CsrConv2d(layer)
        if not path:
            return compressed
        parent, _, name = path.rpartition(".")
        setattr(sparse.get_submodule(parent), name, compressed)
    try:
        sparse(example)
    except Exception as error:  # of a module that reads the weight of a layer which it calls, too
        raise TicketError(f"this network does not take compressed weights ({cause_of(error)})") from error
    return sparse


def _called_layers(module: nn.Module, example: Tensor) -> list[tuple[str, nn.Linear | nn.Conv2d]]:
    """List the linear layers and convolutions that a module calls, in its order of layers."""
    called: set[nn.Module] = set()
    layers = [(path, layer) for path, layer in module.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    hooks = [layer.register_forward_pre_hook(lambda layer, _: called.add(layer)) for _, layer in layers]
    with torch.no_grad():
        module(example)
    for hook in hooks:
        hook.remove()
    return [(path, layer) for path, layer in layers if layer in called]


def _is_compressible(layer: nn.Linear | nn.Conv2d) -> bool:
    plain = type(layer) in (nn.Linear, nn.Conv2d)  # kinds of them may compute otherwise
    if isinstance(layer, nn.Conv2d):
        plain &= layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return plain and not bool(layer.weight.all())


# ---------------------------------------------------------------- 2:4


def is_2_of_4(weight: Tensor) -> bool:
    """Tell whether a matrix has at most two numbers other than zero in every four consecutive ones of a row."""
    return weight.ndim == 2 and weight.shape[1] % 4 == 0 and int((weight.unflatten(1, (-1, 4)) != 0).sum(-1).max()) <= 2


def with_2_of_4_weights(module: nn.Module) -> tuple[nn.Module, list[str]]:
    """Copy a module in half precision with semi-structured weights where torch supports them; name these layers.

    torch decides by device, type and shape (a GPU with sparse tensor cores); other layers stay dense. Raises
    TicketError, with torch's reason, where it supports none.
    """
    sparse = folded(module).eval().requires_grad_(False)
    linear = [(path, layer) for path, layer in sparse.named_modules() if type(layer) is nn.Linear]
    candidates = [(path, layer) for path, layer in linear if is_2_of_4(layer.weight)]
    if not candidates:
        raise TicketError("no linear layer has 2 of every 4 weights")
    if all(layer.weight.device.type == "cpu" for _, layer in candidates):
        raise TicketError("torch has 2:4 weights on GPUs only")
    sparse, supported, reason = sparse.half(), [], ""
    for path, layer in candidates:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch announces a prototype
                compressed = torch.sparse.to_sparse_semi_structured(layer.weight.data)
        except (RuntimeError, ValueError, NotImplementedError) as error:
            reason = str(error).strip().partition("\n")[0]
        else:
            layer.weight = nn.Parameter(compressed, requires_grad=False)
            supported.append(path)
    if not supported:
        raise TicketError(f"torch has no 2:4 weights for this network here ({reason})")
    return sparse, supported
