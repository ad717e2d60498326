"""Provenance: what made an artifact, for its header or the file beside it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

VERSIONED_PACKAGES = ("torch", "numpy", "numba", "safetensors")


@cache
def _git_commit() -> str | None:
    folder = Path(__file__).resolve().parent
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--match=", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None
    except FileNotFoundError:  # git is not installed
        return None


def provenance(spec: Mapping[str, Any], device: str = "cpu") -> dict[str, Any]:
    """Describe what made an artifact: the config values used, package versions, git commit, device. No clock times."""
    versions = {name: metadata.version(name) for name in VERSIONED_PACKAGES}
    return {"spec": dict(spec), "versions": versions, "git_commit": _git_commit(), "device": device}
