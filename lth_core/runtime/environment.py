"""What jobs inherit from the process that starts them: where programs and modules lie, and how to run it again.

None of it changes a result, so none of it is a reason to run a job again.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

FOUND = ("Snakefile", "workflow/Snakefile")
"""The workflows that Snakemake finds in the current folder by itself."""


class ClashError(ValueError):
    """Two imports of the workflow that jobs cannot tell apart; one line."""


def search_paths(root: str, plugin_folders: Iterable[str] = ()) -> dict[str, str]:
    """PATH and PYTHONPATH by which jobs find this Python, `lth-job`, plugins and the package, which lies in `root`."""
    python = os.path.dirname(sys.executable)
    programs = [python, f"{root}/workflow/bin", os.environ.get("PATH", os.defpath)]
    modules = [*dict.fromkeys([*plugin_folders, root]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PATH": os.pathsep.join(programs), "PYTHONPATH": os.pathsep.join(modules)}


_handed_down: dict[str, str] = {}


def hand_down(**variables: str) -> None:
    """Set environment variables for all jobs of this process.

    Raises ClashError where they have other values already: a workflow that imports this one twice, with two configs,
    would run the jobs of both on the data, device and methods of one.
    """
    different = [name for name, value in variables.items() if _handed_down.get(name, value) != value]
    if different:
        raise ClashError(f"a workflow can import this one with one config only ({different[0]} would have two values)")
    _handed_down.update(variables)
    os.environ.update(variables)


def command_for(
    target: str, config_files: Sequence[str | Path], overrides: Mapping[str, Any], snakefile: str | Path = "Snakefile"
) -> str:
    """The command, as it can be typed in the current folder, that makes `target` again with the config of this run."""
    # Who runs the pipeline through make need not have snakemake on the path.
    beside_python = os.path.relpath(f"{os.path.dirname(sys.executable)}/snakemake")
    program = "snakemake" if shutil.which("snakemake") else beside_python
    files = [os.path.relpath(file) for file in config_files]
    changes = [f"{key}={json.dumps(value)}" for key, value in overrides.items()]
    elsewhere = ["--snakefile", os.path.relpath(snakefile)] if os.path.relpath(snakefile) not in FOUND else []
    arguments = [*elsewhere, *(["--configfile", *files] if files else []), *(["--config", *changes] if changes else [])]
    return f"{program} --force {target} --cores all {shlex.join(arguments)}".strip()
