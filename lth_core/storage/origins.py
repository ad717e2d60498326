"""Origins: what the files of a job were made from, in a hidden file beside them that is copied with them.

Snakemake's own record of a file stays behind when results are copied, shared or outlive `.snakemake`. An origin does
not: it names by digest what the job was asked to do, and the content of every file that it read and wrote.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import read_bytes, write_whole
from lth_core.storage.paths import artifact_name
from lth_core.storage.tensors import read_content


@dataclass(frozen=True)
class Origin:
    """What a job was asked to do, as a digest, and the content of its files by name."""

    asked: str
    inputs: dict[str, str]
    outputs: dict[str, str]

    def holds(self, asked: str, inputs: Sequence[str], outputs: Sequence[str], content: Callable[[str], str]) -> bool:
        """Tell whether the job that is asked for would read what this one read, and the outputs are what it wrote.

        A file that is gone or damaged is no other one: what becomes of it shows when something needs it.
        """
        read, wrote = ({name(path): path for path in paths} for name, paths in ((_name, inputs), (_base, outputs)))
        if asked != self.asked or read.keys() != self.inputs.keys() or wrote.keys() != self.outputs.keys():
            return False
        known = [(path, self.inputs[name]) for name, path in read.items()]
        known += [(path, self.outputs[name]) for name, path in wrote.items()]
        return all(content(path) in ("", before) for path, before in known)


def content_of(path: str | Path) -> str:
    """Return what stands for the content of a file; "" where it is missing or damaged."""
    try:
        if Path(path).suffix == ".safetensors":
            return read_content(path)[:32]
        return hashlib.sha256(read_bytes(path)).hexdigest()[:32]
    except ArtifactError:
        return ""


def origin_file(outputs: Sequence[str]) -> Path:
    """Locate the origin of a job's outputs, beside the first of them."""
    return Path(outputs[0]).with_name(f".{Path(outputs[0]).name}.origin")


def write_origin(asked: str, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Write down where a job's outputs come from. Where that is impossible, a later run may make them again."""
    read, wrote = (
        {name(path): content_of(path) for path in paths} for name, paths in ((_name, inputs), (_base, outputs))
    )
    origin = Origin(asked, read, wrote)
    text = json.dumps(asdict(origin), sort_keys=True) + "\n"
    with suppress(ArtifactError):
        write_whole(origin_file(outputs), lambda part: part.write_text(text, encoding="utf-8"), summed=False)


def read_origin(outputs: Sequence[str]) -> Origin | None:
    """Read where a job's outputs come from; None where nothing says so."""
    try:
        return Origin(**json.loads(origin_file(outputs).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _name(path: str) -> str:
    """The name of an input, which does not change when the results folder moves."""
    return artifact_name(path) or str(path)


def _base(path: str) -> str:
    """The name of an output: a job's outputs lie in one folder."""
    return os.path.basename(path)
