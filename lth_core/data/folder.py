"""Your own images: a tree of train/CLASS/*.jpg and test/CLASS/*.jpg, as torchvision's ImageFolder reads it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import PositiveInt

from lth_core.data.splits import SPLITS, DataError, Images, Splits, channel_statistics, hold_out
from lth_core.randomness import stream as random_stream
from lth_core.registry import dataset

STATISTICS_IMAGES = 2000
"""Training images that the normalization of a streamed folder is estimated from."""


@dataclass(frozen=True)
class Files:
    """Image files, by name within the data set's folder, and their labels (N,)."""

    names: list[str]
    labels: np.ndarray

    def take(self, indices: np.ndarray) -> Files:
        """The files at the indices, in that order."""
        return Files([self.names[index] for index in indices], self.labels[indices])


@dataclass(frozen=True)
class StreamedSplits:
    """A data set whose pixels stay in the files of `folder`, decoded to `size` x `size` whenever they are needed."""

    train: Files
    validation: Files
    test: Files
    classes: int
    source: str
    folder: str
    size: int
    grey: bool

    def tensors(self) -> dict[str, np.ndarray]:
        """The arrays of the data file: {split}_files (names joined by NUL, as bytes) and {split}_labels (int64)."""
        arrays = {}
        for name in SPLITS:
            split = getattr(self, name)
            arrays[f"{name}_files"] = np.frombuffer(os.fsencode("\0".join(split.names)), dtype=np.uint8)
            arrays[f"{name}_labels"] = split.labels
        return arrays

    def facts(self) -> dict[str, Any]:
        """The header of the data file; mean and std per channel of at most STATISTICS_IMAGES training images."""
        chosen = random_stream(0, "statistics", "image-folder").permutation(len(self.train.names))[:STATISTICS_IMAGES]
        images = decode_all(self.folder, self.train.take(np.sort(chosen)).names, self.size, self.grey)
        mean, std = channel_statistics(images)
        return {
            "classes": self.classes,
            "input_shape": list(images.shape[1:]),
            "mean": mean,
            "std": std,
            "statistics_images": len(images),
            "source": self.source,
            "streamed": {"folder": self.folder, "size": self.size, "grey": self.grey},
        }


def file_names(root: str, path: str, **_: Any) -> list[str]:
    """The names of all files of a tree, sorted; none where there is no tree. What the workflow watches."""
    folder = Path(root, path)
    return sorted(
        Path(place, name).relative_to(folder).as_posix() for place, _, names in os.walk(folder) for name in names
    )


def known_of_folder(size: int, grey: bool = False, stream: bool = False, **_: Any) -> dict[str, Any]:
    """The facts that the options tell."""
    return {"input_shape": (1 if grey else 3, size, size), "streamed": stream}


@dataset("image-folder", watched=file_names, known=known_of_folder)
def image_folder(
    root: str, path: str, size: PositiveInt, validation: int | float = 5000, grey: bool = False, stream: bool = False
) -> Splits | StreamedSplits:
    """Images in ROOT/PATH/{train,test}/CLASS/, the shorter side resized to `size`, then centre-cropped to a square.

    `validation` images (a number, or a fraction of the training images) are held out of train, stratified by class.
    `stream: true` leaves the pixels in the files, for sets that are too large for memory: training decodes them.
    The workflow notices images that are added, removed or renamed, not images edited in place.
    Raises DataError when the tree is not as described or an image cannot be decoded.
    """
    folder = str(Path(root, path))
    (train, classes), (test, test_classes) = (_list_files(folder, part) for part in ("train", "test"))
    if classes != test_classes:
        differing = ", ".join(sorted(set(classes) ^ set(test_classes)))
        raise DataError(f"{folder}: train and test must have the same class folders; only in one of them: {differing}")
    total = len(train.names) + len(test.names)
    count = round(validation * len(train.names)) if isinstance(validation, float) else validation
    if not 0 < count < len(train.names):
        raise DataError(
            f"{folder}: validation {validation} takes {count} of the {len(train.names)} images in train/: "
            "set a number below that, or a fraction between 0 and 1"
        )
    kept, held = hold_out(train.labels, count, random_stream(0, "split", "image-folder"), stratified=True)
    source = f"{Path(folder).resolve().name}: {total:,} {size}x{size} images"
    streamed = StreamedSplits(train.take(kept), train.take(held), test, len(classes), source, folder, size, grey)
    if stream:
        return streamed
    _check_memory(folder, total * size * size * (1 if grey else 3))
    parts = [getattr(streamed, name) for name in SPLITS]
    decoded = [Images(decode_all(folder, part.names, size, grey), part.labels) for part in parts]
    return Splits(*decoded, classes=len(classes), source=source)


def _list_files(folder: str, part: str) -> tuple[Files, list[str]]:
    """The image files of a part, class by class and in order of name, and the names of its classes."""
    from torchvision.datasets import ImageFolder

    try:
        found = ImageFolder(os.path.join(folder, part))
    except OSError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{folder}/{part}: must hold one folder of images per class ({reason})") from error
    names = [os.path.relpath(path, folder) for path, _ in found.samples]
    return Files(names, np.array(found.targets, dtype=np.int64)), found.classes


def _check_memory(folder: str, needed: int) -> None:
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available / 2:
        raise DataError(
            f"{folder}: decoded, it needs {needed / 1e9:.0f} GB, over half of this machine's memory; set 'stream: true'"
        )


def decode_all(folder: str, names: Sequence[str], size: int, grey: bool) -> np.ndarray:
    """The named files of `folder` as one uint8 array (N, C, size, size). Raises DataError naming a damaged file."""
    images = np.empty((len(names), 1 if grey else 3, size, size), dtype=np.uint8)

    def fill(first: int) -> None:
        for index in range(first, min(first + 64, len(names))):
            images[index] = decode(os.path.join(folder, names[index]), size, grey)

    with ThreadPoolExecutor() as pool:  # decoders release the interpreter lock
        for _ in pool.map(fill, range(0, len(names), 64)):
            pass
    return images


def decode(path: str, size: int, grey: bool) -> np.ndarray:
    """An image file as uint8 (C, size, size): shorter side resized, centre-cropped; untouched when it fits already.

    Raises DataError naming the file when it cannot be decoded.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            image.draft(None, (2 * size, 2 * size))  # a JPEG far too large is decoded at a fraction of its size
            colours = image.convert("L" if grey else "RGB")
    except Exception as error:  # decoders raise many types; whichever it is, this file is the cause
        raise DataError(f"{path}: cannot be decoded ({error}); replace or delete this file") from error
    pixels = np.asarray(ImageOps.fit(colours, (size, size), method=Image.Resampling.BILINEAR))
    return pixels[None] if grey else np.moveaxis(pixels, 2, 0)
