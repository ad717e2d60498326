"""Specs: what each job's result depends on (config values, seeds, digest of the code), in canonical JSON.

Equal spec, equal artifact. A spec names the modules of the registered functions that a job uses: it imports no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from lth_core import registry
from lth_core.config import HOW_TO_COMPUTE, Choice, Config, Method, Task, seeds_of
from lth_core.data.kinds import kind_of_data
from lth_core.planning.canonical import canonical
from lth_core.planning.chains import Chains
from lth_core.planning.configerrors import ConfigError
from lth_core.planning.filesread import read_by
from lth_core.pruning.moments import functions_of
from lth_core.registry import Registry, one_line
from lth_core.storage.codedigest import PACKAGE, code_of, digest, files_digest
from lth_core.storage.contents import contents_digest
from lth_core.storage.runs import Run
from lth_core.studies.base import Study

DRAWING_MODULES = ("lth_core.drawing.*", "lth_core.studies.*figures")
"""Only the figures job runs these: a change of style makes new figures, not new tables."""

TEMPLATES = Path(__file__).parents[1] / "report" / "templates"
"""The report page and its style."""


class Specs:
    """The specs of a plan's jobs: each method gives that of the rule of its name, as text."""

    def __init__(self, written: Config, config: Config, studies: Mapping[str, Study], chains: Chains):
        """`written` is the config without what studies derive, `config` the one with it."""
        self.written, self.config, self.studies, self.chains = written, config, studies, chains

    def data(self, dataset: str) -> str:
        """Give what a data file depends on: its source with options, and its transforms."""
        settings = self.config.dataset(dataset)
        source, transforms = settings.source, settings.transforms
        functions = [registry.transform.get(transform.name) for transform in transforms]
        spec = self._code_of("prepare_data", registry.dataset.get(source.name), *functions)
        spec |= {"source": source.model_dump(), "transforms": [transform.model_dump() for transform in transforms]}
        spec |= read_by((registry.dataset, source), *((registry.transform, transform) for transform in transforms))
        files = self.files(dataset)
        return canonical(spec | {"files": files} if files else spec)

    @cache  # noqa: B019 (a plan lives as long as its process)
    def files(self, dataset: str) -> str:
        """Digest of the files that a data set is made from, as its source's `watched` lists them; "" without one.

        Raises ConfigError when `watched`, which may be a plugin's, fails.
        """
        source, root = self.config.dataset(dataset).source, self.config.data_root
        watched = registry.dataset.facts(source.name).get("watched")
        if not watched:
            return ""
        try:
            return contents_digest(root, watched(root=root, **source.options))
        except Exception as error:
            reason = one_line(error)
            raise ConfigError([f"data set '{source.name}': its `watched` does not list files ({reason})"]) from error

    def initialize(self, task: str, cohort: str) -> str:
        """Give what theta_0 depends on: network, initialization and seeds."""
        settings = self.config.tasks[task]
        objective = registry.objective.get(settings.objective.name)  # theta_0 is proved to be trained under it
        functions = [registry.model.get(settings.model.name), objective, *self._environment(settings.dataset)]
        spec = self._base(cohort, "initialize", *functions)
        return canonical(spec | read_by((registry.model, settings.model)) | {"task": self._untrained(task, cohort)})

    def dense(self, task: str, cohort: str) -> str:
        """Give what the dense run and its checkpoints depend on: task and seeds."""
        return canonical(self._training(task, cohort, "dense"))

    def prune(self, cohort: str, method: str, level: int) -> str:
        """Give what a level's mask depends on beyond its inputs: method, level and seeds."""
        settings = self.chains.methods[method]
        spec = self._base(cohort, "prune", registry.criterion.get(settings.criterion.name))
        return canonical(spec | self._scoring(settings, level))

    def score(self, task: str, cohort: str, method: str, level: int) -> str:
        """Give what a level's mask depends on beyond its inputs where the criterion computes with the network."""
        return canonical(self._scored("score", task, cohort, self.chains.methods[method], level))

    def sparsify(self, task: str, cohort: str, method: str, level: int) -> str:
        """Give what a training that changes its mask depends on beyond what it starts from."""
        chosen = self.chains.methods[method].during
        spec = self._training(task, cohort, "sparsify", *([(registry.sparsifier, chosen)] if chosen else []))
        return canonical(spec | self._at_once(method, level, "during"))

    def search(self, task: str, cohort: str, method: str, level: int) -> str:
        """Give what a search for a level's mask depends on beyond its inputs."""
        search = self.chains.methods[method].search
        chosen = [(registry.parametrization, search.parametrization)] if search else []
        return canonical(self._training(task, cohort, "search", *chosen) | self._at_once(method, level, "search"))

    def retrain(self, task: str, cohort: str, method: str, level: int) -> str:
        """Give what a ticket's training depends on beyond its mask: task, rewinding, level and seeds."""
        return canonical(self._training(task, cohort, "retrain") | self._rewinding(method, level))

    def branch(self, run: Run) -> str:
        """Give what a counterfactual's training and its checkpoints depend on beyond what it is made from."""
        settings = self.chains.treated(run)
        spec = self._training(run.task, run.cohort, "branch", (registry.treatment, settings.treatment))
        about = {"branch": settings.model_dump(), "chain": not run.branch}
        return canonical(spec | self._rewinding(run.method, run.level) | about)

    def measurement(self, job: str, task: str, cohort: str) -> str:
        """Give what a job depends on whose settings the config has under its name: task, seeds and these settings."""
        settings = {job: getattr(self.config, job).model_dump()}
        return canonical(self._training(task, cohort, job) | settings)

    def judged(self, task: str, cohort: str) -> str:
        """Give what a judgement of images depends on beyond its inputs: the task that drew them, and the judge's."""
        judge, job = self.chains.judge(task), "judged"
        return canonical(self._training(task, cohort, job) | {"judge": self._training(judge.task, judge.cohort, job)})

    def telemetry(self, task: str, cohort: str, step: int) -> str:
        """Give what the telemetry of the first steps depends on: task, seeds and the last of the steps."""
        return canonical(self._training(task, cohort, "telemetry") | {"step": step})

    def supermasks(self, task: str, cohort: str, method: str) -> str:
        """Give what accuracies of untrained networks under a criterion's masks depend on: task, seeds and method."""
        settings = self.chains.methods[method]
        spec = self._training(task, cohort, "supermasks", (registry.criterion, settings.criterion))
        return canonical(spec | {"method": settings.model_dump(mode="json", exclude={"rewind", "treatment", "search"})})

    def collapse(self, task: str, cohort: str, method: str, rungs: int) -> str:
        """Give what masks of theta_0 at rising compressions depend on: network, seeds and criterion."""
        settings = self.chains.methods[method].model_copy(update={"densities": []})
        return canonical(self._scored("collapse", task, cohort, settings, 1) | {"rungs": rungs})

    def channel_masks(self, task: str, cohort: str, method: str, every: int) -> str:
        """Give what masks at many steps of the dense training depend on: task, seeds, method and interval."""
        settings = self.chains.methods[method]
        spec = self._training(task, cohort, "channel_masks", (registry.criterion, settings.criterion))
        return canonical(spec | {"method": settings.model_dump(mode="json", exclude={"rewind"}), "every": every})

    def saliency(self, task: str, cohort: str) -> str:
        """Give what the saliencies of theta_0 depend on: network and seeds."""
        return canonical(self._training(task, cohort, "saliency") | {"task": self._untrained(task, cohort)})

    def costs(self, task: str, cohort: str) -> str:
        """Give what the costs of a network depend on: its task."""
        return canonical(self._training(task, cohort, "costs"))

    def analysis_code(self, job: str) -> str:
        """Give the digest of the code of an analysis, which has no settings."""
        return self._code(job)

    def table(self, study: str, job: str = "table") -> str:
        """Give what a study's tables depend on, or another job's: the config, of the studies' options only its own."""
        return canonical(self._after_training(job, [study], "reports", without=DRAWING_MODULES))

    def figures(self, study: str) -> str:
        """Give what its figures depend on: also their folder, and the code that draws them."""
        return canonical(self._after_training("figures", [study]))

    def claims(self) -> str:
        """Give what the claims depend on: the config but for the folder of the reports."""
        return canonical(self._after_training("claims", self.studies, "reports", without=DRAWING_MODULES))

    def report(self) -> str:
        """Give what the page depends on: its templates, too."""
        spec = self._after_training("report", self.studies, without=DRAWING_MODULES)
        return canonical(spec | {"templates": files_digest(TEMPLATES)})

    def index(self) -> str:
        """Give what the index of pages depends on beyond them: its template."""
        return canonical({"code": self._code("index"), "templates": files_digest(TEMPLATES)})

    def modules_of(self, tasks: Iterable[str], methods: Iterable[str], treatments: Iterable[str]) -> list[str]:
        """Name the modules that register models and objectives of tasks, criteria of methods, and treatments."""
        settings = [self.config.tasks[task] for task in tasks]
        models = [registry.model.get(task.model.name) for task in settings]
        models += [registry.objective.get(task.objective.name) for task in settings]
        models += [function for task in settings for function in self._environment(task.dataset)]
        makers = [function for method in methods for function in functions_of(self.chains.methods[method])]
        return self._modules([*models, *makers, *map(registry.treatment.get, treatments)])

    # ------------------------------------------------------------ parts of specs

    def _scoring(self, settings: Method, level: int) -> dict[str, Any]:
        # Where the next training starts, and what is done to it, do not matter to the mask.
        fields = settings.model_dump(mode="json", exclude={"rewind", "treatment", "levels", "during", "search"})
        reads = read_by((registry.criterion, settings.criterion))
        return reads | {"method": fields | settings.until(level), "level": level}

    def _at_once(self, method: str, level: int, how: str) -> dict[str, Any]:
        settings = self.chains.methods[method]
        which = {how, "rewind", "rate", "rate_by_kind", "exclude", "scope", "allocation", "iterative"}
        fields = settings.model_dump(mode="json", include=which)
        return {"method": fields | settings.until(level), "level": level}

    def _scored(self, job: str, task: str, cohort: str, settings: Method, level: int) -> dict[str, Any]:
        spec = self._training(task, cohort, job, (registry.criterion, settings.criterion))
        return self._scoring(settings, level) | spec | {"task": self._untrained(task, cohort)}

    def _untrained(self, task: str, cohort: str) -> dict[str, Any]:
        """A task's settings for what depends on the network, but not on how it is trained."""
        neutral = {"optimizer": {"name": "sgd", "learning_rate": 1}, "batch_size": 1, "steps": 1, "evaluate_every": 1}
        return self._task(self.config.tasks[task], cohort) | {"train": neutral}

    def _training(self, task: str, cohort: str, job: str, *choices: tuple[Registry, Choice]) -> dict[str, Any]:
        settings = self.config.tasks[task]
        choices = ((registry.model, settings.model), *choices)
        functions = [registry.objective.get(settings.objective.name), *self._environment(settings.dataset)]
        functions += [known.get(choice.name) for known, choice in choices]
        spec = self._base(cohort, job, *functions) | read_by(*choices)
        return spec | {"task": self._task(settings, cohort)}

    def _environment(self, dataset: str) -> list[Any]:
        """The function that registers a data set, if this is an environment: trainings make its episodes themselves."""
        source = self.config.dataset(dataset).source.name
        is_environment = kind_of_data(registry.dataset.facts(source)) == "environment"
        return [registry.dataset.get(source)] if is_environment else []

    def _base(self, cohort: str, job: str, *functions: Any) -> dict[str, Any]:
        return {"seeds": seeds_of(cohort), **self._code_of(job, *functions)}

    def _code_of(self, job: str, *functions: Any) -> dict[str, Any]:
        """The modules of the registered functions that a job uses, for it to import, and the digest of its code."""
        return {"modules": self._modules(functions), "code": self._code(job, *functions)}

    def _after_training(
        self, job: str, studies: Iterable[str], *left_out: str, without: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """What a job depends on that reads the config and some of its studies.

        Studies ask for facts of what the config names, so its modules are imported, too. The code of these functions
        is in the specs of the trainings: what they change comes to these jobs as other inputs.
        """
        kinds = [type(self.studies[name]) for name in studies]
        return {
            "config": self.config_of(list(studies), *left_out),
            "modules": self._modules([*kinds, *self._named_functions]),
            "code": self._code(job, *kinds, without=without),
        }

    @cached_property
    def _named_functions(self) -> list[Any]:
        """The registered functions that the config names, with what its studies derive or consider."""
        tasks, methods = self.config.tasks.values(), [*self.chains.methods.values()]
        methods += [method for study in self.studies.values() for method in study.considered(self.config)]
        datasets = [self.config.dataset(task.dataset) for task in tasks]
        treated = [*self.chains.branches.values(), *(method for method in methods if method.treatment)]
        return [
            *(registry.dataset.get(dataset.source.name) for dataset in datasets),
            *(registry.transform.get(transform.name) for dataset in datasets for transform in dataset.transforms),
            *(registry.model.get(task.model.name) for task in tasks),
            *(registry.objective.get(task.objective.name) for task in tasks),
            *(function for method in methods for function in functions_of(method)),
            *(registry.treatment.get(one.treatment.name) for one in treated),
        ]

    def _modules(self, functions: Iterable[Any]) -> list[str]:
        """The modules that register `functions` when imported: built-in ones, and plugins as the config names them."""
        functions = {*functions}
        modules = set() if functions.isdisjoint(self._of_any_plugin) else set(self.config.plugins)
        for module in {function.__module__ for function in functions}:
            if module.partition(".")[0] == PACKAGE:
                modules.add(module)
            else:  # a plugin may register what it imports from elsewhere
                plugins = [name for name in self.config.plugins if f"{module}.".startswith(f"{name}.")]
                modules |= set(plugins or self.config.plugins)
        return sorted(modules)

    @cached_property
    def _of_any_plugin(self) -> set[Any]:
        """The functions that return what any plugin may have registered elsewhere, such as with gymnasium."""
        known = registry.dataset
        return {known.get(name) for name in known.names() if known.facts(name).get("of_any_plugin")}

    def _rewinding(self, method: str, level: int) -> dict[str, Any]:
        rewind = self.chains.rewind(method, level).model_dump()
        return {"method": {"levels": level or 1, "rewind": rewind}, "level": level}

    @staticmethod
    def _task(settings: Task, cohort: str) -> dict[str, Any]:
        fields = settings.model_dump(mode="json", exclude=HOW_TO_COMPUTE["tasks"]["__all__"])
        return fields | {"cohorts": [cohort]}  # other cohorts do not matter to this one

    def config_of(self, studies: Sequence[str], *left_out: str) -> dict[str, Any]:
        """Give what jobs after training read: the config with the options of some studies.

        Defaults are left out, which are part of the code: the whole has to fit on a command line.
        """
        exclude = HOW_TO_COMPUTE | dict.fromkeys(left_out, True)
        fields = self.written.model_dump(mode="json", exclude=exclude, exclude_defaults=True)
        return fields | {"studies": {study: self.written.studies[study] for study in studies}}

    @cache  # noqa: B019 (a plan lives as long as its process)
    def _code(self, job: str, *functions: Any, without: tuple[str, ...] = ()) -> str:
        imported = [f"{module}:" for module in self._modules(functions)]
        return digest([f"lth_core.jobs.{job}", *imported, *map(code_of, functions)], without)
