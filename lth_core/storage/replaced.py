"""Finished files that a job is about to replace, put aside until it has ended.

Snakemake removes the outputs of a job when it starts. Here they move into a hidden folder of the results (or reports)
instead, and are removed when the job has finished. Where it has not, whatever the reason, they return to their places.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from lth_core.storage.origins import origin_file
from lth_core.storage.paths import sum_file

FOLDER = ".replaced"
"""Its place is in the folder of results or of reports: to move a file within one file system costs nothing."""


def put_aside(outputs: Sequence[str], tops: Iterable[str]) -> None:
    """Move a job's outputs, their sums and their origin aside, unless older ones are there: those were finished.

    What cannot be moved stays where it is.
    """
    files = _files(outputs, tops)
    if not any(aside.exists() for _, aside in files):
        with suppress(OSError):
            for file, aside in files:
                if file.is_file():
                    aside.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(file, aside)


def forget(outputs: Sequence[str], tops: Iterable[str]) -> None:
    """Remove what was put aside for a job that has finished."""
    for _, aside in _files(outputs, tops):
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def put_back(tops: Iterable[str]) -> list[str]:
    """Move all that was put aside back to its place, and say which files those are."""
    returned = []
    for top in tops:
        folder = Path(top) / FOLDER
        for aside in sorted(path for path in folder.rglob("*") if path.is_file()):
            file = Path(top) / aside.relative_to(folder)
            with suppress(OSError):
                file.parent.mkdir(parents=True, exist_ok=True)
                os.replace(aside, file)
                returned.append(str(file))
        if not any(path.is_file() for path in folder.rglob("*")):
            shutil.rmtree(folder, ignore_errors=True)
    return returned


def are_left(tops: Iterable[str]) -> bool:
    """Tell whether files are aside, as after a run that was killed."""
    return any(os.path.isdir(os.path.join(top, FOLDER)) for top in tops)


def _files(outputs: Sequence[str], tops: Iterable[str]) -> list[tuple[Path, Path]]:
    """Every file of a job, and where it is aside."""
    files = [Path(output) for output in outputs]
    if files:
        files = [*files, *map(sum_file, files), origin_file(outputs)]
    return [
        (file, Path(top) / FOLDER / file.relative_to(top)) for file in files for top in tops if file.is_relative_to(top)
    ]
