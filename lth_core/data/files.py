"""Image files: a data set whose pixels stay in them, and how they are decoded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from lth_core.data.crops import random_box
from lth_core.data.kinds import IMAGES
from lth_core.data.splits import EQUAL_PIXELS, SPLITS, DataError, channel_statistics
from lth_core.randomness import random_generator

if TYPE_CHECKING:
    from PIL.Image import Image

BITS_PER_SAMPLE = 258
"""Tag of a TIFF."""
DARK = 16
"""What 4095, the white of 12 bits, is as one of 16 bits that is scaled to 8."""
STATISTICS_IMAGES = 2000
"""Training images that the normalization of a streamed folder is estimated from."""


@dataclass(frozen=True)
class Files:
    """Image files, by name within the data set's folder, and their labels (N,)."""

    names: list[str]
    labels: np.ndarray

    def take(self, indices: np.ndarray) -> Files:
        """Take the files at the indices, in that order."""
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
        """Return the data file's arrays: {split}_files (names joined by NUL, as bytes) and {split}_labels (int64)."""
        arrays = {}
        for name in SPLITS:
            split = getattr(self, name)
            arrays[f"{name}_files"] = np.frombuffer(os.fsencode("\0".join(split.names)), dtype=np.uint8)
            arrays[f"{name}_labels"] = split.labels
        return arrays

    def facts(self) -> dict[str, Any]:
        """Return the header of the data file; mean and std per channel of at most STATISTICS_IMAGES training images.

        Raises DataError when an image cannot be decoded, or all pixels of a split are equal.
        """
        self.check_pixels()
        chosen = random_generator(0, "statistics", "image-folder").permutation(len(self.train.names))[
            :STATISTICS_IMAGES
        ]
        images = decode_all(self.folder, self.train.take(np.sort(chosen)).names, self.size, self.resize, self.grey)
        mean, std = channel_statistics(images)
        return {
            "kind": IMAGES,
            "classes": self.classes,
            "input_shape": list(images.shape[1:]),
            "mean": mean,
            "std": std,
            "statistics_images": len(images),
            "source": self.source + dark_note(self.folder, [images]),
            "streamed": {"folder": self.folder, "size": self.size, "resize": self.resize, "grey": self.grey},
        }

    def check_pixels(self) -> None:
        """Raise DataError when all pixels of a split are equal; nearly always the first image has several values."""
        for name in SPLITS:
            paths = [os.path.join(self.folder, file) for file in getattr(self, name).names]
            values: set[int] = set()
            for path in paths:
                values.update(np.unique(decode(path, self.size, self.grey, self.resize)).tolist())
                if len(values) > 1:
                    break
            else:
                alpha = "; their alpha is dropped: draw them on a background" if _has_alpha(paths[0]) else ""
                raise DataError(f"{self.source}: the {name} split {EQUAL_PIXELS.format(*values)}{alpha}")


def dark_note(folder: str, parts: Sequence[np.ndarray]) -> str:
    """Say, in the log too, that images hardly leave black, as 12 bits do in files of 16; nothing if they do."""
    brightest = max(int(images.max()) for images in parts)
    if brightest > DARK:
        return ""
    print(
        f"{folder}: no pixel is brighter than {brightest} of 255: images of 12 bits in files of 16 are read so; "
        "scale them to the whole range of their files",
        flush=True,
    )
    return f" (no pixel brighter than {brightest} of 255)"


def decode_all(folder: str, names: Sequence[str], size: int, resize: int, grey: bool) -> np.ndarray:
    """Decode files of `folder` into one uint8 array (N, C, size, size). Raises DataError naming a damaged file."""
    images = np.empty((len(names), 1 if grey else 3, size, size), dtype=np.uint8)

    def fill(first: int) -> None:
        for index in range(first, min(first + 64, len(names))):
            images[index] = decode(os.path.join(folder, names[index]), size, grey, resize)

    with ThreadPoolExecutor() as pool:  # decoders release the interpreter lock
        for _ in pool.map(fill, range(0, len(names), 64)):
            pass
    return images


def decode(path: str, size: int, grey: bool, resize: int | None = None) -> np.ndarray:
    """Decode an image file as uint8 (C, size, size): shorter side resized to `resize` (None: `size`), then the centre.

    Pixels stay as they are when it fits already. Raises DataError naming the file when it cannot be decoded.
    """
    from PIL import Image, ImageOps

    resize = resize or size
    with _opened(path) as image:
        image.draft(None, (2 * resize, 2 * resize))  # a JPEG far too large is decoded at a fraction of its size
        colours = _colours(path, image, grey)
    border = (1 - size / resize) / 2  # of the picture, on every side
    return _pixels(ImageOps.fit(colours, (size, size), method=Image.Resampling.BILINEAR, bleed=border))


def decode_crop(path: str, size: int, grey: bool, rng: np.random.Generator) -> np.ndarray:
    """Decode a random part of an image file as uint8 (C, size, size), flipped left-right with probability 1/2.

    Raises DataError naming the file when it cannot be decoded.
    """
    from PIL import Image

    with _opened(path) as image:
        width, height = image.size
        left, top, right, bottom = random_box(width, height, rng)
        # A JPEG is decoded at the smallest fraction of its size at which the part has twice the pixels that are needed.
        image.draft(None, (ceil(2 * width * size / (right - left)), ceil(2 * height * size / (bottom - top))))
        colours = _colours(path, image, grey)
    across, down = colours.width / width, colours.height / height
    part = colours.crop((round(left * across), round(top * down), round(right * across), round(bottom * down)))
    part = part.resize((size, size), Image.Resampling.BILINEAR)
    return _pixels(part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.integers(0, 2) else part)


def _has_alpha(path: str) -> bool:
    with _opened(path) as image:
        return image.has_transparency_data


@contextmanager
def _opened(path: str) -> Iterator[Image]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            yield image
    except DataError:
        raise
    except Exception as error:  # decoders raise many types; whichever it is, this file is the cause
        raise DataError(f"{path}: cannot be decoded ({error}); replace or delete this file") from error


def _colours(path: str, image: Image, grey: bool) -> Image:
    """Convert to 8 bits for each channel: Pillow alone would clip grey values of 16 bits at 255, and fractions at 1."""
    from PIL import Image

    if highest := _highest(image):
        values = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((values * 255 + highest // 2) // highest).astype(np.uint8))
    elif image.mode.startswith(("I", "F")):
        kind = "fractions" if image.mode == "F" else "whole numbers"
        raise DataError(
            f"{path}: its pixels are {kind} of 32 bits (Pillow's mode {image.mode}), which have no fixed range: "
            "save it with 8 or 16 bits for each channel"
        )
    return image.convert("L" if grey else "RGB")


def _highest(image: Image) -> int | None:
    """Tell the value of a white pixel in a grey image of more than 8 bits; None for other images."""
    if image.mode.startswith("I;16"):
        return 4095 if getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE) == (12,) else 65535
    return 65535 if image.mode == "I" and image.format == "PPM" else None  # Pillow stretches any range of a PGM to it


def _pixels(image: Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[None] if image.mode == "L" else np.moveaxis(pixels, 2, 0)
