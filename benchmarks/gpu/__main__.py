"""Run the GPU benchmark and keep its table in docs/benchmarks.md.

    python -m benchmarks.gpu [--root data] [--parts tests speed figure4] [--dry]

It takes at most six minutes. The table so far is written after every measure, and whatever stops the run. Exit status:
0 when everything was reached and nothing failed, 1 otherwise (a missed target is no failure), 77 without a GPU (what
test runners take for "skipped").
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import torch

from benchmarks import __main__ as runner
from benchmarks.gpu.driver import Part, run
from benchmarks.gpu.record import Record
from benchmarks.rows import Row
from lth_core.storage.files import write_whole

SKIPPED = 77
NO_GPU = "no GPU that torch can use (torch.cuda.is_available() is false): nothing was measured"


def parts(root: str, device: str) -> dict[str, Part]:
    """The parts by name, in their order. Their limits add up to less than six minutes."""
    pytest = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--tb=short",
        "-p",
        "no:cacheprovider",
        "-p",
        "benchmarks.gpu.outcomes",
    ]
    part = [sys.executable, "-m", "benchmarks.gpu.part"]
    where = ["--root", root, "--device", device]
    return {
        "tests": Part("GPU tests", [*pytest, "tests/gpu"], 120, counted="GPU tests passed"),
        "speed": Part("Steps per second", [*part, "speed", *where], 115),
        "figure4": Part("Fig. 4", [*part, "figure4", *where], 105),
    }


def card() -> str:
    """What the GPU calls itself."""
    return torch.cuda.get_device_name()


def machine() -> str:
    """What the numbers depend on."""
    memory = torch.cuda.get_device_properties(0).total_memory / 1024**3
    return f"{card()} ({memory:.0f} GB), CUDA {torch.version.cuda}; {runner.machine()}"


class Table:
    """Prints what is measured, and keeps the document's table up to date."""

    def __init__(self, title: str, machine: str, *, write: bool):
        self.title, self.machine, self.write = title, machine, write

    def __call__(self, record: Record, event: dict[str, Any]) -> None:
        match event:
            case {"row": row}:
                print("  ".join(filter(None, Row(**row).columns())), flush=True)
            case {"failed": step, "reason": reason}:
                print(f"failed: {step}: {reason}", flush=True)
        self.keep(record)

    def keep(self, record: Record) -> None:
        """Write the table, once there is something in it."""
        if self.write and record.rows:
            document = runner.replaced(runner.DOCUMENT.read_text(), "gpu", self.title, record.text(self.machine))
            write_whole(runner.DOCUMENT, lambda path: path.write_text(document), summed=False)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = list(parts("", ""))
    arguments.add_argument("--root", default="data", help="the folder of data sets")
    arguments.add_argument("--parts", nargs="+", choices=names, default=names, help="all by default")
    arguments.add_argument("--dry", action="store_true", help="do not write the table down")
    options = arguments.parse_args()
    if not torch.cuda.is_available():
        print(NO_GPU, file=sys.stderr)
        sys.exit(SKIPPED)
    table = Table(card(), machine(), write=not options.dry)
    chosen = parts(options.root, "cuda")
    record = run([chosen[name] for name in names if name in options.parts], table)
    table.keep(record)
    print(f"\n{record.text(table.machine)}", flush=True)
    sys.exit(0 if record.is_complete else 1)


if __name__ == "__main__":
    main()
