"""Reading a data file for training: normalised batches by example index, whether the pixels are in it or in files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lth_core.artifacts import check_tensors, read_header
from lth_core.data.folder import decode
from lth_core.data.splits import SPLITS, DataError


class ImageData(Protocol):
    """A data set ready for training. Splits are train, validation and test."""

    classes: int
    input_shape: tuple[int, int, int]
    source: str
    black: Tensor
    """The normalised value of a black pixel per channel (C,), on the data's device."""

    def size(self, split: str) -> int:
        """Number of examples of the split."""

    def batches(self, split: str, index_batches: Iterable[np.ndarray]) -> Iterator[tuple[Tensor, Tensor]]:
        """For every batch of indices (B,) or (R, B): images (..., C, H, W), float32, normalised, and labels (...)."""


def open_data(path: str | Path, device: torch.device | str = "cpu") -> ImageData:
    """Open a data file; batches come on `device`. Raises ArtifactError when the file is missing or damaged."""
    header = read_header(path)
    with safe_open(str(path), framework="pt") as opened:  # tensors are mapped from the file, not read
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
    check_tensors(path, {name: value.numpy() for name, value in tensors.items()})
    reader = StreamedImages if "streamed" in header else StoredImages
    return reader(tensors, header, torch.device(device))


class _Facts:
    """What both readers know from the header."""

    def __init__(self, tensors: dict[str, Tensor], header: dict[str, Any], device: torch.device):
        self.classes: int = header["classes"]
        self.input_shape: tuple[int, int, int] = tuple(header["input_shape"])
        self.source: str = header["source"]
        self.device = device
        self.mean = torch.tensor(header["mean"], device=device)[:, None, None]
        self.std = torch.tensor(header["std"], device=device)[:, None, None]
        self.black = (-self.mean / self.std).flatten()
        self.labels = {split: tensors[f"{split}_labels"].to(device) for split in SPLITS}

    def size(self, split: str) -> int:
        return len(self.labels[split])

    def normalise(self, images: Tensor) -> Tensor:
        """Stored pixels (..., C, H, W) -> (pixels - mean) / std in float32, on the device."""
        return (images.to(self.device) - self.mean).div_(self.std)


class StoredImages(_Facts):
    """Pixels in the data file."""

    def __init__(self, tensors: dict[str, Tensor], header: dict[str, Any], device: torch.device):
        super().__init__(tensors, header, device)
        self.images = {split: tensors[f"{split}_images"].to(device) for split in SPLITS}

    def batches(self, split: str, index_batches: Iterable[np.ndarray]) -> Iterator[tuple[Tensor, Tensor]]:
        images, labels = self.images[split], self.labels[split]
        for batch in index_batches:
            index = torch.from_numpy(batch.flatten()).to(self.device)
            chosen = self.normalise(images.index_select(0, index))
            yield chosen.view(*batch.shape, *self.input_shape), labels.index_select(0, index).view(batch.shape)


class StreamedImages(_Facts):
    """Pixels in image files, decoded by as many worker processes as torch has threads."""

    def __init__(self, tensors: dict[str, Tensor], header: dict[str, Any], device: torch.device):
        super().__init__(tensors, header, device)
        names = {split: os.fsdecode(bytes(tensors[f"{split}_files"].numpy())).split("\0") for split in SPLITS}
        self.files = {split: _Decoder(names[split], **header["streamed"]) for split in SPLITS}

    def batches(self, split: str, index_batches: Iterable[np.ndarray]) -> Iterator[tuple[Tensor, Tensor]]:
        # An index batch is the loader's unit of work. Its own generator keeps torch's global random state untouched.
        loader = DataLoader(
            self.files[split],
            sampler=index_batches,
            batch_size=None,
            num_workers=torch.get_num_threads(),
            generator=torch.Generator(),
        )
        for batch, pixels in loader:
            if isinstance(pixels, DataError):
                raise pixels
            yield self.normalise(pixels), self.labels[split][batch.to(self.device)]


class _Decoder(Dataset):
    """Batch of indices -> the same batch and its pixels, uint8 (..., C, H, W), or the DataError met on the way.

    The error is returned because a loader wraps what its workers raise into a page of text.
    """

    def __init__(self, names: list[str], folder: str, size: int, grey: bool):
        self.names, self.folder, self.size, self.grey = names, os.path.abspath(folder), size, grey

    def __getitem__(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray | DataError]:
        try:
            pixels = np.stack([decode(self.path(index), self.size, self.grey) for index in batch.flat])
        except DataError as error:
            return batch, error
        return batch, pixels.reshape(*batch.shape, *pixels.shape[1:])

    def path(self, index: int) -> str:
        path = os.path.abspath(os.path.join(self.folder, self.names[index]))
        if not path.startswith(self.folder + os.sep):
            raise DataError(
                f"'{self.names[index]}' is outside of {self.folder}: delete the data file and prepare it again"
            )
        return path
