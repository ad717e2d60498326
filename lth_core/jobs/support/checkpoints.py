"""Checkpoints: the weights of a training at the steps that something starts from, in files of their own.

The first steps are trained again. They are a pure function of the seed, so the bits are those of the whole training,
which another checkpoint never repeats. All checkpoints of a training that a run of the workflow makes come from one
pass over these steps: the first job keeps the weights for the others in hidden files, which they only have to rename.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lth_core.storage.errors import ArtifactError
from lth_core.storage.tensors import read_header, read_sum

CHECKPOINTS_VARIABLE = "LTH_CHECKPOINTS"
"""Environment variable: the checkpoints that this run makes, as JSON: folder of a training -> steps."""
MOST_BYTES = 100_000
"""Of the variable, which the system limits to 131,071. Without it every checkpoint is trained by itself."""

_CHECKPOINT = re.compile(r"at_(\d+)\.safetensors")


def by_training(paths: Iterable[str]) -> str:
    """Name the checkpoints among files for CHECKPOINTS_VARIABLE."""
    steps: dict[str, list[int]] = {}
    for path in map(Path, sorted(paths)):
        if match := _CHECKPOINT.fullmatch(path.name):
            steps.setdefault(path.parent.as_posix(), []).append(int(match[1]))
    text = json.dumps(steps)
    return text if len(text) <= MOST_BYTES else "{}"


def steps_of_run(folder: str | Path) -> list[int]:
    """Look up the steps whose checkpoints this run makes in the folder of a training."""
    return json.loads(os.environ.get(CHECKPOINTS_VARIABLE) or "{}").get(Path(folder).as_posix(), [])


def checkpoint_file(folder: str | Path, step: int) -> Path:
    """Locate a checkpoint."""
    return Path(folder, f"at_{step}.safetensors")


def kept_file(folder: str | Path, step: int) -> Path:
    """Locate the weights that become a checkpoint."""
    return Path(folder, f".at_{step}.kept.safetensors")


def identity_of(spec: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """Identify a training by its spec and the sums of its input files (by argument). Raises ArtifactError."""
    sums = {name: read_sum(path) for name, path in files.items()}
    return hashlib.sha256(json.dumps([spec, sums], sort_keys=True).encode()).hexdigest()


def belongs_to(path: Path, identity: str) -> bool:
    """Say whether a file holds weights of the training of this identity."""
    try:
        return read_header(path).get("identity") == identity
    except ArtifactError:
        return False


def missing_steps(folder: str | Path, step: int, identity: str) -> list[int]:
    """List `step` and the other steps of this run that no job has kept or made yet."""
    others = [
        other
        for other in steps_of_run(folder)
        if not any(belongs_to(file(folder, other), identity) for file in (kept_file, checkpoint_file))
    ]
    return sorted({step, *others})


@contextmanager
def one_at_a_time(folder: str | Path) -> Iterator[None]:
    """Let one job at a time make checkpoints in a folder, where the file system has locks."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    opened = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
