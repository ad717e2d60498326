"""Files: written whole or not at all (temporary name, fsync, rename), with a SHA-256 sum that reading checks.

The sum of a table or figure lies in a file beside it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lth_core.storage.errors import ArtifactError
from lth_core.storage.paths import artifact_name, check_artifact_name, sum_file


def write_whole(path: str | Path, write: Callable[[Path], object], *, summed: bool = True) -> None:
    """Let `write` fill a temporary file beside `path`, sync it to disk, then move it into place.

    `summed`: its sum is written, too, first: a process killed in between leaves no file without one.
    Raises ArtifactError when the disk is full, or the folder cannot be written to.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        discard_parts(path)
        write(temporary)
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
            digest = hashlib.file_digest(written, "sha256").hexdigest() if summed else None
        if digest:
            line = f"{digest}  {path.name}\n# {artifact_name(path)}\n"
            write_whole(sum_file(path), lambda part: part.write_text(line, encoding="utf-8"), summed=False)
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ArtifactError(f"{path}: cannot be written ({reason}); mend that and run the same command again") from None
    finally:
        with suppress(OSError):  # of a folder that cannot be written to
            temporary.unlink(missing_ok=True)


def discard_parts(path: Path) -> None:
    """Remove the temporary files of `path` that killed processes have left."""
    for part in path.parent.glob(f".{path.name}.[0-9]*.part"):
        part.unlink(missing_ok=True)


def out_of_the_future(*folders: str | Path) -> None:
    """Give files that a clock set back has left in the future the present time.

    Snakemake takes no output that is older than its input. Contents, not times, say what has changed.
    """
    now = time.time()
    for top in folders:
        for folder, _, names in os.walk(top):
            for path in (os.path.join(folder, name) for name in names):
                with suppress(OSError):  # read-only, which is said when something is written
                    if os.stat(path).st_mtime > now:
                        os.utime(path, (now, now))


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all, and its sum."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_bytes(path: str | Path) -> bytes:
    """Read the content of a table or figure. Raises ArtifactError when it is missing, damaged or another artifact's.

    One that has no sum beside it is believed: stores of a cluster move only the files that Snakemake knows.
    """
    try:
        content = Path(path).read_bytes()
        known = sum_file(path).read_text(encoding="utf-8") if sum_file(path).exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError.unusable(path, f"cannot be read ({error})") from None
    if known is not None:
        first, _, rest = known.partition("\n")
        check_artifact_name(path, rest.strip("# \n"))
        if first.split(" ")[0] != hashlib.sha256(content).hexdigest():
            raise ArtifactError.unusable(path, "is damaged (its sum differs)")
    return content
