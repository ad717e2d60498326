"""Make a checkpoint of a training: rules `checkpoint` (of the dense run) and `branch_checkpoint`.

    checkpoint PROCESSES JOB --step STEP --output FILE and the further arguments of JOB (dense, branch)

The first of the jobs of a training runs it up to the last step of all of them, and keeps the weights of each step; the
others rename what was kept for them (lth_core/jobs/support/checkpoints.py). So 3 checkpoints cost as many steps as the
last of them, and finished ones are not trained again when another one is asked for.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

from lth_core.jobs.support.checkpoints import (
    belongs_to,
    checkpoint_file,
    identity_of,
    kept_file,
    missing_steps,
    one_at_a_time,
)
from lth_core.jobs.support.command import command


@command
def main() -> None:
    processes, job, *further = sys.argv[1:]
    arguments = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    arguments.add_argument("--step", type=int, required=True, help="of the weights")
    arguments.add_argument("--spec", required=True, help="JSON: the training's")
    arguments.add_argument("--output", type=Path, required=True)
    options, files = arguments.parse_known_args(further)
    folder, step = options.output.parent, options.step
    identity = identity_of(json.loads(options.spec), dict(zip(files[::2], files[1::2], strict=True)))
    with one_at_a_time(folder):
        # A training that is resumed may have passed `step` when only a later one was asked for.
        for steps in (missing_steps(folder, step, identity), [step]):
            if not belongs_to(kept_file(folder, step), identity):
                keep = json.dumps({"steps": steps, "identity": identity})
                target = ["--keep", keep, "--output", str(checkpoint_file(folder, steps[-1]))]
                sys.argv = [sys.argv[0], processes, job, "--spec", options.spec, *files, *target]
                importlib.import_module("lth_core.jobs.support.launch").main()  # torch, only where it is needed
        os.replace(kept_file(folder, step), options.output)


if __name__ == "__main__":
    main()
