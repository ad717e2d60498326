"""Trees of files, such as FOLDER/{train,test}/CLASS/...: which of them are images, and where their links lead.

Names that begin with a dot are hidden: `.ipynb_checkpoints` is no class, and what lies in it is no example.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from lth_core.data.splits import DataError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Of images, in any case: those of torchvision's ImageFolder."""


@dataclass
class Tree:
    """One part of a data set: its classes, its images class by class and in order of name, and what is no image."""

    classes: list[str]
    names: list[str] = field(default_factory=list)
    """Of the images, within the data set's folder."""
    labels: list[int] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    """Why a visible file is not read (its extension, or its folder) -> number of such files."""


def read_tree(folder: str, part: str) -> Tree:
    """List the images in FOLDER/PART/CLASS and below.

    Raises DataError when there are no classes, a class has no image, or a link leads out of `folder`.
    """
    top = os.path.join(folder, part)
    tree = Tree(visible_classes(folder, part))
    for label, name in enumerate(tree.classes):
        before = len(tree.names)
        for path in files_below(folder, os.path.join(top, name)):
            extension = os.path.splitext(path)[1].lower()
            if extension in EXTENSIONS:
                tree.names.append(path.removeprefix(os.path.join(folder, "")))
                tree.labels.append(label)
            else:
                tree.left_out[extension or "no extension"] += 1
        if len(tree.names) == before:
            raise _without_images(os.path.join(top, name))
    if loose := sum(os.path.isfile(path) for path in _visible(top)):
        tree.left_out["in no class folder"] = loose
    return tree


def visible_classes(folder: str, part: str) -> list[str]:
    """List the names of a part's classes. Raises DataError where there are none, or a link leads out of `folder`."""
    top = os.path.join(folder, part)
    try:
        classes = _visible_folders(folder, top)
    except OSError as error:
        raise DataError(f"{top}: must hold one folder of images per class ({error.strerror})") from error
    if not classes:
        raise DataError(f"{top}: must hold one folder of images per class, and has no folder")
    return classes


def check_class(folder: str, path: str) -> None:
    """Look for one image of the class in `path`, in it or below. Raises DataError where it has none."""
    try:
        with os.scandir(path) as entries:
            if any(_is_image(entry.name) for entry in entries if not entry.name.startswith(".") and entry.is_file()):
                return
    except OSError as error:
        _refuse(error)
    if not any(True for _ in images_below(folder, path)):
        raise _without_images(path)


def images_below(folder: str, top: str) -> Iterator[str]:
    """Go through the images in `top` and below, as `files_below` does through all files."""
    return filter(_is_image, files_below(folder, top))


def _is_image(name: str) -> bool:
    return name.lower().endswith(EXTENSIONS)


def _without_images(path: str) -> DataError:
    top, name = os.path.split(path)
    extensions = ", ".join(EXTENSIONS)
    return DataError(f"{top}: must hold one folder of images per class ({name}/ has none: {extensions})")


def class_folders(folder: str, part: str) -> list[str]:
    """List the paths of a part's classes; none where there is no such part, or a link leads out of `folder`."""
    top = os.path.join(folder, part)
    try:
        return [os.path.join(top, name) for name in _visible_folders(folder, top)]
    except (OSError, DataError):
        return []


def files_below(folder: str, top: str) -> Iterator[str]:
    """Go through the visible files in `top` and below, folder by folder; links within `folder` are followed.

    Raises DataError for a link that leads out of `folder`, or back to a folder that it lies in.
    """
    visited = []
    for parent, folders, names in os.walk(top, followlinks=True, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            _check_folder(folder, os.path.join(parent, name))
        visited.append((parent, sorted(name for name in names if not name.startswith("."))))
    for parent, names in sorted(visited):  # torchvision's order
        for path in (os.path.join(parent, name) for name in names):
            if os.path.islink(path):
                inside(folder, path)
            yield path


def inside(folder: str, path: str) -> str:
    """Return the real path of a file that lies in a folder. Raises DataError when a link, or `..`, leads out of it."""
    real, end = os.path.realpath(folder), os.path.realpath(path)
    if os.path.commonpath([real, end]) != real:
        raise DataError(f"{path}: leads out of {folder}, to {end}: replace the link by a copy")
    return end


def below_root(path: str) -> str:
    """Check that a path stays below the folder that it is relative to. Raises ValueError where it does not."""
    if os.path.isabs(path) or os.path.normpath(path).split(os.sep)[0] == "..":
        raise ValueError(f"'{path}' leads out of data_root: give a folder below it (which may be a link)")
    return path


def _visible_folders(folder: str, top: str) -> list[str]:
    """List the classes in `top`, in order of name."""
    _check_folder(folder, top)
    paths = list(filter(os.path.isdir, _visible(top)))
    for path in paths:
        _check_folder(folder, path)
    return [os.path.basename(path) for path in paths]


def _visible(top: str) -> list[str]:
    return [os.path.join(top, name) for name in sorted(os.listdir(top)) if not name.startswith(".")]


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be listed ({error.strerror}): make it readable, or remove it")


def _check_folder(folder: str, path: str) -> None:
    if os.path.islink(path):
        end = inside(folder, path)
        if os.path.commonpath([end, os.path.realpath(os.path.dirname(path))]) == end:
            raise DataError(f"{path}: leads back to {end}, which it lies in: remove this link")
