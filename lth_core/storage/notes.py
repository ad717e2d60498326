"""Notes: what one process worked out and the next need not work out again. Deleting them does no harm.

A file of notes begins with the digest of what follows: a damaged one is not believed.
"""

from __future__ import annotations

import atexit
import contextlib
import json
from pathlib import Path
from typing import Any

from lth_core.storage.definitions import short
from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import write_whole


def remember(known: dict[str, Any], file: Path) -> None:
    """Add to `known` what earlier processes wrote to `file`, and write all of it when this process ends."""
    file = file.absolute()
    with contextlib.suppress(OSError):
        written, _, content = file.read_bytes().partition(b"\n")
        if written == short(content, 16).encode():
            known.update(json.loads(content))
    before = dict(known)

    def write() -> None:
        if known != before:
            content = json.dumps(known).encode()
            whole = short(content, 16).encode() + b"\n" + content
            with contextlib.suppress(ArtifactError):  # nothing depends on it
                write_whole(file, lambda part: part.write_bytes(whole), summed=False)

    atexit.register(write)
