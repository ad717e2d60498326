"""Train the dense networks of a cohort from theta_0: rule `dense`.

Input: the data file and theta_0. Output: the trained weights and the history of level 0. With --keep, training
ends earlier and only keeps weights for checkpoints (lth_core/jobs/checkpoint.py).
"""

from __future__ import annotations

from lth_core.jobs.support.command import command
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.trainings import open_task, parser, train_ticket
from lth_core.tickets.rewinding import Ticket


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0")
    options = arguments.parse_args()
    task = open_task(options.spec, options.data)
    theta_0 = read_weights_of(task.module, options.initial, len(options.spec["seeds"]))
    train_ticket(options.spec, task, options.data, Ticket(theta_0, {}), options.output, keep=options.keep)


if __name__ == "__main__":
    main()
