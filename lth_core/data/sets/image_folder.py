"""Your own images: a tree of train/CLASS/*.jpg and test/CLASS/*.jpg, as torchvision's ImageFolder reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, PositiveInt

from lth_core.data.files import Files, StreamedSplits, decode_all, inside
from lth_core.data.splits import SPLITS, DataError, Images, Splits, hold_out
from lth_core.randomness import random_generator
from lth_core.registry import dataset


def file_names(root: str, path: str, stream: bool = False, **_: Any) -> list[str]:
    """List the names of all files of a tree, sorted; none where there is no tree. What the workflow watches.

    Of a streamed tree, list the class folders only: to list millions of files at every start would take minutes.
    """
    folder = Path(root, path)
    if stream:
        return sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*/"))
    return sorted(
        Path(parent, name).relative_to(folder).as_posix() for parent, _, names in os.walk(folder) for name in names
    )


def known_of_folder(
    size: int, resize: int | None = None, grey: bool = False, stream: bool = False, **_: Any
) -> dict[str, Any]:
    """Return the facts that the options tell. Raises DataError for options that do not go together."""
    if resize and resize < size:
        raise DataError(f"resize ({resize}) must be at least size ({size})")
    return {"input_shape": (1 if grey else 3, size, size), "streamed": stream}


def below_root(path: str) -> str:
    """Check that a path stays below the folder that it is relative to. Raises ValueError where it does not."""
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
    """Read images in ROOT/PATH/{train,test}/CLASS/: shorter side resized to `resize`, then the central `size` x `size`.

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
        tree = ImageFolder(os.path.join(folder, part))
    except OSError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{folder}/{part}: must hold one folder of images per class ({reason})") from error
    paths = [path for path, _ in tree.samples]
    folders = [tree.root, *(os.path.join(tree.root, name) for name in tree.classes)]
    for path in filter(os.path.islink, folders + paths):
        inside(folder, path)
    names = [os.path.relpath(path, folder) for path in paths]
    return Files(names, np.array(tree.targets, dtype=np.int64)), tree.classes


def _check_memory(folder: str, needed: int) -> None:
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available / 2:
        raise DataError(
            f"{folder}: decoded, it needs {needed / 1e9:.0f} GB, over half of this machine's memory; set 'stream: true'"
        )
