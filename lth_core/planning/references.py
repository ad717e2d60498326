"""Checks of what the parts of a valid config say of one another: names, levels and steps that distant keys share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from lth_core import registry
from lth_core.config import RESERVED_BRANCH_NAMES, Branch, Config, Method, Task
from lth_core.planning.configerrors import Location, at, of_failed_study
from lth_core.planning.crosscheck import missing_options
from lth_core.planning.datasets import of_datasets
from lth_core.planning.derived import at_their_studies, collisions, impossible_methods
from lth_core.planning.effects import without_effect
from lth_core.planning.exchange import misfit
from lth_core.planning.judges import judges, samples
from lth_core.planning.scored import scored
from lth_core.planning.searched import searched
from lth_core.planning.starts import never_fresh, starts
from lth_core.planning.updates import updates
from lth_core.registry import UnknownName
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.base import Study
from lth_core.studies.judges import without_judge


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
        of_datasets(expanded, config.tasks) or at_their_studies(of_datasets(expanded, sorted(derived)), deriving)
    )
    problems = problems or judges(config) or starts(expanded, config.tasks)  # which look at the data
    problems = problems or starts(expanded, sorted(derived))
    return problems + _studies(expanded, usable, names_only=bool(problems))


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


def _studies(config: Config, studies: Mapping[str, Study], names_only: bool) -> list[str]:
    """What is wrong with what studies derive and train.

    Where there are other mistakes, the rest may come from them: unknown names are told then, and no more.
    """
    problems = []
    methods, branches = dict(config.methods), dict(config.branches)
    for name, study in studies.items():
        try:
            derived_methods, derived_branches = study.methods(config), study.branches(config)
            runs, sampled = study.runs(config), study.sampled_runs(config)
            for asked_later in (study.considered, study.analyses, study.figure_names):
                asked_later(config)
        except Exception as error:  # of any type: it may be a plugin's
            problems += [] if names_only else [of_failed_study(name, study, error)]
            continue
        unknown = _names(config, name, study, runs, methods | derived_methods, branches | derived_branches)
        problems += unknown
        if names_only:
            continue
        problems += collisions(("methods",), name, derived_methods, methods)
        problems += collisions(("branches",), name, derived_branches, branches)
        methods |= derived_methods
        branches |= derived_branches
        impossible = impossible_methods(name, study, derived_methods)
        if not unknown:
            problems += impossible or _runs(config, name, study, runs, methods, branches)
        problems += samples(config, {run.task for run in sampled})
    return list(dict.fromkeys(problems))  # of two tasks that exchange tickets, once for both


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


def _names(
    config: Config,
    name: str,
    study: Study,
    runs: Iterable[Run],
    methods: Mapping[str, Method],
    branches: Mapping[str, Branch],
) -> list[str]:
    """Unknown names in the trainings that a study asks for."""
    return [
        at(_mention(name, study, word), str(UnknownName(noun, word, known)))
        for noun, used, known in (
            ("task", {run.task for run in runs}, config.tasks),
            ("method", {run.method for run in runs} - {DENSE}, methods),
            ("branch", {run.branch for run in runs if run.branch}, {*branches, *registry.treatment.names()}),
        )
        for word in sorted(used - set(known))
    ]


def _runs(
    config: Config,
    name: str,
    study: Study,
    runs: Iterable[Run],
    methods: Mapping[str, Method],
    branches: Mapping[str, Branch],
) -> list[str]:
    """Levels and steps of the trainings that a study asks for, whose names are known."""
    problems = []
    used_branches = {run.branch for run in runs if run.branch}
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
