"""Files: where each artifact lives, and how it is read and written.

The only module that knows the artifact tree. A file is written whole or not at all (temporary name, fsync, rename) and
with a SHA-256 sum, so that one which was damaged since, or belongs elsewhere, is never used. Tensors are safetensors
with sums, provenance and their place in the tree in the header; tables are CSV, with a sum in a file beside them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

Tensors = dict[str, np.ndarray]

VERSIONED_PACKAGES = ("torch", "numpy", "numba", "safetensors")


COMMAND_VARIABLE = "LTH_COMMAND"
"""Environment variable: the snakemake command that makes one artifact again, with {} in place of its path."""


class ArtifactError(ValueError):
    """An artifact that is missing, damaged or foreign; one line: which file, what is wrong, how to rebuild it."""

    @classmethod
    def unusable(cls, path: str | Path, problem: str) -> ArtifactError:
        """One that has to be made again."""
        command = os.environ.get(COMMAND_VARIABLE, "snakemake --force {} --cores all")
        again = command.replace("{}", shlex.quote(str(path)), 1)
        return cls(f"{path}: {problem}; make it again, then run the same command as before: {again}")


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


def faults_file(results: str, study: str) -> str:
    """The numerical faults of a study's trainings: what diverged, and which layers were emptied."""
    return table_file(results, study, "numerical_faults")


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


_PLACE = re.compile(
    r"^(?:.*/)?(data/[^/]+|tables/[^/]+/[^/]+"
    r"|[^/]+/\d+-\d+/(?:[^/]+\.safetensors|dense/(?:[^/]+/)?[^/]+"
    r"|[^/]+/(?:[^/]+\.csv|level_[1-9]\d*/(?:[^/]+/)?[^/]+)))$"
)


def place(path: str | Path) -> str:
    """Which artifact a path stands for, wherever the results folder lies; "" for files that have no place there."""
    found = _PLACE.match(Path(path).as_posix())
    return found[1] if found else ""


def sum_file(path: str | Path) -> Path:
    """Where the SHA-256 sum of a table or figure lies, as `sha256sum --check` reads it."""
    return Path(path).with_name(f".{Path(path).name}.sha256")


# ---------------------------------------------------------------- writing


def write_whole(path: str | Path, write: Callable[[Path], None], *, summed: bool = True) -> None:
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
            line = f"{digest}  {path.name}\n# {place(path)}\n"
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


def write_tensors(path: str | Path, tensors: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> None:
    """Write arrays with a JSON-able `header` (facts and provenance); equal content gives equal bytes."""
    arrays = {name: np.asarray(tensors[name], order="C") for name in sorted(tensors)}
    about = json.dumps({"place": place(path), "tensors": _sum(arrays), "header": header})
    # Not safetensors' own writing to a path: it has a temporary file of another name, which a killed process leaves.
    content = save(arrays, metadata={"lth": f"{_sha256(about)} {about}"})
    write_whole(path, lambda temporary: temporary.write_bytes(content), summed=False)


# ---------------------------------------------------------------- sums


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sum(arrays: Mapping[str, np.ndarray]) -> str:
    """The SHA-256 sum of arrays with their names, types and shapes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    return digest.hexdigest()


def _check_place(path: str | Path, written: str) -> None:
    if written and place(path) and written != place(path):
        raise ArtifactError.unusable(path, f"belongs elsewhere (it was made as {written})")


# ---------------------------------------------------------------- reading


def _open(path: str | Path) -> safe_open:
    try:
        return safe_open(str(path), framework="numpy")
    except (FileNotFoundError, SafetensorError, OSError) as error:
        raise ArtifactError.unusable(path, f"cannot be read ({error})") from None


def _about(path: str | Path, opened: safe_open) -> dict[str, Any]:
    """What the file says of itself: `place`, `tensors` (their sum) and `header`."""
    digest, _, text = (opened.metadata() or {}).get("lth", "").partition(" ")
    if not text:
        raise ArtifactError.unusable(path, "was not written by lth")
    if digest != _sha256(text):
        raise ArtifactError.unusable(path, "is damaged (the sum of its header differs)")
    about = json.loads(text)
    _check_place(path, about["place"])
    return about


def read_tensors(path: str | Path) -> Tensors:
    """All arrays of a file by name. Raises ArtifactError when the file is missing, damaged or another artifact's."""
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
    """Facts and provenance that the file was written with.

    Raises ArtifactError for files that lth did not write, whose header is damaged, or that are another artifact's.
    """
    with _open(path) as opened:
        return _about(path, opened)["header"]


def read_bytes(path: str | Path) -> bytes:
    """The content of a table or figure. Raises ArtifactError when it is missing, damaged or another artifact's.

    One that has no sum beside it is believed: stores of a cluster move only the files that Snakemake knows.
    """
    try:
        content = Path(path).read_bytes()
        known = sum_file(path).read_text(encoding="utf-8") if sum_file(path).exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError.unusable(path, f"cannot be read ({error})") from None
    if known is not None:
        first, _, rest = known.partition("\n")
        _check_place(path, rest.strip("# \n"))
        if first.split(" ")[0] != hashlib.sha256(content).hexdigest():
            raise ArtifactError.unusable(path, "is damaged (its sum differs)")
    return content


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
