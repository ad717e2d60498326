"""Rule supermasks: theta_0 and the dense run -> how accurate theta_0 is under the masks of a method's criterion.

All masks are found from the dense run; no weight is trained. Writes one row per seed, level (0: no mask) and what the
kept weights are (`initial` values or signed `constant`s): seed, level, density, values, validation_accuracy,
test_accuracy.
"""

from __future__ import annotations

from typing import get_args

import lth_core.pruning  # noqa: F401 (registers the built-in criteria)
from lth_core.analysis.supermasks import Values, accuracies, masked, supermasks, untrained
from lth_core.artifacts import read_header, read_tensors, write_text
from lth_core.config import Method
from lth_core.exclusions import prunable
from lth_core.jobs.command import command
from lth_core.jobs.runs import open_task, parser
from lth_core.jobs.stacking import unstack
from lth_core.pruning.prune import counts

COLUMNS = ("seed", "level", "density", "values", "validation_accuracy", "test_accuracy")


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    arguments.add_argument("--trained", required=True, help="the weights at the end of the dense run")
    options = arguments.parse_args()
    spec, method = options.spec, Method(**options.spec["method"])
    task = open_task(spec, options.data)
    network = read_header(options.initial)
    layers = prunable(network["layers"], method.exclude)
    initial, trained = (unstack(read_tensors(path)) for path in (options.initial, options.trained))
    replicates = zip(spec["seeds"], initial, trained, strict=True)
    chains = [supermasks(method, layers, network["consumers"], *replicate) for replicate in replicates]
    rows = []
    for values in get_args(Values):
        weights = [untrained(theta_0, layers, values) for theta_0 in initial]
        for level, masks in enumerate(zip(*chains, strict=True)):
            found = accuracies(task, masked(weights, masks))
            for seed, mask, (validation, test) in zip(spec["seeds"], masks, found, strict=True):
                rows.append((seed, level, counts([mask])["density"], values, f"{validation:.9g}", f"{test:.9g}"))
    write_text(options.output, "".join(",".join(map(str, row)) + "\n" for row in (COLUMNS, *rows)))


if __name__ == "__main__":
    main()
