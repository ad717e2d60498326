"""Read a data set, wherever it comes from, into one file: rule `prepare_data`.

Output: arrays by split, with the facts of the data set in the header.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lth_core.data.kinds import kind_of_data
from lth_core.data.splits import DataError
from lth_core.jobs.support.command import command, import_modules
from lth_core.randomness import random_generator, seeded
from lth_core.registry import dataset, transform
from lth_core.storage.provenance import provenance
from lth_core.storage.tensors import write_tensors


def prepare(name: str, spec: dict[str, Any], root: str, output: str) -> None:
    """Read the data set `spec["source"]` (its registered name and options) below `root`, transform it, write `output`.

    Raises DataError or UnknownName, and then writes nothing.
    """
    options = dict(spec["source"])
    registered = options.pop("name")
    splits = checked(dataset.call(registered, {"root": root}, options), f"data set '{registered}'")
    check_kind(registered, splits.facts())
    for choice in spec.get("transforms", []):
        options = dict(choice)
        change = options.pop("name")
        # Keyed by the transform alone: two halves of one data set come from the same draw.
        offered = {"splits": splits, "rng": random_generator(0, "transform", change)}
        with seeded(0, "transform", change):
            splits = checked(transform.call(change, offered, options), f"transform '{change}'")
    header = splits.facts() | {"provenance": provenance({"dataset": name, **spec})}
    write_tensors(output, splits.tensors(), header)


def checked(splits: Any, of: str) -> Any:
    """Return what a registered function made, or raise DataError if it is no data set."""
    if not (callable(getattr(splits, "tensors", None)) and callable(getattr(splits, "facts", None))):
        raise DataError(f"{of} returned {type(splits).__name__}, not Splits, Text, Points, Environment or Graph")
    return splits


def check_kind(name: str, facts: Mapping[str, Any]) -> None:
    """Check that a data set is of the kind that its registration says. Raises DataError."""
    said, kind = kind_of_data(dataset.facts(name)), kind_of_data(facts)
    if kind != said:
        advice = f'write kind="{kind}" there'
        raise DataError(f"data set '{name}' returned {kind}, but it is registered as {said}: {advice}")


@command
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--name", required=True, help="the data set's name in the config")
    arguments.add_argument(
        "--spec", type=json.loads, required=True, help="JSON: source (registered name, options), transforms, modules"
    )
    arguments.add_argument("--root", required=True, help="the folder of data sets (data_root)")
    arguments.add_argument("--output", required=True, help="the data file to write")
    options = arguments.parse_args()
    start = time.perf_counter()
    import_modules(options.spec["modules"])
    prepare(options.name, options.spec, options.root, options.output)
    seconds, size = time.perf_counter() - start, Path(options.output).stat().st_size
    print(f"{options.output}: {size / 1e6:.1f} MB in {seconds:.1f} s")


if __name__ == "__main__":
    main()
