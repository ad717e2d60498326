"""Run the steps of a part of the GPU benchmark, and say what comes out (events.py).

    python -m benchmarks.gpu.part NAME [--root data] [--device cuda]

It ends after a step that fails; the steps that it leaves out are named in the environment.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.gpu import events
from benchmarks.project import ROOT
from benchmarks.rows import Row
from lth_core.runtime.lifetime import end_with_named

Steps = Mapping[str, Callable[[], Iterable[Row | str]]]
"""What a part does, by name: each step gives rows, and remarks on them."""


def do(steps: Steps) -> bool:
    """Do the steps that are left, as far as they succeed. Returns whether they did."""
    left = [step for step in steps if step not in events.done_steps()]
    events.planned([*steps])
    for step in left:
        try:
            for outcome in steps[step]():
                events.measured(outcome) if isinstance(outcome, Row) else events.remarked(outcome)
        except Exception as error:  # of any type: each is one line of the table, and the others go on
            events.failed(step, reason(error))
            events.done(step)
            return False
        events.done(step)
    return True


def reason(error: BaseException) -> str:
    """Say what is wrong and where in this repository, in one line."""
    lines = str(error).splitlines()
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    trace, where = error.__traceback__, ""
    while trace:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and "site-packages" not in path.parts:
            where = f" ({path.relative_to(ROOT)}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return said + where


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("name", metavar="NAME", help="speed or figure4")
    arguments.add_argument("--root", default="data")
    arguments.add_argument("--device", default="cuda")
    options = arguments.parse_args()
    end_with_named()
    signal.signal(signal.SIGTERM, stop)
    sys.exit(0 if do(steps_of(options.name, options.root, options.device)) else 1)


def steps_of(name: str, root: str, device: str) -> Steps:
    """What the part does; where it cannot say that, one step that fails for the same reason."""
    try:
        return importlib.import_module(f"benchmarks.gpu.{name}").steps(root, device)
    except Exception as error:  # of any type, as in a step
        return {name: partial(again, error)}


def again(error: Exception) -> Iterable[Row]:
    """Raise an error that was caught."""
    raise error


def stop(*signals: Any) -> None:
    """End, so that temporary folders are removed."""
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()
