"""Take a checkpoint from its training: rules `checkpoint` (of the dense run) and `branch_checkpoint`.

The training ran before, and kept the weights of the steps that it was asked for (lth_core/jobs/support/checkpoints.py).
Steps that are asked for later are trained again, in one go for all that are missing: 3 more checkpoints cost as many
steps as the last of them, none of the finished ones is touched, and nothing is trained where the training kept them.

    checkpoint PROCESSES JOB --step STEP --output FILE and the further arguments of JOB (dense, branch)
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lth_core.jobs.support.checkpoints import checkpoint_file, is_kept, kept_file, one_at_a_time, steps_of_run
from lth_core.jobs.support.command import command


@command
def main() -> None:
    processes, job, *training = sys.argv[1:]
    arguments = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    arguments.add_argument("--step", type=int, required=True, help="of the weights")
    arguments.add_argument("--spec", type=json.loads, required=True, help="JSON: the training's")
    arguments.add_argument("--output", type=Path, required=True)
    options, _ = arguments.parse_known_args(training)
    folder, step, spec = options.output.parent, options.step, options.spec
    with one_at_a_time(folder):
        for last in (last_missing(folder, step, spec), step):  # a resumed training may have passed the step before
            if not is_kept(folder, step, spec):
                # Of an option that is given twice the later counts.
                shorter = ["--step", str(last), "--output", str(checkpoint_file(folder, last))]
                sys.argv = [sys.argv[0], processes, job, *training, *shorter]
                importlib.import_module("lth_core.jobs.support.launch").main()  # torch, only where it is needed
        os.replace(kept_file(folder, step), options.output)


def last_missing(folder: Path, step: int, spec: Mapping[str, Any]) -> int:
    """Find the last of the steps that this run needs and nobody has kept; at least `step`."""
    finished = {other for other in steps_of_run(folder) if checkpoint_file(folder, other).exists()}
    needed = {*steps_of_run(folder), step} - finished
    return max(other for other in {*needed, step} if other == step or not is_kept(folder, other, spec))


if __name__ == "__main__":
    main()
