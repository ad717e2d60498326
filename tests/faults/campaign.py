"""Random faults, one after the other, each in a copy of a miniature project; prints what became of each, and a tally.

    python -m tests.faults.campaign --faults 200 --seconds 3600 --seed 0

After each fault the same command must finish, every artifact must be that of an undisturbed run, byte for byte, and
nothing that was finished may be made again. Exit status 1 if anything was lost or wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.faults.kinds import KINDS, Skipped
from tests.faults.scene import Scene, undisturbed
from tests.support.project import Project


def strike(finished: Project, folder: Path, name: str, seed: object, pace: float) -> tuple[int, str]:
    """Faults of a kind in one copy: how many, and what became of them: `ok`, `skipped` or `WRONG`, with details."""
    here = os.getcwd()
    scene = Scene(finished, folder, random.Random(str(seed)), pace)
    try:
        count = KINDS[name](scene)
        return count, f"ok ({count} struck)"
    except Skipped as reason:
        return 0, f"skipped ({reason})"
    except Exception:  # whatever it is, it ought not to happen
        return 0, f"WRONG\n{traceback.format_exc()}"
    finally:
        os.chdir(here)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=200, help="how many")
    parser.add_argument("--seconds", type=float, default=3600, help="start no further fault after this time")
    parser.add_argument("--seed", type=int, default=0, help="the first fault's number; another one, other faults")
    parser.add_argument("--kinds", nargs="*", choices=sorted(KINDS), default=sorted(KINDS), metavar="KIND")
    options = parser.parse_args(arguments)
    began, faults, scenes = time.monotonic(), Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="lth-faults-") as top:
        finished = undisturbed(Path(top, "undisturbed"))
        pace = (time.monotonic() - began) / 2
        number = options.seed
        while faults.total() < options.faults and time.monotonic() - began < options.seconds:
            name = options.kinds[number % len(options.kinds)]
            started, folder = time.monotonic(), Path(top, str(number))
            count, became = strike(finished, folder, name, number, pace)
            print(f"{number} {name}: {became} in {time.monotonic() - started:.1f} s", flush=True)
            faults[name] += count
            scenes[became.split()[0]] += 1
            shutil.rmtree(folder, ignore_errors=True)
            number += 1
    for name, count in sorted(faults.items()):
        print(f"{count:4d}  {name}")
    print(f"{faults.total()} faults in {scenes.total()} scenes: {dict(scenes)}")
    return int(scenes["WRONG"] > 0)


if __name__ == "__main__":
    sys.exit(main())
