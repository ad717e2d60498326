"""Train the ticket of a level: rule `retrain`.

Input: the data file, the mask, and the weights that the method rewinds to. Output: the trained weights and the history.
"""

from __future__ import annotations

from lth_core.config import Method
from lth_core.jobs.support.command import command
from lth_core.jobs.support.inputs import read_mask
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.trainings import open_task, parser, train_ticket
from lth_core.storage.tensors import read_header
from lth_core.tickets.divergence import without_tickets
from lth_core.tickets.rewinding import rewind


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--start", required=True, help="what the ticket starts from: theta_0, theta_k or continued")
    arguments.add_argument("--mask", required=True)
    options = arguments.parse_args()
    task = open_task(options.spec, options.data)
    policy = Method(**options.spec["method"]).rewind
    start = read_weights_of(task.module, options.start, len(options.spec["seeds"]))
    ticket = rewind(policy, start, read_mask(options.mask, start))
    ticket = without_tickets(ticket, read_header(options.mask)["diverged"])
    train_ticket(options.spec, task, options.data, ticket, options.output)


if __name__ == "__main__":
    main()
