"""Your own images: a tree of train/CLASS/*.jpg and test/CLASS/*.jpg, as torchvision's ImageFolder reads it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import AfterValidator, PositiveInt

from lth_core.data.crops import random_box
from lth_core.data.splits import SPLITS, DataError, Images, Splits, channel_statistics, hold_out
from lth_core.randomness import random_generator
from lth_core.registry import dataset

if TYPE_CHECKING:
    from PIL.Image import Image

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
    """A data set whose pixels stay in the files of `folder`, decoded as `decode` does whenever they are needed."""

    train: Files
    validation: Files
    test: Files
    classes: int
    source: str
    folder: str
    size: int
    resize: int
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
        chosen = random_generator(0, "statistics", "image-folder").permutation(len(self.train.names))[
            :STATISTICS_IMAGES
        ]
        images = decode_all(self.folder, self.train.take(np.sort(chosen)).names, self.size, self.resize, self.grey)
        mean, std = channel_statistics(images)
        return {
            "classes": self.classes,
            "input_shape": list(images.shape[1:]),
            "mean": mean,
            "std": std,
            "statistics_images": len(images),
            "source": self.source,
            "streamed": {"folder": self.folder, "size": self.size, "resize": self.resize, "grey": self.grey},
        }


def file_names(root: str, path: str, stream: bool = False, **_: Any) -> list[str]:
    """The names of all files of a tree, sorted; none where there is no tree. What the workflow watches.

    Of a streamed tree, the class folders only: to list millions of files at every start would take minutes.
    """
    folder = Path(root, path)
    if stream:
        return sorted(place.relative_to(folder).as_posix() for place in folder.glob("*/*/"))
    return sorted(
        Path(place, name).relative_to(folder).as_posix() for place, _, names in os.walk(folder) for name in names
    )


def known_of_folder(
    size: int, resize: int | None = None, grey: bool = False, stream: bool = False, **_: Any
) -> dict[str, Any]:
    """The facts that the options tell. Raises DataError for options that do not go together."""
    if resize and resize < size:
        raise DataError(f"resize ({resize}) must be at least size ({size})")
    return {"input_shape": (1 if grey else 3, size, size), "streamed": stream}


def below_root(path: str) -> str:
    """A path that stays below the folder that it is relative to. Raises ValueError for others."""
    if os.path.isabs(path) or os.path.normpath(path).split(os.sep)[0] == "..":
        raise ValueError(f"'{path}' leads out of data_root: give a folder below it (which may be a link)")
    return path


@dataset("image-folder", watched=file_names, known=known_of_folder)
def image_folder(
    root: str,
    path: Annotated[str, AfterValidator(below_root)],
    size: PositiveInt,
    resize: PositiveInt | None = None,
    validation: int | float = 5000,
    grey: bool = False,
    stream: bool = False,
) -> Splits | StreamedSplits:
    """Images in ROOT/PATH/{train,test}/CLASS/, the shorter side resized to `resize`, then the central `size` x `size`.

    `resize` is `size` by default. `validation` images (a number, or a fraction of the training images) are held out of
    train, stratified by class. `stream: true` leaves the pixels in the files, for sets that are too large for memory:
    training decodes them. The workflow notices images that are added, removed or renamed, not images edited in place;
    of a streamed set only classes that are: delete its data file to have it read again.
    Raises DataError when the tree is not as described, has links that lead out of it or an image cannot be decoded.
    """
    resize = resize or size
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
    kept, held = hold_out(train.labels, count, random_generator(0, "split", "image-folder"), stratified=True)
    source = f"{Path(folder).resolve().name}: {total:,} {size}x{size} images"
    streamed = StreamedSplits(
        train.take(kept), train.take(held), test, len(classes), source, folder, size, resize, grey
    )
    if stream:
        return streamed
    _check_memory(folder, total * size * size * (1 if grey else 3))
    parts = [getattr(streamed, name) for name in SPLITS]
    decoded = [Images(decode_all(folder, part.names, size, resize, grey), part.labels) for part in parts]
    return Splits(*decoded, classes=len(classes), source=source)


def _list_files(folder: str, part: str) -> tuple[Files, list[str]]:
    """The image files of a part, class by class and in order of name, and the names of its classes."""
    from torchvision.datasets import ImageFolder

    try:
        found = ImageFolder(os.path.join(folder, part))
    except OSError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{folder}/{part}: must hold one folder of images per class ({reason})") from error
    paths = [path for path, _ in found.samples]
    folders = [found.root, *(os.path.join(found.root, name) for name in found.classes)]
    for path in filter(os.path.islink, folders + paths):
        inside(folder, path)
    names = [os.path.relpath(path, folder) for path in paths]
    return Files(names, np.array(found.targets, dtype=np.int64)), found.classes


def inside(folder: str, path: str) -> str:
    """The real path of a file that lies in a folder. Raises DataError when a link, or `..`, leads out of it."""
    real, end = os.path.realpath(folder), os.path.realpath(path)
    if os.path.commonpath([real, end]) != real:
        raise DataError(f"{path}: leads out of {folder}, to {end}: put that itself there")
    return end


def _check_memory(folder: str, needed: int) -> None:
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available / 2:
        raise DataError(
            f"{folder}: decoded, it needs {needed / 1e9:.0f} GB, over half of this machine's memory; set 'stream: true'"
        )


def decode_all(folder: str, names: Sequence[str], size: int, resize: int, grey: bool) -> np.ndarray:
    """The named files of `folder` as one uint8 array (N, C, size, size). Raises DataError naming a damaged file."""
    images = np.empty((len(names), 1 if grey else 3, size, size), dtype=np.uint8)

    def fill(first: int) -> None:
        for index in range(first, min(first + 64, len(names))):
            images[index] = decode(os.path.join(folder, names[index]), size, grey, resize)

    with ThreadPoolExecutor() as pool:  # decoders release the interpreter lock
        for _ in pool.map(fill, range(0, len(names), 64)):
            pass
    return images


def decode(path: str, size: int, grey: bool, resize: int | None = None) -> np.ndarray:
    """An image file as uint8 (C, size, size): shorter side resized to `resize` (None: `size`), then the centre.

    Untouched when it fits already. Raises DataError naming the file when it cannot be decoded.
    """
    from PIL import Image, ImageOps

    resize = resize or size
    with _opened(path) as image:
        image.draft(None, (2 * resize, 2 * resize))  # a JPEG far too large is decoded at a fraction of its size
        colours = image.convert("L" if grey else "RGB")
    border = (1 - size / resize) / 2  # of the picture, on every side
    return _pixels(ImageOps.fit(colours, (size, size), method=Image.Resampling.BILINEAR, bleed=border))


def decode_crop(path: str, size: int, grey: bool, rng: np.random.Generator) -> np.ndarray:
    """A random part of an image file as uint8 (C, size, size), flipped left-right with probability 1/2.

    Raises DataError naming the file when it cannot be decoded.
    """
    from PIL import Image

    with _opened(path) as image:
        width, height = image.size
        left, top, right, bottom = random_box(width, height, rng)
        # A JPEG is decoded at the smallest fraction of its size at which the part has twice the pixels that are needed.
        image.draft(None, (ceil(2 * width * size / (right - left)), ceil(2 * height * size / (bottom - top))))
        colours = image.convert("L" if grey else "RGB")
    across, down = colours.width / width, colours.height / height
    part = colours.crop((round(left * across), round(top * down), round(right * across), round(bottom * down)))
    part = part.resize((size, size), Image.Resampling.BILINEAR)
    return _pixels(part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.integers(0, 2) else part)


@contextmanager
def _opened(path: str) -> Iterator[Image]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            yield image
    except Exception as error:  # decoders raise many types; whichever it is, this file is the cause
        raise DataError(f"{path}: cannot be decoded ({error}); replace or delete this file") from error


def _pixels(image: Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[None] if image.mode == "L" else np.moveaxis(pixels, 2, 0)
