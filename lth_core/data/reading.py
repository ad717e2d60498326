"""Reading a data file for training: batches by example index; of images, whether pixels are in it or in files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lth_core.data.files import decode, decode_crop
from lth_core.data.kinds import IMAGES, kind_of_data
from lth_core.data.splits import SPLITS, DataError
from lth_core.data.stored import Stored, StoredEnvironment, StoredGraph, StoredLabelledTexts, StoredPoints, StoredText
from lth_core.data.trees import inside
from lth_core.randomness import random_generator
from lth_core.runtime.shares import ALONE, Share
from lth_core.storage.tensors import check_tensors, read_header

READERS = {
    "text": StoredText,
    "labelled-texts": StoredLabelledTexts,
    "points": StoredPoints,
    "environment": StoredEnvironment,
    "graph": StoredGraph,
}
"""Kind of data, but images -> what reads its file."""

Crops = Sequence[tuple[int, str, *tuple[int | str, ...]]]
"""Of one minibatch: per replicate, the key of the random generator of its crops; an example adds its position."""


class Data(Protocol):
    """A data set ready for training. Splits are train, validation and test."""

    kind: str
    facts: Mapping[str, Any]
    """What the header says: what models are offered, and more."""
    source: str
    share: Share
    """Which examples of every batch this process gets."""

    def size(self, split: str) -> int:
        """Count the examples of the split."""
        ...

    def labels_of(self, split: str) -> np.ndarray | None:
        """Return the class of every example (examples,), where examples have classes."""
        ...

    def batches(self, split: str, index_batches: Iterable[np.ndarray]) -> Iterator[tuple[Tensor, Tensor]]:
        """Read inputs and targets (..., one for each index) for every batch of indices (B,) or (R, B).

        Of each batch, this process gets its `share`; batches without such a share are left out.
        """
        ...


class ImageData(Data, Protocol):
    """Images ready for training."""

    classes: int
    input_shape: tuple[int, int, int]
    black: Tensor
    """The normalised value of a black pixel per channel (C,), on the data's device."""

    def batches(
        self, split: str, index_batches: Iterable[np.ndarray], crops: Iterable[Crops] | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Read normalised float32 images (..., C, H, W) and labels (...) for every batch of indices (B,) or (R, B).

        With `crops`, one for each batch, the images are random parts of the pictures in their files.
        """
        ...


def open_data(path: str | Path, device: torch.device | str = "cpu", share: Share = ALONE) -> Any:
    """Open a data file as the Data of its kind; of its batches this process gets its share, on `device`.

    Raises ArtifactError when the file is missing or damaged.
    """
    header = read_header(path)
    with safe_open(str(path), framework="pt") as opened:  # tensors are mapped from the file, not read
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
    check_tensors(path, {name: value.numpy() for name, value in tensors.items()})
    images = StreamedImages if "streamed" in header else StoredImages
    reader = {IMAGES: images, **READERS}[kind_of_data(header)]
    return reader(tensors, header, torch.device(device), share)


def read_facts(path: str | Path) -> Mapping[str, Any]:
    """Read what models are offered of a data file: its header alone, except of a graph, which they are built of.

    Raises ArtifactError when the file is missing or damaged.
    """
    header = read_header(path)
    return open_data(path).facts if kind_of_data(header) == "graph" else header


class _Images(Stored):
    """What both readers of images know from the header."""

    def __init__(self, tensors: dict[str, Tensor], header: dict[str, Any], device: torch.device, share: Share):
        super().__init__(header, device, share)
        self.classes: int = header["classes"]
        self.input_shape: tuple[int, int, int] = tuple(header["input_shape"])
        mean, std = (torch.tensor(header[name], device=device) for name in ("mean", "std"))
        self.scale = (1 / std)[:, None, None]
        self.black = -mean / std
        self.labels = {split: tensors[f"{split}_labels"].to(device) for split in SPLITS}

    def size(self, split: str) -> int:
        return len(self.labels[split])

    def labels_of(self, split: str) -> np.ndarray:
        """Return the label of every image of the split."""
        return self.labels[split].cpu().numpy()

    def normalise(self, images: Tensor) -> Tensor:
        """Turn stored pixels (..., C, H, W) into (pixels - mean) / std in float32, on the device."""
        return (self.sent(images).float() * self.scale).add_(self.black[:, None, None])


class StoredImages(_Images):
    """Pixels in the data file."""

    def __init__(self, tensors: dict[str, Tensor], header: dict[str, Any], device: torch.device, share: Share):
        super().__init__(tensors, header, device, share)
        self.images = {split: tensors[f"{split}_images"].to(device) for split in SPLITS}

    def batches(
        self, split: str, index_batches: Iterable[np.ndarray], crops: Iterable[Crops] | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        if crops is not None:
            raise DataError(f"{self.source}: parts of pictures are cut from their files: set 'stream: true'")
        images, labels = self.images[split], self.labels[split]
        for batch in self.shared(index_batches):
            index = self.sent(torch.from_numpy(batch.flatten()))
            chosen = self.normalise(images.index_select(0, index))
            yield chosen.view(*batch.shape, *self.input_shape), labels.index_select(0, index).view(batch.shape)


class StreamedImages(_Images):
    """Pixels in image files, decoded by as many worker processes as torch has threads."""

    def __init__(self, tensors: dict[str, Tensor], header: dict[str, Any], device: torch.device, share: Share):
        super().__init__(tensors, header, device, share)
        names = {split: tensors[f"{split}_files"].numpy() for split in SPLITS}
        self.files = {split: _Decoder(names[split], share, **header["streamed"]) for split in SPLITS}

    def batches(
        self, split: str, index_batches: Iterable[np.ndarray], crops: Iterable[Crops] | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        # A batch is the loader's unit of work: each worker holds two. The loader's own generator keeps torch's global
        # random state untouched.
        loader = DataLoader(
            self.files[split],
            sampler=zip(self.shared(index_batches), repeat(None) if crops is None else crops, strict=False),
            batch_size=None,
            num_workers=torch.get_num_threads(),
            generator=torch.Generator(),
            pin_memory=self.device.type == "cuda",
        )
        for batch, pixels in loader:
            if isinstance(pixels, DataError):
                raise pixels
            yield self.normalise(pixels), self.labels[split][self.sent(batch)]


class _Decoder(Dataset):
    """Batch of indices, and its crops -> the same batch and its pixels, uint8 (..., C, H, W), or the DataError met.

    The error is returned because a loader wraps what its workers raise into a page of text.
    """

    def __init__(self, names: np.ndarray, share: Share, folder: str, size: int, resize: int, grey: bool):
        # Names stay bytes in one array: millions of text objects would be copied into every worker as it counts them.
        self.names, self.ends = names, np.append(np.flatnonzero(names == 0), len(names))
        self.share, self.folder = share, os.path.abspath(folder)
        self.size, self.resize, self.grey = size, resize, grey

    def __getitem__(self, item: tuple[np.ndarray, Crops | None]) -> tuple[np.ndarray, np.ndarray | DataError]:
        batch, crops = item
        try:
            pixels = np.stack([self._pixels(index, crops, int(batch[index])) for index in np.ndindex(batch.shape)])
        except DataError as error:
            return batch, error
        return batch, pixels.reshape(*batch.shape, *pixels.shape[1:])

    def _pixels(self, index: tuple[int, ...], crops: Crops | None, example: int) -> np.ndarray:
        if crops is None:
            return decode(self.path(example), self.size, self.grey, self.resize)
        replicate, position = index
        rng = random_generator(*crops[replicate], self.share.position(position))
        return decode_crop(self.path(example), self.size, self.grey, rng)

    def path(self, example: int) -> str:
        first = self.ends[example - 1] + 1 if example else 0
        name = os.fsdecode(self.names[first : self.ends[example]].tobytes())
        return inside(self.folder, os.path.join(self.folder, name))
