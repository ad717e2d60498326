"""Count what masks of theta_0 keep of every layer, at rising compressions: rule `collapse`.

Input: the data file and theta_0. Output, as CSV: one row per compression, seed and layer (in network order):
compression, seed, layer, kind, kept, total.
"""

from __future__ import annotations

from itertools import islice, product

from lth_core.analysis.collapse import at_compressions, compressions, kept_by_layer
from lth_core.config import Method
from lth_core.jobs.support.command import command
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import open_task, parser
from lth_core.pruning.exclusions import prunable
from lth_core.pruning.moments import is_probed
from lth_core.scoring.probe import NetworkProbe
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import read_header
from lth_core.training.resume import Resume, Rows, fingerprint

COLUMNS = ("compression", "seed", "layer", "kind", "kept", "total")


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    options = arguments.parse_args()
    spec, method = options.spec, Method(**options.spec["method"])
    task = open_task(spec, options.data)
    layers = prunable(read_header(options.initial)["layers"], method.exclude)
    initial = unstack(read_weights_of(task.module, options.initial, len(spec["seeds"])))
    sizes = {name: initial[0][name].size for name in layers}
    rising = compressions(spec["rungs"], sum(sizes.values()), len(sizes))
    method = at_compressions(method, rising)
    state, resume = Rows(), Resume(options.output, fingerprint(spec, options.data, *initial))
    resume.restore(state)
    masks = product(enumerate(rising, start=1), zip(spec["seeds"], initial, strict=True))
    for (level, compression), (seed, weights) in islice(masks, state.step, None):
        probe = NetworkProbe(task, seed, weights) if is_probed(method) else None
        kept = kept_by_layer(method, layers, level, seed, weights, probe)
        state.history += [(compression, seed, name, layers[name], count, sizes[name]) for name, count in kept.items()]
        state.step += 1
        resume.save_when_due(state)
    write_table(options.output, COLUMNS, state.history, digits=None)
    resume.forget()


if __name__ == "__main__":
    main()
