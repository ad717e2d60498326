"""What the jobs share that make the mask of a level: their arguments, their inputs, and the file that they write."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from lth_core.config import Method
from lth_core.jobs.support.inputs import read_mask, read_weights
from lth_core.jobs.support.stacking import stack, unstack
from lth_core.pruning.exclusions import prunable
from lth_core.pruning.prune import counts, full_mask
from lth_core.pruning.rounds import Maskable, ends_chain, next_mask
from lth_core.storage.provenance import provenance
from lth_core.storage.tensors import Tensors, read_header, read_tensors, write_tensors


def parser(description: str | None) -> argparse.ArgumentParser:
    """Make a parser of the arguments that both jobs take."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--spec", type=json.loads, required=True, help="JSON: method, level, seeds, ...")
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    arguments.add_argument("--trained-from", help="what the last training started from, if the criterion looks at it")
    arguments.add_argument("--trained", help="what it ended with, if the criterion looks at it")
    arguments.add_argument("--mask", help="the mask of the level before; without it the dense network is pruned")
    arguments.add_argument("--output", required=True)
    return arguments


def write_masks(
    options: argparse.Namespace, probe_of: Callable[[int, Tensors], Maskable] | None = None, device: str = "cpu"
) -> None:
    """Make the mask of every replicate and write them, from the arguments of a job whose modules are imported.

    `probe_of` makes the network of a seed and its weights, for a criterion that computes with it.
    """
    spec, method = options.spec, Method(**options.spec["method"])
    network = read_header(options.initial)
    layers = prunable(network["layers"], method.exclude)
    theta_0, count = read_tensors(options.initial), len(spec["seeds"])
    paths = {"initial": options.initial, "trained_from": options.trained_from, "trained": options.trained}
    files = {name: unstack(read_weights(path, theta_0, count)) for name, path in paths.items() if path}
    if options.mask:
        masks, ended = unstack(read_mask(options.mask, theta_0)), read_header(options.mask)["diverged"]
    else:
        masks, ended = [full_mask(weights, layers) for weights in unstack(theta_0)], [False] * count
    ends = read_header(options.trained) if options.trained else {}  # theta_0 has not diverged
    diverged = ends.get("diverged", [False] * count)
    smaller = []
    for index, (seed, mask) in enumerate(zip(spec["seeds"], masks, strict=True)):
        weights = {name: replicates[index] for name, replicates in files.items()}
        ended[index] |= ends_chain(method, layers, **weights, diverged=diverged[index])
        about = {"consumers": network["consumers"], "channels": network.get("channels"), "ended": ended[index]}
        probe = probe_of(seed, weights["trained"]) if probe_of else None
        smaller.append(next_mask(method, layers, spec["level"], seed, mask, **weights, probe=probe, **about))
    write_tensors(options.output, stack(smaller), {**counts(smaller, ended), "provenance": provenance(spec, device)})
