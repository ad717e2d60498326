"""Make the mask of a level by scores that are computed with the network: rule `score`.

Input: the data file, theta_0, the mask of the level before, and the weights that are scored (`trained`: theta_0, those
of an early step, or of the end of the training before). Output: the mask.
"""

from __future__ import annotations

from lth_core.config import Task
from lth_core.data.reading import open_data
from lth_core.jobs.support.command import command, import_modules
from lth_core.jobs.support.masks import parser, write_masks
from lth_core.jobs.support.trainings import choose_device, model_factory, prepare
from lth_core.randomness import kept_torch_generators
from lth_core.scoring.probe import NetworkProbe
from lth_core.storage.tensors import Tensors
from lth_core.tasks.opening import build_task


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--data", required=True, help="the data set's file")
    options = arguments.parse_args()
    device = choose_device()
    prepare(device)  # before a user's modules, which may start threads
    import_modules(options.spec["modules"])
    settings, data = Task(**options.spec["task"]), open_data(options.data, device)
    with kept_torch_generators():
        module = model_factory(settings, data.facts)()
    task = build_task(module, data, settings.train, device, settings.objective)

    def probe_of(seed: int, weights: Tensors) -> NetworkProbe:
        return NetworkProbe(task, seed, weights)

    write_masks(options, probe_of, str(device))


if __name__ == "__main__":
    main()
