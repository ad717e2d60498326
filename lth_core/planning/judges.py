"""Checks of the images that networks draw (`samples`), and of the tasks whose networks judge them (`judge`)."""

from __future__ import annotations

from collections.abc import Iterable

from lth_core.config import Config
from lth_core.data.facts import known_facts
from lth_core.metrics import counted
from lth_core.planning.configerrors import at
from lth_core.registry import UnknownName


def judges(config: Config) -> list[str]:
    """Say what is wrong with judges: each must be a task of classification on the data set that it judges."""
    problems = []
    for dataset, name in config.judge.tasks.items():
        location, task = ("judge", "tasks", dataset), config.tasks.get(name)
        if task is None:
            problems.append(at(location, str(UnknownName("task", name, config.tasks))))
        elif task.objective.name != "classification":
            problems.append(
                at(location, f"task '{name}' has objective '{task.objective.name}': name one that classifies")
            )
        elif task.dataset != dataset:
            problems.append(
                at(
                    location,
                    f"task '{name}' is on '{task.dataset}': name a task on '{dataset}', whose images it judges",
                )
            )
        elif (classes := _known(config, dataset, "classes")) and config.judge.least <= 1 / classes:
            chance = f"{config.judge.least:g} is not above 1/{classes}, what chance comes to on '{dataset}'"
            problems.append(at(("judge", "least"), f"{chance}: set `least` above it"))
    return problems


def samples(config: Config, tasks: Iterable[str]) -> list[str]:
    """Say where more images are drawn of tasks than the floor, which is what real ones come to, could be of."""
    problems, count = [], config.samples.count
    for dataset in sorted({config.tasks[task].dataset for task in tasks}):
        if (images := _known(config, dataset, "train_examples")) and count > images:
            more = f"{count:,} are more than the {counted(images, 'training images')} of '{dataset}'"
            problems.append(at(("samples", "count"), f"{more}, of which the floor takes as many"))
    return problems


def _known(config: Config, dataset: str, fact: str) -> int | None:
    settings = config.dataset(dataset)
    return known_facts(settings.source, settings.transforms, config.data_root).get(fact)
