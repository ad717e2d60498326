"""Checks of finished artifacts: whether they can still be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lth_core.storage.files import read_bytes
from lth_core.storage.tensors import read_tensors


def check_artifacts(paths: Iterable[str | Path]) -> None:
    """Read those tensors, tables and figures that are there. Raises ArtifactError when one is damaged."""
    for path in map(Path, paths):
        if path.is_file():
            (read_tensors if path.suffix == ".safetensors" else read_bytes)(path)
