"""Provenance: what made an artifact, for its header or the file beside it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from lth_core.storage.codedigest import PACKAGE, digest

VERSIONED_PACKAGES = ("torch", "numpy", "numba", "safetensors", "matplotlib")


@cache
def _git_commit() -> str | None:
    folder = Path(__file__).resolve().parent
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--match=", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None
    except FileNotFoundError:  # git is not installed
        return None


def provenance(spec: Mapping[str, Any], device: str = "cpu") -> dict[str, Any]:
    """Describe what made an artifact: config values, package versions, commit, plugins, device. No clock times.

    The git commit knows nothing of plugins: each is named with a digest of its code and of the modules beside it that
    it imports.
    """
    versions = {name: metadata.version(name) for name in VERSIONED_PACKAGES}
    plugins = [module for module in spec.get("modules", ()) if module.partition(".")[0] != PACKAGE]
    digests = {module: digest([module], without=[f"{PACKAGE}*"]) for module in plugins}
    return {
        "spec": dict(spec),
        "versions": versions,
        "git_commit": _git_commit(),
        "plugins": digests,
        "device": device,
    }
