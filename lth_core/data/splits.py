"""What a data set is: images and labels in three fixed splits, and how they become the arrays of one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lth_core.data.kinds import IMAGES
from lth_core.metrics import counted

SPLITS = ("train", "validation", "test")

EQUAL_PIXELS = "shows nothing: all its pixels are {}; look at its images, and at how they are read"
"""What is wrong with a split whose pixels are all of one value."""


class DataError(ValueError):
    """Data that is missing, damaged or inconsistent; one line: what is wrong, where, what to do."""


@dataclass(frozen=True)
class Images:
    """Images (N, C, H, W), uint8 or float32, and their labels (N,), integers from 0."""

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        """Take lists and tensors, too."""
        for name in ("images", "labels"):
            try:
                object.__setattr__(self, name, np.asarray(getattr(self, name)))
            except (ValueError, TypeError, RuntimeError) as error:  # rows of several lengths, a tensor of a GPU
                raise DataError(f"{name} must be one array of numbers ({' '.join(str(error).split())})") from error

    def take(self, indices: np.ndarray) -> Images:
        """Take the images at the indices, in that order."""
        return Images(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Splits:
    """A data set whose pixels fit into memory. `source` says in captions what the images are and how many.

    Raises DataError when the splits are empty, disagree in shape or type, or have labels outside 0..classes-1.
    """

    train: Images
    validation: Images
    test: Images
    classes: int
    source: str

    def __post_init__(self) -> None:
        if not isinstance(self.classes, int | np.integer):
            raise DataError(f"{self.source}: classes must be a whole number, not {type(self.classes).__name__}")
        object.__setattr__(self, "classes", int(self.classes))
        for name in SPLITS:
            if not isinstance(getattr(self, name), Images):
                kind = type(getattr(self, name)).__name__
                raise DataError(f"{self.source}: the {name} split must be Images(images, labels), not {kind}")
        for name in SPLITS:
            problem = self._problem(getattr(self, name))
            if problem:
                raise DataError(f"{self.source}: the {name} split {problem}")

    def _problem(self, split: Images) -> str | None:
        images, labels, first = split.images, split.labels, self.train.images
        if images.ndim != 4 or images.dtype not in (np.uint8, np.float32):
            return f"must be uint8 or float32 of shape (N, C, H, W), not {images.dtype} of shape {images.shape}"
        if (images.shape[1:], images.dtype) != (first.shape[1:], first.dtype):
            return f"has {images.dtype} images {images.shape[1:]}, the train split {first.dtype} {first.shape[1:]}"
        if images.dtype == np.float32 and not np.isfinite(images).all():
            return "has pixels that are not finite numbers"
        return label_problem(labels, len(images), self.classes)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays of the data file: {split}_images and {split}_labels (int64)."""
        return {
            f"{name}_{kind}": array
            for name in SPLITS
            for kind, array in (
                ("images", getattr(self, name).images),
                ("labels", getattr(self, name).labels.astype(np.int64)),
            )
        }

    def facts(self) -> dict[str, Any]:
        """Return the header of the data file; mean and std per channel, of the training split, in the arrays' units.

        Raises DataError when all pixels of a split are equal.
        """
        for name in SPLITS:
            images = getattr(self, name).images
            if images.size and (images[0] == images.flat[0]).all() and (images == images.flat[0]).all():
                raise DataError(f"{self.source}: the {name} split {EQUAL_PIXELS.format(images.flat[0])}")
        mean, std = channel_statistics(self.train.images)
        shape = [int(size) for size in self.train.images.shape[1:]]
        facts = {"classes": self.classes, "input_shape": shape, "mean": mean, "std": std, "source": self.source}
        return {"kind": IMAGES, **facts}


def label_problem(labels: np.ndarray, examples: int, classes: int) -> str | None:
    """Say what is wrong with the labels of a split of `examples` images, or None."""
    if not examples:
        return "is empty"
    if labels.shape != (examples,) or not np.issubdtype(labels.dtype, np.integer):
        images = counted(examples, "images")
        return f"needs one integer label for each of its {images}, not {labels.dtype} of shape {labels.shape}"
    if labels.min() < 0 or labels.max() >= classes:
        return f"has labels {labels.min()}..{labels.max()}, but {classes} classes are labelled 0..{classes - 1}"
    return None


def channel_statistics(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Compute mean and standard deviation per channel of images (N, C, H, W); that of a constant channel is 1.0."""

    step = max(1, 2**22 // images[0].size)

    def chunks() -> Iterator[np.ndarray]:
        for start in range(0, len(images), step):
            yield images[start : start + step].astype(np.float64)

    pixels = images.size / images.shape[1]
    mean = sum(chunk.sum(axis=(0, 2, 3)) for chunk in chunks()) / pixels
    variance = sum(np.square(chunk - mean[:, None, None]).sum(axis=(0, 2, 3)) for chunk in chunks()) / pixels
    std = np.where(variance > 0, np.sqrt(variance), 1.0)
    return mean.tolist(), std.tolist()


def hold_out(
    labels: np.ndarray, count: int, rng: np.random.Generator, stratified: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a random hold-out of `count` examples; return the indices kept and held out, each in rising order.

    Stratified: every class gives its proportional share, to the nearest example (largest remainders, ties to the
    lower class). Raises DataError when nothing would be held out or kept.
    """
    if not 0 < count < len(labels):
        raise DataError(f"cannot hold {counted(count, 'examples')} out of {len(labels)}")
    shuffled = rng.permutation(len(labels))
    if stratified:
        classes, sizes = np.unique(labels, return_counts=True)
        share = sizes * count / len(labels)
        quota = np.floor(share).astype(np.int64)
        largest_remainders = np.argsort(quota - share, kind="stable")
        quota[largest_remainders[: count - quota.sum()]] += 1
        members = (shuffled[labels[shuffled] == label] for label in classes)
        chosen = np.concatenate([member[:size] for member, size in zip(members, quota, strict=True)])
    else:
        chosen = shuffled[:count]
    held_out = np.zeros(len(labels), dtype=bool)
    held_out[chosen] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
