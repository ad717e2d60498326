"""Checks of what the parts of a valid config say of one another: names, levels and steps that distant keys share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from lth_core import registry
from lth_core.config import RESERVED_BRANCH_NAMES, Branch, Config, Dataset, Method, Task
from lth_core.data.facts import known_facts
from lth_core.data.kinds import IMAGES, OFFERED, kind_of_data
from lth_core.planning.configerrors import Location, at, of_failed_study
from lth_core.planning.crosscheck import missing_options, needed_by
from lth_core.planning.derived import at_their_studies, collisions, impossible_methods
from lth_core.planning.effects import without_effect
from lth_core.planning.exchange import misfit
from lth_core.planning.judges import judges, samples
from lth_core.planning.registrations import kind_advice, misregistered_dataset
from lth_core.planning.scored import scored
from lth_core.planning.searched import searched
from lth_core.planning.starts import never_fresh, starts
from lth_core.planning.updates import updates
from lth_core.registry import UnknownName, one_line
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.base import Study
from lth_core.studies.captions import listing
from lth_core.studies.judges import without_judge
from lth_core.tasks.metrics import data_of


def references(config: Config, studies: Mapping[str, Study]) -> list[str]:
    """What is wrong between the parts of a config that is valid in each part."""
    problems, usable = [], {}
    for name, study in studies.items():
        unknown = _tasks_of_study(config, name, study)
        problems += unknown
        if not unknown:
            usable[name] = study
    expanded, more, deriving = _expanded(config, usable)
    derived = expanded.tasks.keys() - config.tasks.keys()  # from wrong tasks come wrong ones, of which nothing is said
    problems += more + (
        _datasets(expanded, config.tasks) or at_their_studies(_datasets(expanded, sorted(derived)), deriving)
    )
    problems = problems or judges(config) or starts(expanded, config.tasks)  # which look at the data
    problems = problems or starts(expanded, sorted(derived))
    return problems or _studies(expanded, usable)


def _expanded(config: Config, studies: Mapping[str, Study]) -> tuple[Config, list[str], dict[Location, str]]:
    """The config with the data sets and tasks that studies derive, what is wrong with these, and who derives them."""
    problems, tasks, datasets, deriving = [], dict(config.tasks), dict(config.datasets), {}
    for name, study in studies.items():
        try:
            derived_datasets, derived_tasks = study.datasets(config), study.derived_tasks(config)
        except Exception as error:  # of any type: it may be a plugin's
            problems.append(of_failed_study(name, study, error))
            continue
        problems += collisions(("datasets",), name, derived_datasets, datasets)
        problems += collisions(("tasks",), name, derived_tasks, tasks)
        deriving |= {("datasets", key): name for key in derived_datasets.keys() - datasets.keys()}
        deriving |= {("tasks", key): name for key in derived_tasks.keys() - tasks.keys()}
        datasets |= derived_datasets
        tasks |= derived_tasks
    return config.model_copy(update={"datasets": datasets, "tasks": tasks}), problems, deriving


def _studies(config: Config, studies: Mapping[str, Study]) -> list[str]:
    """What is wrong with what studies derive and train."""
    problems = []
    methods, branches = dict(config.methods), dict(config.branches)
    for name, study in studies.items():
        try:
            derived_methods, derived_branches = study.methods(config), study.branches(config)
            runs, sampled = study.runs(config), study.sampled_runs(config)
        except Exception as error:  # of any type: it may be a plugin's
            problems.append(of_failed_study(name, study, error))
            continue
        problems += collisions(("methods",), name, derived_methods, methods)
        problems += collisions(("branches",), name, derived_branches, branches)
        methods |= derived_methods
        branches |= derived_branches
        impossible = impossible_methods(name, study, derived_methods)
        problems += impossible or _runs(config, name, study, runs, methods, branches)
        problems += samples(config, {run.task for run in sampled})
    return list(dict.fromkeys(problems))  # of two tasks that exchange tickets, once for both


def _datasets(config: Config, tasks: Iterable[str]) -> list[str]:
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


def _tasks_of_study(config: Config, name: str, study: Study) -> list[str]:
    problems = []
    for task, method in study.tasks.items():
        location = ("studies", name, "tasks", task)
        if task not in config.tasks:
            problems.append(at(location, str(UnknownName("task", task, config.tasks))))
        else:
            problems += _objective(config.tasks[task], study, location)
            if problem := without_judge(config, study, task):
                problems.append(at(location, problem))
        if method not in config.methods:
            problems.append(at(location, str(UnknownName("method", method, config.methods))))
    return problems


def _objective(task: Task, study: Study, location: Location) -> list[str]:
    """What is wrong with a task whose objective a study cannot work with."""
    name = task.objective.name
    if study.objectives is None or name in study.objectives:
        return []
    needed = " or ".join(f"'{objective}'" for objective in study.objectives)
    return [at(location, f"this study needs tasks with objective {needed}, not '{name}': leave the task out of it")]


def _runs(
    config: Config,
    name: str,
    study: Study,
    runs: Iterable[Run],
    methods: Mapping[str, Method],
    branches: Mapping[str, Branch],
) -> list[str]:
    """Names, levels and steps of the trainings that a study asks for."""
    problems = []
    used_branches = {run.branch for run in runs if run.branch}
    for noun, used, known in (
        ("task", {run.task for run in runs}, config.tasks),
        ("method", {run.method for run in runs} - {DENSE}, methods),
        ("branch", used_branches, {*branches, *registry.treatment.names()}),
    ):
        for word in sorted(used - set(known)):
            problems.append(at(_mention(name, study, word), str(UnknownName(noun, word, known))))
    if problems:
        return problems
    for word in sorted(used_branches & set(RESERVED_BRANCH_NAMES)):
        problems.append(at(_mention(name, study, word), f"'{word}' is reserved (artifact folders and tables use it)"))
    repeated = [run for run, count in Counter(runs).items() if count > 1]
    for run in repeated[:1]:
        same = f"asks for the same training twice ({run.folder(config.results)})"
        problems.append(at(_mention(name, study, run.branch) if run.branch else ("studies", name), same))
    problems += _rewind_steps(config, name, study, runs, methods) or updates(config, runs, methods, ("studies", name))
    problems += scored(config, name, runs, methods) + searched(config, runs, methods, branches, name)
    built = never_fresh(config, runs, branches).items()
    problems += without_effect(config, runs) + [at(_mention(name, study, word), why) for word, why in built]
    for run in {(run.task, run.branch): run for run in runs}.values():
        if run.branch and run.branch in branches:
            location = ("branches", run.branch) if run.branch in config.branches else ("studies", name)
            problems += _branch(config, run, branches[run.branch], branches, location)
    for branch in sorted(used_branches - set(branches)):
        missing = missing_options(registry.treatment, branch)
        if missing:
            needs = f"branch '{branch}' needs {', '.join(missing)}: give it an entry under branches"
            problems.append(at(_mention(name, study, branch), needs))
    return problems


def _rewind_steps(
    config: Config, name: str, study: Study, runs: Iterable[Run], methods: Mapping[str, Method]
) -> list[str]:
    """Steps to rewind to that training does not reach; one that derived methods have from a task's own is its."""
    late = {}
    for task, method in sorted({(run.task, run.method) for run in runs if run.method != DENSE}):
        step, steps = methods[method].rewind.step, config.tasks[task].train.steps
        written = method if method in config.methods else study.tasks.get(task)
        if written and config.methods[written].rewind.step == step:
            where, what = ("methods", written, "rewind", "step"), str(step)
        else:
            where, what = ("studies", name), f"step {step} of method '{method}'"
        if step >= steps:
            problem = f"{what} must be less than {steps}, the last step of task '{task}', in study '{name}'"
            late[at(where, problem)] = None
    return list(late)


