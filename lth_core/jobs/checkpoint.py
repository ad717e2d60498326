"""Rule checkpoint: theta_0 -> theta_k of the dense run.

The first k steps are trained again: they are a pure function of the seed, so the bits are those of the dense run, and
asking for another k never retrains it.
"""

from __future__ import annotations

from lth_core.jobs.support.command import command
from lth_core.jobs.support.inputs import read_weights
from lth_core.jobs.support.trainings import open_task, parser, train_ticket
from lth_core.tickets.rewinding import Ticket


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0")
    options = arguments.parse_args()
    task = open_task(options.spec, options.data)
    ticket = Ticket(read_weights(options.initial, task.module, len(options.spec["seeds"])), {})
    train_ticket(options.spec, task, ticket, options.output, last_step=options.spec["step"])


if __name__ == "__main__":
    main()
