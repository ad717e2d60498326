"""Tensors: safetensors files whose header holds their sums, their provenance and which artifact they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import write_whole
from lth_core.storage.paths import artifact_name, check_artifact_name

Tensors = dict[str, np.ndarray]


def read_only(tensors: Mapping[str, np.ndarray]) -> Tensors:
    """Copy arrays for a function that must not change them. Writing into such a copy raises ValueError."""
    copies = {name: value.copy() for name, value in tensors.items()}
    for value in copies.values():
        value.flags.writeable = False
    return copies


def write_tensors(
    path: str | Path, tensors: Mapping[str, np.ndarray], header: Mapping[str, Any], *, renamed_to: str | Path = ""
) -> None:
    """Write arrays with a JSON-able `header` (facts and provenance); equal content gives equal bytes.

    A hidden file that becomes an artifact later says which one: its path then, `renamed_to`. Raises ArtifactError when
    the file cannot be written.
    """
    arrays = {name: np.asarray(tensors[name], order="C") for name in sorted(tensors)}
    about = json.dumps({"artifact": artifact_name(renamed_to or path), "tensors": _sum(arrays), "header": header})
    # Not safetensors' own writing to a path: it has a temporary file of another name, which a killed process leaves.
    content = save(arrays, metadata={"lth": f"{_sha256(about)} {about}"})
    write_whole(path, lambda temporary: temporary.write_bytes(content), summed=False)


def _open(path: str | Path) -> safe_open:
    try:
        return safe_open(str(path), framework="numpy")
    except (FileNotFoundError, SafetensorError, OSError) as error:
        raise ArtifactError.unusable(path, f"cannot be read ({error})") from None


def _about(path: str | Path, opened: safe_open) -> dict[str, Any]:
    """What the file says of itself: `artifact` (which one it is), `tensors` (their sum) and `header`."""
    digest, _, text = (opened.metadata() or {}).get("lth", "").partition(" ")
    if not text:
        raise ArtifactError.unusable(path, "was not written by lth")
    if digest != _sha256(text):
        raise ArtifactError.unusable(path, "is damaged (the sum of its header differs)")
    about = json.loads(text)
    check_artifact_name(path, about.get("artifact", ""))
    return about


def read_tensors(path: str | Path) -> Tensors:
    """Read all arrays of a file by name. Raises ArtifactError when it is missing, damaged or another artifact's."""
    with _open(path) as opened:
        try:
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
        except (SafetensorError, TypeError, ValueError) as error:
            raise ArtifactError.unusable(path, f"is damaged ({error})") from None
    check_tensors(path, arrays)
    return arrays


def check_tensors(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Compare arrays read from a file with the sum in its header. Raises ArtifactError when they are damaged."""
    with _open(path) as opened:
        if _sum(arrays) != _about(path, opened)["tensors"]:
            raise ArtifactError.unusable(path, "is damaged (the sum of its tensors differs)")


def read_header(path: str | Path) -> dict[str, Any]:
    """Read the facts and the provenance that a file was written with.

    Raises ArtifactError for files that lth did not write, whose header is damaged, or that are another artifact's.
    """
    with _open(path) as opened:
        return _about(path, opened)["header"]


def read_sum(path: str | Path) -> str:
    """Read the sum of all arrays of a file from its header. Raises ArtifactError as `read_header` does."""
    with _open(path) as opened:
        return _about(path, opened)["tensors"]


def read_shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    """Read the shapes of all arrays of a file by name. Raises ArtifactError where it cannot be read."""
    with _open(path) as opened:
        return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118 (not a dict)


def read_content(path: str | Path) -> str:
    """Read the sum of a file's header, which holds that of its arrays: it stands for the whole content.

    Raises ArtifactError as `read_header` does.
    """
    with _open(path) as opened:
        _about(path, opened)
        return opened.metadata()["lth"].partition(" ")[0]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sum(arrays: Mapping[str, np.ndarray]) -> str:
    """The SHA-256 sum of arrays with their names, types and shapes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
