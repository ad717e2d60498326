"""Sum the synaptic saliencies of theta_0 by layer, and compare both sides of its hidden units: rule `saliency`.

Input: the data file and theta_0. Output, as CSV: one row per score, seed and layer (in network order): score, seed, and
the fields of Sums.
"""

from __future__ import annotations

from lth_core.jobs.support.command import command
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import open_task, parser
from lth_core.scoring.probe import NetworkProbe
from lth_core.scoring.saliency import SCORES, Sums, sums
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import read_header


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    options = arguments.parse_args()
    spec, header = options.spec, read_header(options.initial)
    task = open_task(spec, options.data)
    rows = []
    initial = unstack(read_weights_of(task.module, options.initial, len(spec["seeds"])))
    for seed, weights in zip(spec["seeds"], initial, strict=True):
        probe = NetworkProbe(task, seed, weights).in_precision("float64")
        for score, function in SCORES.items():
            of_layers = sums(function(probe), header["layers"], header["consumers"])
            rows += [(score, seed, *of_layer) for of_layer in of_layers]
    write_table(options.output, ("score", "seed", *Sums._fields), rows, digits=None)


if __name__ == "__main__":
    main()
