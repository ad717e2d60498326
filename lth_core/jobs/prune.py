"""Rule prune: the last training's start and end, and its mask -> the mask of the next level."""

from __future__ import annotations

import argparse
import json

import lth_core.pruning  # noqa: F401 (registers the built-in criteria)
from lth_core.artifacts import provenance, read_header, read_tensors, write_tensors
from lth_core.config import Method
from lth_core.exclusions import prunable
from lth_core.jobs.command import command, import_plugins
from lth_core.jobs.stacking import stack, unstack
from lth_core.pruning.prune import counts, full_mask
from lth_core.pruning.rounds import next_mask


@command
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True, help="JSON: method, level, seeds")
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    arguments.add_argument("--start", required=True, help="what the last training started from")
    arguments.add_argument("--trained", required=True, help="what it ended with")
    arguments.add_argument("--mask", help="the mask it was trained with (none: dense)")
    arguments.add_argument("--output", required=True)
    options = arguments.parse_args()
    spec, method = options.spec, Method(**options.spec["method"])
    import_plugins(spec["plugins"])
    network = read_header(options.initial)
    layers = prunable(network["layers"], method.exclude)
    initial, start, trained = (
        unstack(read_tensors(path)) for path in (options.initial, options.start, options.trained)
    )
    masks = unstack(read_tensors(options.mask)) if options.mask else [full_mask(w, layers) for w in trained]
    replicates = zip(spec["seeds"], masks, initial, start, trained, strict=True)
    smaller = [
        next_mask(
            method,
            layers,
            spec["level"],
            seed,
            mask,
            initial=theta_0,
            start=before,
            trained=after,
            consumers=network["consumers"],
        )
        for seed, mask, theta_0, before, after in replicates
    ]
    write_tensors(options.output, stack(smaller), {**counts(smaller), "provenance": provenance(spec)})


if __name__ == "__main__":
    main()
