"""A ticket as ONNX: one file, or a pair of files where it is too large for one."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from lth_core.models.folding import folded
from lth_core.models.inputs import TokenShape, zeros
from lth_core.storage.files import write_whole
from lth_core.tickets.loading import TicketError

ONNX_PACKAGES = ("onnx", "onnxscript")
"""What torch needs to export; this project needs them for its tests only."""

LARGEST_FILE = 1_500_000_000
"""Bytes of weights that one file holds; the format (protobuf) allows 2 GiB in all."""

ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
"""What colours the text of a terminal."""


def export_onnx(module: nn.Module, input_shape: Sequence[int], path: str | Path) -> None:
    """Write the module, as it evaluates, as an ONNX file of inputs (N, *input_shape), N any number, and `scores`.

    The inputs are called `images`, `tokens` or `nodes` (int64), or `features`. `input_shape` is that of one example, a
    TokenShape where these are whole numbers; a network that fails on others gets these. Masks are made permanent in the
    file, which is as large as that of the dense network. Weights that are too large for one file lie in a second one,
    `path` with `.data` after it; both belong together. Raises TicketError when the packages that torch needs are not
    installed, the network does not take such inputs or torch cannot export it, ArtifactError when the files cannot be
    written.
    """
    if missing := [package for package in ONNX_PACKAGES if find_spec(package) is None]:
        raise TicketError(f"export to ONNX needs packages that are not installed: pip install {' '.join(missing)}")
    module = folded(module)
    tensors = [*module.parameters(), *module.buffers()]
    shape = _taken_shape(module, input_shape, tensors[0].device if tensors else None)
    # Two examples: torch.export takes a batch of one for a constant.
    example = zeros(shape, 2, tensors[0].device if tensors else None)
    name = _name_of_inputs(shape)
    try:
        with _silence():
            program = torch.onnx.export(
                module,
                (example,),
                input_names=[name],
                output_names=["scores"],
                dynamic_shapes=({0: torch.export.Dim(name)},),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # whatever a module does that torch cannot export
        raise TicketError(f"torch cannot export this network to ONNX ({_cause(error)})") from error
    large = sum(tensor.nbytes for tensor in tensors) > LARGEST_FILE
    write_whole(path, lambda temporary: _save(program, large, temporary, Path(path)), summed=False)


def _taken_shape(module: nn.Module, input_shape: Sequence[int], device: torch.device | None) -> Sequence[int]:
    """Return the shape of what the network takes: where it fails on numbers but not on whole ones, a TokenShape.

    torch would export either, and no runtime could load the wrong one. Raises TicketError where the network takes
    neither.
    """
    try:
        _call(module, zeros(input_shape, 2, device))
    except Exception as error:  # whatever a module does with what it does not take
        tokens = TokenShape(input_shape)
        if not isinstance(input_shape, TokenShape):
            with suppress(Exception):
                _call(module, zeros(tokens, 2, device))
                return tokens
        numbers = "whole numbers" if isinstance(input_shape, TokenShape) else "numbers"
        raise TicketError(
            f"this network does not take {numbers} of shape (N, {', '.join(map(str, input_shape))}): give the shape of "
            f"one example, as load_inputs does ({_cause(error)})"
        ) from error
    return input_shape


def _call(module: nn.Module, inputs: Tensor) -> None:
    with torch.no_grad():
        module(inputs)


def _name_of_inputs(shape: Sequence[int]) -> str:
    if isinstance(shape, TokenShape):
        return "tokens" if shape else "nodes"
    return "images" if len(shape) == 3 else "features"


@contextmanager
def _silence() -> Iterator[None]:
    """Keep torch's reports and tracebacks, in which a cause is lost, from the terminal."""
    disabled = logging.root.manager.disable
    logging.disable()
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _cause(error: BaseException) -> str:
    """Return the first line of the innermost cause, without a terminal's escape codes."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = ESCAPES.sub("", str(error)).strip()
    return next(iter(text.splitlines()), type(error).__name__)


def _save(program: Any, large: bool, temporary: Path, path: Path) -> None:
    """Save to the temporary file and, where it is large, its weights beside the path."""
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        saved = Path(folder, path.name)  # in the first file stands what the second one is called
        program.save(saved, external_data=large)
        data = saved.with_name(f"{path.name}.data")
        if data.exists():
            with open(data, "rb") as written:
                os.fsync(written.fileno())
            path.unlink(missing_ok=True)  # an older export would be read with the weights of this one
            os.replace(data, path.with_name(data.name))
        os.replace(saved, temporary)
