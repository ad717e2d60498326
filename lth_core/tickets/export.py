"""A ticket as ONNX: one file, or a pair of files where it is too large for one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from lth_core.models.folding import folded
from lth_core.storage.files import write_whole
from lth_core.tickets.loading import TicketError

ONNX_PACKAGES = ("onnx", "onnxscript")
"""What torch needs to export; this project needs them for its tests only."""

LARGEST_FILE = 1_500_000_000
"""Bytes of weights that one file holds; the format (protobuf) allows 2 GiB in all."""


def export_onnx(module: nn.Module, input_shape: Sequence[int], path: str | Path) -> None:
    """Write the module, as it evaluates, as an ONNX file: input `images` (N, *input_shape), output `scores`.

    Masks are made permanent in the file, which is as large as that of the dense network. Weights that are too large for
    one file lie in a second one, `path` with `.data` after it; both belong together. Raises TicketError when the
    packages that torch needs are not installed or torch cannot export the network, ArtifactError when the files cannot
    be written.
    """
    if missing := [package for package in ONNX_PACKAGES if find_spec(package) is None]:
        raise TicketError(f"export to ONNX needs packages that are not installed: pip install {' '.join(missing)}")
    try:
        module = folded(module)
        tensors = [*module.parameters(), *module.buffers()]
        # Two images: torch.export takes a batch of one for a constant.
        example = torch.zeros(2, *input_shape, device=tensors[0].device if tensors else None)
        program = torch.onnx.export(
            module,
            (example,),
            input_names=["images"],
            output_names=["scores"],
            dynamic_shapes=({0: torch.export.Dim("images")},),
            dynamo=True,
            verbose=False,
        )
    except Exception as error:  # whatever a module does that torch cannot export
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise TicketError(f"torch cannot export this network to ONNX ({reason})") from error
    large = sum(tensor.nbytes for tensor in tensors) > LARGEST_FILE
    write_whole(path, lambda temporary: _save(program, large, temporary, Path(path)), summed=False)


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
