"""A ticket as ONNX: one file, or a pair of files where it is too large for one."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from lth_core.models.folding import folded
from lth_core.storage.files import write_whole
from lth_core.tickets.examples import cause_of, example_of
from lth_core.tickets.loading import TicketError

ONNX_PACKAGES = ("onnx", "onnxscript")
"""What torch needs to export; this project needs them for its tests only."""

LARGEST_FILE = 1_500_000_000
"""Bytes of weights that one file holds; the format (protobuf) allows 2 GiB in all."""


def export_onnx(module: nn.Module, input_shape: Sequence[int], path: str | Path) -> None:
    """Write the module, as it evaluates, as an ONNX file of inputs (N, *input_shape), N any number, and `scores`.

    The inputs are called `images`, `tokens` or `nodes` (int64), or `features`. `input_shape` is that of one example, a
    TokenShape where these are whole numbers; a network that fails on others gets these. Masks are made permanent in the
    file, which is as large as that of the dense network. Weights that are too large for one file lie in a second one,
    `path` with `.data` after it; both belong together. Raises TicketError when the packages that torch needs are not
    installed, the network does not take such inputs or torch cannot export it for any N, ArtifactError when the files
    cannot be written.
    """
    if not isinstance(module, nn.Module):
        raise TicketError(f"export_onnx takes a module, as load_module returns one, not a {type(module).__name__}")
    if not isinstance(input_shape, Sequence):
        raise TicketError(f"input_shape is that of one example, such as ({input_shape},), not {input_shape}")
    if missing := [package for package in ONNX_PACKAGES if find_spec(package) is None]:
        raise TicketError(f"export to ONNX needs packages that are not installed: pip install {' '.join(missing)}")
    try:
        module = folded(module)
        tensors = [*module.parameters(), *module.buffers()]
        example = example_of(module, input_shape)  # two of them: torch.export takes a batch of one for a constant
        name = _name_of(example)
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
    except TicketError:
        raise
    except Exception as error:  # whatever a module does that torch cannot export
        raise TicketError(f"torch cannot export this network to ONNX ({cause_of(error)})") from error
    assert program is not None
    (inputs,) = program.model.graph.inputs
    if inputs.shape is None or isinstance(inputs.shape[0], int):
        raise TicketError("torch cannot export this network to ONNX for any number of examples, but for 2 at once only")
    large = sum(tensor.nbytes for tensor in tensors) > LARGEST_FILE
    write_whole(path, lambda temporary: _save(program, large, temporary, Path(path)), summed=False)


def _name_of(inputs: Tensor) -> str:
    if not inputs.is_floating_point():
        return "tokens" if inputs.ndim > 1 else "nodes"
    return "images" if inputs.ndim == 4 else "features"


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
