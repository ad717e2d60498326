"""The files that registered functions say they read: what is in them is part of what a job's result depends on."""

from __future__ import annotations

from typing import Any

from lth_core.config import Choice
from lth_core.registry import Registry
from lth_core.storage.contents import contents_digest


def read_by(*choices: tuple[Registry, Choice]) -> dict[str, Any]:
    """Digest what is in the files that functions say they read, under `reads`; nothing where they say so of no file."""
    files = {path for known, choice in choices for path in known.reads(choice.name, choice.options)}
    return {"reads": {path: contents_digest(".", [path]) for path in sorted(files)}} if files else {}
