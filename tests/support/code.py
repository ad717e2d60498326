"""Source files change within a test, as between two runs."""

from __future__ import annotations

from lth_core.storage import codedigest


def read_anew() -> None:
    """Forget what was read of source files, as a new process has."""
    for remembered in (codedigest._find, codedigest._read, codedigest.closure):
        remembered.cache_clear()
