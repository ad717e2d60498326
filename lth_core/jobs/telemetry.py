"""Measure what the dense network does in its first steps: rule `telemetry`.

Input: the data file, theta_0 and the end of the dense run. The steps are trained again; they are a pure function of the
seed, so the bits are those of the dense run. Output, as CSV: seed, step, quantity, value.
"""

from __future__ import annotations

from lth_core.analysis.telemetry import record
from lth_core.jobs.support.command import command
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.trainings import open_task, parser
from lth_core.runtime.progress import Progress
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import read_header
from lth_core.training.resume import Resume, fingerprint
from lth_core.training.state import TrainingState, start_state


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0, whose header names the prunable layers")
    arguments.add_argument("--final", required=True, help="the weights at the end of the dense run")
    options = arguments.parse_args()
    spec, seeds, last = options.spec, options.spec["seeds"], options.spec["step"]
    task = open_task(spec, options.data)
    initial, final = (read_weights_of(task.module, path, len(seeds)) for path in (options.initial, options.final))
    state, progress = start_state(task, initial, {}), Progress(last)
    resume = Resume(options.output, fingerprint(spec, options.data, initial, final))
    resume.restore(state)

    def report(state: TrainingState) -> None:
        progress.report(state.step)

    layers = read_header(options.initial)["layers"]
    record(task, state, initial, final, layers, seeds, last, [report, resume.save_when_due])
    rows = ((seeds[row["replicate"]], row["step"], row["quantity"], row["value"]) for row in state.history)
    write_table(options.output, ("seed", "step", "quantity", "value"), rows)
    resume.forget()


if __name__ == "__main__":
    main()
