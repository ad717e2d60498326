"""Your own images: a tree of train/CLASS/*.jpg and test/CLASS/*.jpg, in the order of torchvision's ImageFolder."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, PositiveInt

from lth_core.data.files import Files, StreamedSplits, dark_note, decode_all
from lth_core.data.splits import SPLITS, DataError, Images, Splits, hold_out
from lth_core.data.trees import (
    EXTENSIONS,
    Tree,
    below_root,
    check_class,
    class_folders,
    files_below,
    images_below,
    read_tree,
    visible_classes,
)
from lth_core.metrics import counted
from lth_core.randomness import random_generator
from lth_core.registry import dataset

PARTS = ("train", "test")


def watched_files(root: str, path: str, stream: bool = False, **_: Any) -> list[str]:
    """List the files of a tree, below `root`; none where there is no tree. What the workflow watches.

    Of a streamed tree, list the class folders only: to list millions of files at every start would take minutes.
    """
    folder = os.path.join(root, os.path.normpath(path))
    paths = [path for part in PARTS for path in class_folders(folder, part)]
    try:
        files = paths if stream else [file for path in paths for file in files_below(folder, path)]
    except DataError:  # the job that reads the tree says what is wrong
        files = paths
    return [file.removeprefix(os.path.join(root, "")) for file in files]  # relpath takes long for many files


def known_of_folder(
    size: int,
    resize: int | None = None,
    validation: int | float = 1,
    grey: bool = False,
    stream: bool = False,
    **_: Any,
) -> dict[str, Any]:
    """Return the facts that the options tell. Raises DataError for options that cannot be, or do not go together."""
    if resize and resize < size:
        raise DataError(f"resize ({resize}) must be at least size ({size})")
    if not validation > 0 or (isinstance(validation, float) and not validation < 1):
        raise DataError(f"validation ({validation}) must be a number of images, or a fraction between 0 and 1")
    return {"input_shape": (1 if grey else 3, size, size), "streamed": stream}


NEEDED = "it needs the folders train/ and test/, each with a folder of images per class"
"""What a data set needs, for messages."""


def look(root: str, path: str, validation: int | float = 5000, **_: Any) -> None:
    """Look for what `image_folder` is about to read, without listing all images. Raises DataError as it does."""
    folder = os.path.join(root, os.path.normpath(path))
    _check_folders(folder, root, path)
    classes = {part: visible_classes(folder, part) for part in PARTS}
    for part, names in classes.items():
        for name in names:
            check_class(folder, os.path.join(folder, part, name))
    _check_classes(folder, *classes.values())
    enough = validation + 1 if isinstance(validation, int) else math.ceil(1 / min(validation, 1 - validation))
    train = (image for name in classes["train"] for image in images_below(folder, os.path.join(folder, "train", name)))
    if (count := sum(1 for _ in islice(train, enough))) < enough:
        _held_out(folder, validation, count)


def _check_folders(folder: str, root: str, path: str) -> None:
    """Check that a data set has its parts. Raises DataError, with the folder that may be meant instead."""
    if not os.path.isdir(folder):
        problem = "is no folder" if os.path.exists(folder) else "is not there"
        advice = _written_from_elsewhere(root, path) or f"name a folder in data_root ({root}); {NEEDED}"
        raise DataError(f"{folder} {problem}: {advice}")
    lacking = [part for part in PARTS if not os.path.isdir(os.path.join(folder, part))]
    if lacking and os.path.basename(folder) in PARTS:
        parent = os.path.dirname(os.path.normpath(path))
        raise DataError(f"{folder} is a part of a data set: name the folder that it is in, '{parent}'")
    if lacking:
        raise DataError(f"{folder} has no folder {lacking[0]}/: {NEEDED}")


def _written_from_elsewhere(root: str, path: str) -> str | None:
    """Advise on a path that was written from the working folder, or from the one that data_root is in."""
    for top in (root, os.path.basename(os.path.normpath(root))):
        if Path(path).is_relative_to(top):
            return f"paths are relative to data_root ({root}), so write '{Path(path).relative_to(top)}'"
    return None


@dataset("image-folder", watched=watched_files, known=known_of_folder, look=look)
def image_folder(
    root: str,
    path: Annotated[str, AfterValidator(below_root)],
    size: PositiveInt,
    resize: PositiveInt | None = None,
    validation: int | float = 5000,
    grey: bool = False,
    stream: bool = False,
) -> Splits | StreamedSplits:
    """Read images in ROOT/PATH/{train,test}/CLASS/: shorter side resized to `resize`, then the central `size` x `size`.

    `resize` is `size` by default. `validation` images (a number, or a fraction of the training images) are held out of
    train, stratified by class. `stream: true` leaves the pixels in the files, for sets that are too large for memory:
    training decodes them. The workflow notices images that are added, removed, renamed or changed; of a streamed set
    only classes that are added, removed or renamed: delete its data file to have it read again. Grey images of 16 bits
    are scaled to 8, so that 65535 is white (a line says if all images are almost black); alpha is dropped. Files
    without the extension of an image are left out and counted; hidden ones are not looked at.
    Raises DataError when the tree is not as described, has links that lead out of it or an image cannot be decoded.
    """
    resize = resize or size
    folder = str(Path(root, path))
    trees = [read_tree(folder, part) for part in PARTS]
    classes, test_classes = (tree.classes for tree in trees)
    _check_classes(folder, classes, test_classes)
    train, test = (Files(tree.names, np.array(tree.labels, dtype=np.int64)) for tree in trees)
    total = len(train.names) + len(test.names)
    count = _held_out(folder, validation, len(train.names))
    kept, held = hold_out(train.labels, count, random_generator(0, "split", "image-folder"), stratified=True)
    source = f"{Path(folder).resolve().name}: {total:,} {size}x{size} images" + _left_out(folder, trees)
    streamed = StreamedSplits(
        train.take(kept), train.take(held), test, len(classes), source, folder, size, resize, grey
    )
    if stream:
        return streamed
    _check_memory(folder, total * size * size * (1 if grey else 3))
    streamed.check_pixels()
    parts = [getattr(streamed, name) for name in SPLITS]
    decoded = [Images(decode_all(folder, part.names, size, resize, grey), part.labels) for part in parts]
    source += dark_note(folder, [part.images for part in decoded])
    return Splits(*decoded, classes=len(classes), source=source)


def _check_classes(folder: str, train: Sequence[str], test: Sequence[str]) -> None:
    if train != test:
        differing = ", ".join(sorted(set(train) ^ set(test)))
        raise DataError(f"{folder}: train and test must have the same class folders; only in one of them: {differing}")


def _held_out(folder: str, validation: int | float, images: int) -> int:
    """Return how many of the training images are held out. Raises DataError for none, or all of them."""
    count = validation
    if isinstance(count, float):
        count = round(count * images) if math.isfinite(count) else 0
    if not 0 < count < images:
        raise DataError(
            f"{folder}: validation {validation} takes {count} of the {counted(images, 'images')} in train/: "
            "set a number below that, or a fraction between 0 and 1"
        )
    return count


def _left_out(folder: str, trees: Iterable[Tree]) -> str:
    """Say which visible files are not read, in the log too; nothing if there are none."""
    counts = sum((tree.left_out for tree in trees), Counter())
    if not counts:
        return ""
    files = f"{counts.total():,} {'file' if counts.total() == 1 else 'files'} left out: " + ", ".join(
        f"{count:,} {kind}" for kind, count in sorted(counts.items())
    )
    print(f"{folder}: {files}; images have the extensions {', '.join(EXTENSIONS)}", flush=True)
    return f" ({files})"


def _check_memory(folder: str, needed: int) -> None:
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available / 2:
        raise DataError(
            f"{folder}: decoded, it needs {needed / 1e9:.0f} GB, over half of this machine's memory; set 'stream: true'"
        )
