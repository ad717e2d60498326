"""Files: where each artifact lives, and how it is read and written.

The only module that knows the artifact tree. A file is written whole or not at all (temporary name, fsync, rename).
Tensors are safetensors with provenance in the header; tables are CSV.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

Tensors = dict[str, np.ndarray]

VERSIONED_PACKAGES = ("torch", "numpy", "safetensors")


class ArtifactError(ValueError):
    """An artifact that is missing, damaged or foreign; one line: which file, what is wrong, how to rebuild it."""


# ---------------------------------------------------------------- the tree


def data_file(results: str, dataset: str) -> str:
    """A data set's arrays by split."""
    return f"{results}/data/{dataset}.safetensors"


def initial_file(results: str, task: str, cohort: str) -> str:
    """theta_0 of a cohort."""
    return f"{results}/{task}/{cohort}/init.safetensors"


def dense_folder(results: str, task: str, cohort: str, branch: str | None = None) -> str:
    """Level 0, shared by every method of a task and cohort, or the folder of a counterfactual dense run."""
    folder = f"{results}/{task}/{cohort}/dense"
    return f"{folder}/{branch}" if branch else folder


def level_folder(results: str, task: str, cohort: str, method: str, level: int | str, branch: str | None = None) -> str:
    """A ticket's folder, or the folder of a counterfactual retraining of it."""
    folder = f"{results}/{task}/{cohort}/{method}/level_{level}"
    return f"{folder}/{branch}" if branch else folder


def supermasks_file(results: str, task: str, cohort: str, method: str) -> str:
    """How accurate theta_0 is under the masks of a method's criterion."""
    return f"{results}/{task}/{cohort}/{method}/supermasks.csv"


def learned_supermasks_file(results: str, task: str, cohort: str, values: str, scaling: str) -> str:
    """How accurate untrained weights (`initial`, `constant`) are under learned masks (`plain`, `rescaled`)."""
    return f"{dense_folder(results, task, cohort)}/supermasks_{values}_{scaling}.csv"


def table_file(results: str, study: str, table: str) -> str:
    """A study's tidy table; its provenance lies beside it as .json."""
    return f"{results}/tables/{study}/{table}.csv"


def claims_file(results: str) -> str:
    """The claims of all studies, one row each, as CSV."""
    return f"{results}/claims.csv"


def figure_file(reports: str, study: str, figure: str, extension: str) -> str:
    """One format of a study's figure."""
    return f"{reports}/{study}/{figure}.{extension}"


def captions_file(reports: str, study: str) -> str:
    """JSON: figure name -> caption, in the order of the report."""
    return f"{reports}/{study}/captions.json"


def report_file(reports: str) -> str:
    """The page that shows everything."""
    return f"{reports}/index.html"


# ---------------------------------------------------------------- writing


def write_whole(path: str | Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, sync it to disk, then move it into place."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    discard_parts(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(temporary)
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def discard_parts(path: Path) -> None:
    """Remove the temporary files of `path` that killed processes have left."""
    for part in path.parent.glob(f".{path.name}.[0-9]*.part"):
        part.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_tensors(path: str | Path, tensors: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> None:
    """Write arrays with a JSON-able `header` (facts and provenance); equal content gives equal bytes."""
    arrays = {name: np.asarray(tensors[name], order="C") for name in sorted(tensors)}
    # Not safetensors' own writing to a path: it has a temporary file of another name, which a killed process leaves.
    content = save(arrays, metadata={"lth": json.dumps(header)})
    write_whole(path, lambda temporary: temporary.write_bytes(content))


# ---------------------------------------------------------------- reading


def _open(path: str | Path) -> safe_open:
    try:
        return safe_open(str(path), framework="numpy")
    except (FileNotFoundError, SafetensorError, OSError) as error:
        raise ArtifactError(f"{path}: cannot be read ({error}); delete it and run the same command again") from None


def read_tensors(path: str | Path) -> Tensors:
    """All arrays of a file by name. Raises ArtifactError when the file is missing or damaged."""
    with _open(path) as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)


def read_header(path: str | Path) -> dict[str, Any]:
    """Facts and provenance that the file was written with. Raises ArtifactError for files that lth did not write."""
    with _open(path) as opened:
        text = (opened.metadata() or {}).get("lth")
    if text is None:
        raise ArtifactError(f"{path}: was not written by lth; delete it and run the same command again")
    return json.loads(text)


# ---------------------------------------------------------------- provenance


@cache
def _git_commit() -> str | None:
    folder = Path(__file__).resolve().parent
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--match=", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None
    except FileNotFoundError:  # git is not installed
        return None


def provenance(spec: Mapping[str, Any], device: str = "cpu") -> dict[str, Any]:
    """What made an artifact: the config values used, package versions, git commit, device. No clock times."""
    versions = {name: metadata.version(name) for name in VERSIONED_PACKAGES}
    return {"spec": dict(spec), "versions": versions, "git_commit": _git_commit(), "device": device}
