"""Rule prune: the last training's start and end, and its mask -> the mask of the next level."""

from __future__ import annotations

import argparse
import json

import lth_core.pruning  # noqa: F401 (registers the built-in criteria)
from lth_core import registry
from lth_core.artifacts import Tensors, provenance, read_header, read_tensors, write_tensors
from lth_core.config import Method
from lth_core.exclusions import prunable
from lth_core.jobs.command import command, import_plugins
from lth_core.jobs.stacking import stack, unstack
from lth_core.pruning.prune import counts, fractions, full_mask, prune
from lth_core.pruning.structured import filter_fractions, prune_filters
from lth_core.randomness import stream


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
    layers = prunable(read_header(options.initial)["layers"], method.exclude)
    by_filter = method.granularity == "filter"
    removed = (filter_fractions if by_filter else fractions)(method, layers, spec["level"])
    initial, start, trained = (
        unstack(read_tensors(path)) for path in (options.initial, options.start, options.trained)
    )
    masks = unstack(read_tensors(options.mask)) if options.mask else [full_mask(w, layers) for w in trained]
    smaller: list[Tensors] = []
    replicates = zip(spec["seeds"], initial, start, trained, masks, strict=True)
    for seed, theta_0, before, after, mask in replicates:
        mask = {name: mask[name] for name in layers}  # files list tensors by name, rankings go by network order
        draw = stream(seed, "criterion", method.criterion.name, spec["level"])
        offered = {"initial": theta_0, "start": before, "trained": after, "mask": mask, "stream": draw}
        scores = registry.criterion.call(method.criterion.name, offered, method.criterion.options)
        smaller.append(
            prune_filters(scores, mask, removed) if by_filter else prune(scores, mask, removed, method.scope)
        )
    write_tensors(options.output, stack(smaller), {**counts(smaller), "provenance": provenance(spec)})


if __name__ == "__main__":
    main()
