"""Published data sets: found on disk or downloaded, most of them by torchvision, and split.

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
from lth_core.storage.files import write_whole

VALIDATION = 5000
SECONDS = 30
"""For which a network may be silent."""


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
        with _network_timeout(SECONDS):
            return [read(part, download) for part in parts]
    except Exception as error:  # torchvision raises whatever its downloads and parsers raise
        reason = " ".join(str(error).split()) or type(error).__name__
        if missing():
            problem = f"missing or damaged: {missing()}; put them there, as the download failed ({reason})"
        else:
            problem = f"one of {', '.join(name for name, _ in files)} is damaged ({reason}); replace or delete it"
        raise DataError(f"{folder}: {problem}") from error


def find_or_fetch(path: Path, address: str, sha256: str) -> bytes:
    """Read a published file, and download it from `address` first where it is missing.

    Raises DataError when it cannot be downloaded, or does not have the SHA-256 sum. What is there is never replaced.
    """
    if not path.is_file():
        print(f"{path}: missing, downloading", flush=True)
        _fetch(path, address, sha256)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): make it readable") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path}: is damaged, or not the published file: delete it, or put that of {address} there")
    return content


def _fetch(path: Path, address: str, sha256: str) -> None:
    from http.client import HTTPException  # tenths of a second, which only a download is worth
    from urllib.request import urlopen

    try:
        with urlopen(address, timeout=SECONDS) as answer:
            content = answer.read()
    except (OSError, HTTPException, ValueError) as error:  # no network, a broken connection, no such address
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: missing; put {address} there, as the download failed ({reason})") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path}: missing, and what {address} gives is another file: put the published one there")
    write_whole(path, lambda part: part.write_bytes(content), summed=False)


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