def _branch(
    config: Config, run: Run, settings: Branch, branches: Mapping[str, Branch], location: Location
) -> list[str]:
    """Steps and other tasks that the branch of a run refers to."""
    steps = config.tasks[run.task].train.steps
    problems = []
    if settings.order_from >= steps:
        late = f"{settings.order_from} must be less than {steps}, the last step of task '{run.task}'"
        problems.append(at((*location, "order_from"), late))
    weights = settings.weights
    derived = location[0] == "studies"  # which has no such options
    for key, other in (("source", settings.source), ("weights", weights.task if weights else None)):
        if other is None:
            continue
        where = location if derived else (*location, key)
        if other not in config.tasks:
            problems.append(at(where, str(UnknownName("task", other, config.tasks))))
        elif run.cohort not in config.tasks[other].cohorts:
            problems.append(at(where, f"task '{other}' has no cohort '{run.cohort}' as task '{run.task}'"))
        elif key == "weights" and weights and weights.step > (last := config.tasks[other].train.steps):
            beyond = f"{weights.step} must be at most {last}, the last step of task '{other}'"
            problems.append(at(where if derived else (*where, "step"), beyond))
        elif problem := None if settings.part else misfit(config, run.task, other):
            problems.append(at(where, problem))
    if weights and weights.branch and weights.branch not in branches:
        problems.append(at((*location, "weights", "branch"), str(UnknownName("branch", weights.branch, branches))))
    return problems


def _mention(name: str, study: Study, word: str) -> Location:
    """The option of the study that names `word`, or the study when none does."""
    for key, value in study:
        if value == word or (isinstance(value, list | tuple | set | dict) and word in value):
            return ("studies", name, key)
    return ("studies", name)
