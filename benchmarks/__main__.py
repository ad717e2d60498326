"""Run the benchmarks and keep their results in docs/benchmarks.md: the last of every processor.

    python -m benchmarks [NAME ...] [--root data] [--repetitions N] [--dry]

NAME is a module of this folder. Without names all of them run, in about 50 minutes on 2 cores that do nothing else;
conv_chain takes 19 of them, pipeline 10. `--repetitions` replaces the number that each has; `--dry` leaves the document
as it is.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.project import ROOT
from benchmarks.rows import Row, in_new_process, table

NAMES = (
    *("linear_step", "conv_step", "cohorts", "chain", "pipeline", "jobs", "plan", "memory"),
    *("sparse_conv_step", "sparse_accuracy", "channels", "mnist_chain", "conv_chain", "language_and_control"),
)
DOCUMENT = ROOT / "docs" / "benchmarks.md"


def processor() -> str:
    """What the processor calls itself."""
    cpu_info = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", cpu_info.read_text()) if cpu_info.exists() else None
    return named[1] if named else platform.machine()


def machine() -> str:
    """What the numbers depend on, without the machine's name."""
    import torch

    memory_info = Path("/proc/meminfo")
    kilobytes = re.search(r"MemTotal:\s*(\d+)", memory_info.read_text()) if memory_info.exists() else None
    memory = f", {int(kilobytes[1]) / 1024**2:.0f} GB" if kilobytes else ""
    vectors = torch.backends.cpu.get_cpu_capability()
    return (
        f"{processor()} ({vectors}), {os.cpu_count()} cores{memory}, {platform.system()}; "
        f"Python {platform.python_version()}, PyTorch {torch.__version__}"
    )


def begin(name: str) -> str:
    return f"<!-- {name}: begin -->"


def end(name: str) -> str:
    return f"<!-- {name}: end -->"


def head(name: str) -> str:
    """What a benchmark measures, in its module's words."""
    title, *paragraphs = (importlib.import_module(f"benchmarks.{name}").__doc__ or "").strip().split("\n\n")
    text = [paragraph for paragraph in paragraphs if not paragraph.startswith("    ")]
    return "\n\n".join([f"## {title.removesuffix('.')}", *text])


def results(name: str, root: str, repetitions: Mapping[str, int]) -> str:
    """Run a benchmark. What the document says of it: its rows, and the machine."""
    rows = list(said(importlib.import_module(f"benchmarks.{name}").measure(root, **repetitions)))
    ran_on = f"`python -m benchmarks {name}`, {datetime.now(UTC):%Y-%m-%d}: {machine()}."
    return "\n\n".join(["\n".join(table(rows)), ran_on])


def replaced(document: str, name: str, on: str, text: str) -> str:
    """The document with new results of a benchmark on a processor, in the old ones' place or after the others'."""
    before, _, rest = document.partition(begin(name))
    old, _, after = rest.partition(end(name))
    parts = (part.partition("\n\n") for part in old.strip().split("\n\n### ")[1:])
    last = {title: kept for title, _, kept in parts} | {on: text}
    tables = [f"### {title}\n\n{kept}" for title, kept in last.items()]
    new = "\n\n".join([before.rstrip(), begin(name), head(name), *tables, end(name)])
    return f"{new}{after.rstrip()}\n"


def said(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, each printed when it is known."""
    for row in rows:
        print("  ".join(filter(None, row.columns())), flush=True)
        yield row


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    arguments.add_argument("--root", default="data", help="the folder of data sets")
    arguments.add_argument("--repetitions", type=int, help="how often each is measured")
    arguments.add_argument("--dry", action="store_true", help="do not write the results down")
    options = arguments.parse_args()
    if unknown := set(options.names) - set(NAMES):
        arguments.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if os.getloadavg()[0] > 0.5:
        print("other programs seem to run on this machine: wall times will be too long")
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, here and in jobs
    repetitions = {"repetitions": options.repetitions} if options.repetitions else {}
    for name in options.names or NAMES:
        print(f"\n{name}", flush=True)
        # What one changes in its process, such as how memory is kept, must not reach another.
        text = in_new_process(partial(results, name, options.root, repetitions))
        if not options.dry:
            DOCUMENT.write_text(replaced(DOCUMENT.read_text(), name, processor(), text))


if __name__ == "__main__":
    main()
