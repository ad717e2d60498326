"""Checkpoints: the weights of a training at the steps that something starts from.

A training keeps them, as it passes those steps, in hidden files beside its output; the job of a checkpoint gives its
file the name that Snakemake waits for. So checkpoints that are asked for together with their training cost no step of
their own. Those that are asked for later are trained again from the start, all of them at once, up to the last: their
bits are the same, for a training is a pure function of its spec and of what it starts from.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lth_core.storage.errors import ArtifactError
from lth_core.storage.tensors import read_header

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
    """The steps whose checkpoints this run makes in the folder of a training."""
    return json.loads(os.environ.get(CHECKPOINTS_VARIABLE) or "{}").get(Path(folder).as_posix(), [])


def checkpoint_file(folder: str | Path, step: int) -> Path:
    """A checkpoint as Snakemake knows it."""
    return Path(folder, f"at_{step}.safetensors")


def kept_file(folder: str | Path, step: int) -> Path:
    """A checkpoint as a training keeps it."""
    return Path(folder, f".at_{step}.kept.safetensors")


def is_kept(folder: str | Path, step: int, spec: Mapping[str, Any]) -> bool:
    """Whether the training of this spec has kept its weights at a step."""
    try:
        return read_header(kept_file(folder, step))["provenance"]["spec"] == spec
    except ArtifactError:
        return False


def discard_kept(folder: str | Path) -> None:
    """Remove what an earlier training has kept in its folder."""
    for path in Path(folder).glob(".at_*.kept.safetensors"):
        path.unlink(missing_ok=True)


@contextmanager
def one_at_a_time(folder: str | Path) -> Iterator[None]:
    """Let one job at a time into the folder of a training, where the file system has locks."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
