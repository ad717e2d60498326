"""Your own images: a tree of train/CLASS/*.jpg and test/CLASS/*.jpg, in the order of torchvision's ImageFolder."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, PositiveInt

from lth_core.data.files import Files, StreamedSplits, dark_note, decode_all
from lth_core.data.splits import SPLITS, DataError, Images, Splits, hold_out
from lth_core.data.trees import EXTENSIONS, Tree, below_root, class_folders, files_below, read_tree
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


@dataset("image-folder", watched=watched_files, known=known_of_folder)
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
    if classes != test_classes:
        differing = ", ".join(sorted(set(classes) ^ set(test_classes)))
        raise DataError(f"{folder}: train and test must have the same class folders; only in one of them: {differing}")
    train, test = (Files(tree.names, np.array(tree.labels, dtype=np.int64)) for tree in trees)
    total = len(train.names) + len(test.names)
    count = validation
    if isinstance(count, float):
        count = round(count * len(train.names)) if math.isfinite(count) else 0
    if not 0 < count < len(train.names):
        raise DataError(
            f"{folder}: validation {validation} takes {count} of the {counted(len(train.names), 'images')} in train/: "
            "set a number below that, or a fraction between 0 and 1"
        )
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
