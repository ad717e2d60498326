"""Published data sets that torchvision reads and downloads: found on disk or fetched, and split.

The test split is the published one; validation is held out of the published training split: 5,000 images as in
Frankle & Carbin 2019, App. G.1 and H.1.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lth_core.data.splits import DataError, Images, Splits, hold_out
from lth_core.randomness import random_generator

VALIDATION = 5000


def published(name: str, title: str, classes: int, train: Images, test: Images) -> Splits:
    """The published test split, and the published training split less the validation images."""
    kept, held = hold_out(train.labels, VALIDATION, random_generator(0, "split", name))
    height, width = train.images.shape[2:]
    source = f"{title}: {len(train.labels) + len(test.labels):,} {height}x{width} images"
    return Splits(train.take(kept), train.take(held), test, classes, source)


def find_or_download(
    read: Callable[[Any, bool], Images], parts: tuple[Any, Any], folder: Path, files: Sequence[tuple[str, str | None]]
) -> list[Images]:
    """Read the training and the test part from `files` (name, MD5 sum) of `folder`; download when some are missing.

    Raises DataError naming the files that are missing or damaged.
    """

    def missing() -> str:
        return ", ".join(name for name, md5 in files if not _is_sound(folder / name, md5))

    download = bool(missing())
    if download:
        print(f"{folder}: {missing()} missing, downloading", flush=True)
    try:
        with _network_timeout(seconds=30):
            return [read(part, download) for part in parts]
    except Exception as error:  # torchvision raises whatever its downloads and parsers raise
        reason = " ".join(str(error).split()) or type(error).__name__
        if missing():
            problem = f"missing or damaged: {missing()}; put them there, as the download failed ({reason})"
        else:
            problem = f"one of {', '.join(name for name, _ in files)} is damaged ({reason}); replace or delete it"
        raise DataError(f"{folder}: {problem}") from error


def _is_sound(path: Path, md5: str | None) -> bool:
    """Say whether a file is there and has its published checksum, if there is one."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return md5 is None or hashlib.file_digest(file, "md5").hexdigest() == md5


@contextmanager
def _network_timeout(seconds: float) -> Iterator[None]:
    """torchvision sets no timeout: a network that swallows packets would hang the job for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
