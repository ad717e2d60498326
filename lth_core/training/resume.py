"""Resume: a long job saves its state beside its output, and after a kill it goes on from there with the same bits."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import discard_parts
from lth_core.storage.tensors import Tensors, read_content, read_header, read_tensors, write_tensors

SECONDS_VARIABLE = "LTH_CHECKPOINT_SECONDS"
"""Environment variable: seconds between two saved states of a training (default 30)."""


class ResumeError(ValueError):
    """A setting for saved states that cannot be followed, in one line."""


def seconds_between_states() -> float:
    """Read LTH_CHECKPOINT_SECONDS. Raises ResumeError where it is no number."""
    text = os.environ.get(SECONDS_VARIABLE, "30")
    try:
        return float(text)
    except ValueError:
        raise ResumeError(f"{SECONDS_VARIABLE} is {text!r}: a number of seconds is needed, such as 30") from None


class State:
    """A loop in progress, as it is saved: tensors, and rows (JSON-able) of what it has measured."""

    step: int
    history: list[Any]

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """Return what else the next step depends on, to be copied; of the same names and shapes at every step."""
        return {}

    def rows(self) -> dict[str, list[Any]]:
        """Return all rows so far, by the attribute that holds them."""
        return {"history": self.history}

    @torch.no_grad()
    def load(self, step: int, rows: Mapping[str, list[Any]], tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on from a saved step, with its rows and tensors."""
        for name, value in self.tensors().items():
            value.copy_(tensors[name])
        self.step = step
        for name in self.rows():
            setattr(self, name, rows[name])


@dataclass
class Rows(State):
    """The state of a job that makes its rows (JSON-able) step by step, none from another."""

    step: int = 0
    history: list[Any] = field(default_factory=list)


def fingerprint(spec: Mapping[str, Any], data: str | Path, *tensors: Tensors) -> str:
    """Identify a training by its spec, its data file and its weights: it never picks up another one's state.

    Raises ArtifactError where the header of the data file cannot be read.
    """
    digest = hashlib.blake2b(json.dumps([spec, read_content(data)], sort_keys=True).encode(), digest_size=16)
    for arrays in tensors:
        for name in sorted(arrays):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


class Resume:
    """The saved state of one training, in a file that Snakemake does not know and therefore does not delete."""

    def __init__(self, output: str | Path, identity: str):
        output = Path(output)
        self.path = output.with_name(f".{output.stem}.resume.safetensors")
        self.identity = identity
        self.seconds = seconds_between_states()
        self._saved_at = time.monotonic()

    def restore(self, state: State) -> bool:
        """Put a saved state of this very training into `state`; False when there is none (or it is damaged)."""
        if not self.path.exists():
            return False
        try:
            header, tensors = read_header(self.path), read_tensors(self.path)
        except (ArtifactError, json.JSONDecodeError):
            return False
        if header.get("identity") != self.identity:
            return False
        expected = state.tensors()
        if {name: value.shape for name, value in tensors.items()} != {name: v.shape for name, v in expected.items()}:
            return False  # another version of this code stores other tensors
        state.load(header["step"], header, {name: torch.from_numpy(value) for name, value in tensors.items()})
        return True

    def save_when_due(self, state: State) -> None:
        """Save the state if the last save is long enough ago; call it after every step."""
        if time.monotonic() - self._saved_at < self.seconds:
            return
        tensors = {name: value.detach().cpu().numpy() for name, value in state.tensors().items()}
        write_tensors(self.path, tensors, {"identity": self.identity, "step": state.step, **state.rows()})
        self._saved_at = time.monotonic()

    def forget(self) -> None:
        """Remove the saved state once the outputs are written."""
        self.path.unlink(missing_ok=True)
        discard_parts(self.path)
