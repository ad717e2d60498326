"""Data sets that tasks name: whether they can be read, and go with objectives, networks and recipes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lth_core import registry
from lth_core.config import Config, Dataset, Task
from lth_core.data.facts import known_facts
from lth_core.data.kinds import IMAGES, OFFERED, kind_of_data
from lth_core.planning.configerrors import at
from lth_core.planning.crosscheck import missing_options, needed_by
from lth_core.planning.registrations import kind_advice, misregistered_dataset
from lth_core.registry import UnknownName, one_line
from lth_core.studies.captions import listing
from lth_core.tasks.metrics import data_of


def of_datasets(config: Config, tasks: Iterable[str]) -> list[str]:
    """What is wrong with the data sets of tasks, and between these and the rest of the tasks."""
    problems = []
    for name in tasks:
        task = config.tasks[name]
        location, dataset = ("tasks", name, "dataset"), config.dataset(task.dataset)
        source = dataset.source
        if source.name not in registry.dataset.names():
            known = {*config.datasets, *registry.dataset.names()}
            problems.append(at(location, str(UnknownName("data set", task.dataset, known))))
            continue
        if problem := misregistered_dataset(source.name):
            problems.append(at(location, problem))
            continue
        missing = [key for key in missing_options(registry.dataset, source.name) if key not in source.options]
        if missing:
            needs = f"data set '{source.name}' needs {', '.join(missing)}: give it an entry under datasets"
            problems.append(at(location, needs))
            continue
        if unusable := _transformed(task.dataset, dataset):
            problems += unusable
            continue
        key = "source"
        try:
            known_facts(source, root=config.data_root)
            key = "transforms"
            facts = known_facts(source, dataset.transforms, config.data_root)
        except Exception as error:  # of any type: it may be a plugin's
            reason = str(error) if isinstance(error, ValueError) else f"'{source.name}' failed: {one_line(error)}"
            problems.append(at(("datasets", task.dataset, key), reason))
            continue
        problems += _kinds(name, task, source.name, facts) or _facts(name, task, facts)
    return list(dict.fromkeys(problems))  # of a data set, once for all of its tasks


def _transformed(name: str, dataset: Dataset) -> list[str]:
    """Transforms of what are no images."""
    kind = kind_of_data(registry.dataset.facts(dataset.source.name))
    if kind == IMAGES or not dataset.transforms:
        return []
    return [
        at(("datasets", name, "transforms"), f"transforms are of images, and '{dataset.source.name}' is of kind {kind}")
    ]


def _kinds(name: str, task: Task, source: str, facts: Mapping[str, Any]) -> list[str]:
    """Objectives and networks that do not take this kind of data."""
    kind, location, train = kind_of_data(facts), ("tasks", name), ("tasks", name, "train")
    problems = []
    wanted = data_of(task.objective.name)
    if kind not in wanted:
        fitting = [one for one in registry.objective.names() if kind in data_of(one)]
        advice = kind_advice(source, wanted) or (f", which goes with {listing(fitting)}" if fitting else "")
        other = f"'{task.objective.name}' takes {' or '.join(wanted)}, but '{task.dataset}' is of kind {kind}{advice}"
        problems.append(at((*location, "objective"), other))
    lacking = sorted(needed_by(registry.model, task.model.name) - {*OFFERED[kind]})
    if lacking:
        needs = f"'{task.model.name}' needs {listing(lacking)}, which '{task.dataset}' ({kind}) does not have"
        problems.append(at((*location, "model"), needs))
    if task.train.label_smoothing and not registry.objective.uses(task.objective.name, "label_smoothing"):
        problems.append(at((*train, "label_smoothing"), f"'{task.objective.name}' has no labels to smooth: remove it"))
    whole = {"environment": "the episodes of a policy", "graph": "a graph"}
    if kind in whole and task.processes > 1:
        problems.append(at((*location, "processes"), f"{task.processes} cannot share {whole[kind]}: set 1"))
    if kind == "environment" and task.train.test_folds:
        problems.append(at((*train, "test_folds"), "episodes are no test examples: remove it"))
    if kind != IMAGES and task.train.augment != "none":
        problems.append(at((*train, "augment"), f"'{task.train.augment}' is for images, not {kind}"))
    return problems


def _facts(name: str, task: Task, images: Mapping[str, Any]) -> list[str]:
    """What does not go together with what is known of the images before they are read."""
    problems = []
    examples, (_, *sides) = images.get("train_examples"), images.get("input_shape", (None,))
    if examples is not None and task.train.batch_size > examples:
        larger = f"{task.train.batch_size} is more than the {examples} training examples of '{task.dataset}'"
        problems.append(at(("tasks", name, "train", "batch_size"), larger))
    if task.train.augment == "resized-crop-flip" and not images.get("streamed", False):
        cut = (
            f"'resized-crop-flip' cuts parts out of image files: '{task.dataset}' is no image-folder with stream: true"
        )
        problems.append(at(("tasks", name, "train", "augment"), cut))
    least = registry.model.facts(task.model.name).get("least_side", 1)
    if any(side < least for side in sides):
        size, model = "x".join(map(str, sides)), task.model.name
        small = f"'{model}' needs images of at least {least}x{least} pixels, not {size} as in '{task.dataset}'"
        problems.append(at(("tasks", name, "model"), small))
    return problems
