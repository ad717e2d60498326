"""Digests of the files that data sets are made from: their content decides, not their time.

To read all of them at each start would take minutes. So a file is read again only where its size or times differ from
those at which it was read.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lth_core.storage import notes
from lth_core.storage.definitions import short

YOUNG = 2.0
"""Seconds within which a file may change once more and keep its time, on file systems with coarse clocks."""

_known: dict[str, list[int | str]] = {}
"""Absolute path -> size, time of the last change of the content and of the entry (ns), digest."""


def remember(file: Path) -> None:
    """Know what earlier processes read, and tell later ones, by way of `file`."""
    notes.remember(_known, file)


def contents_digest(root: str, names: Iterable[str]) -> str:
    """Twelve hexadecimal digits that change with the names of files below `root`, or with their content.

    Of a folder, and of what is missing or cannot be read, the name counts only.
    """
    listed = sorted(names)
    digests = {path: _noted(path) for path in (os.path.abspath(os.path.join(root, name)) for name in listed)}
    unknown = [path for path, digest in digests.items() if digest is None]
    with ThreadPoolExecutor() as pool:  # reading and hashing release the interpreter lock
        digests |= zip(unknown, pool.map(_read, unknown), strict=True)
    pairs = zip(listed, digests.values(), strict=True)
    return short(repr([(os.fsencode(name), digest) for name, digest in pairs]).encode())


def _noted(path: str) -> str | None:
    """Return the digest of a file that has not changed since it was read; None where it has to be read."""
    try:
        return str(_known[path][3]) if path in _known and _known[path][:3] == _stamp(path) else None
    except OSError:
        return None


def _read(path: str) -> str:
    """Digest of a file's content; "" where there is no file to read."""
    try:
        stamp = _stamp(path)
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return ""
    if time.time_ns() - max(stamp[1:]) > YOUNG * 1e9:
        _known[path] = [*stamp, digest]
    return digest


def _stamp(path: str) -> list[int]:
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
