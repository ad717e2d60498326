"""What jobs inherit from the process that starts them: where programs and modules lie, and how to run it again.

None of it changes a result, so none of it is a reason to run a job again.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def search_paths(root: str) -> dict[str, str]:
    """PATH and PYTHONPATH by which jobs find this Python, `lth-job` and the package, which lies in `root`."""
    python = os.path.dirname(sys.executable)
    programs = [python, f"{root}/workflow/bin", os.environ.get("PATH", os.defpath)]
    modules = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PATH": os.pathsep.join(programs), "PYTHONPATH": os.pathsep.join(modules)}


def command_for(target: str, config_files: Sequence[str | Path], overrides: Mapping[str, Any]) -> str:
    """The command, as it can be typed in the current folder, that makes `target` again with the config of this run."""
    # Who runs the pipeline through make need not have snakemake on the path.
    beside_python = os.path.relpath(f"{os.path.dirname(sys.executable)}/snakemake")
    program = "snakemake" if shutil.which("snakemake") else beside_python
    files = [os.path.relpath(file) for file in config_files]
    changes = [f"{key}={json.dumps(value)}" for key, value in overrides.items()]
    arguments = [*(["--configfile", *files] if files else []), *(["--config", *changes] if changes else [])]
    return f"{program} --force {target} --cores all {shlex.join(arguments)}".strip()
