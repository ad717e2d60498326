"""Chains of tickets: where each training starts, what its mask is made from, and which run is its counterpart."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lth_core import registry
from lth_core.config import Branch, Choice, Config, Method, Rewind
from lth_core.data.kinds import kind_of_data
from lth_core.pruning.moments import is_probed, scored_step, starts_dense
from lth_core.storage.paths import data_file, initial_file
from lth_core.storage.runs import Run


@dataclass(frozen=True)
class Chains:
    """The chains of a config, with the tasks, methods and branches that its studies derive."""

    config: Config
    methods: dict[str, Method]
    branches: dict[str, Branch]

    def branch(self, name: str) -> Branch:
        """Find a configured or derived branch, or the registered treatment of that name without options."""
        return self.branches.get(name) or Branch(treatment=Choice(name=name))

    def rewind(self, method: str, level: int) -> Rewind:
        """Look up what a level rewinds to; the dense run starts at theta_0."""
        return self.methods[method].rewind if level else Rewind()

    def start_file(self, task: str, cohort: str, method: str, level: int) -> str:
        """Find the file that the training of a level starts from; level 0 is the dense run."""
        rewind = self.rewind(method, level)
        if rewind.keeps_trained:
            return self.level_before(task, cohort, method, level).trained(self.config.results)
        if rewind.step > 0:
            return self.checkpoint(Run(task, cohort), rewind.step)
        return initial_file(self.config.results, task, cohort)

    def checkpoint(self, run: Run, step: int) -> str:
        """Find the weights of a training at a step; those of its last step are its end."""
        last = self.config.tasks[run.task].train.steps
        return run.trained(self.config.results) if step == last else run.checkpoint(self.config.results, step)

    def initial_inputs(self, task: str, cohort: str) -> dict[str, str]:
        """List the files that theta_0 is made from besides the data, by argument of the job: another task's weights."""
        source = self.config.tasks[task].initialization.source
        if source is None:
            return {}
        step = source.step or self.config.tasks[source.task].train.steps
        weights = {"weights": self.checkpoint(Run(source.task, cohort), step)}
        return weights | self._other_text("weights_data", task, source.task)

    def _other_text(self, argument: str, task: str, other: str) -> dict[str, str]:
        """The data file of a task that weights come from, if it is another text: its characters have to be the same."""
        names = [self.config.tasks[name].dataset for name in (task, other)]
        kind = kind_of_data(registry.dataset.facts(self.config.dataset(names[1]).source.name))
        is_other = kind == "text" and names[0] != names[1]
        return {argument: data_file(self.config.results, names[1])} if is_other else {}

    def trained_from(self, run: Run) -> str:
        """Find the weights that the training of a ticket or dense run began with, unmasked where it is not treated."""
        if run.level and self.methods[run.method].treatment:
            return f"{run.folder(self.config.results)}/start.safetensors"
        return self.start_file(run.task, run.cohort, run.method, run.level)

    def treated(self, run: Run) -> Branch:
        """Say how a run's ticket is treated before it is trained: by its branch, or by its method at every level."""
        if run.branch:
            return self.branch(run.branch)
        treatment = self.methods[run.method].treatment
        if treatment is None:
            raise ValueError(f"method '{run.method}' does not treat its tickets")
        return Branch(treatment=treatment)

    def prune_inputs(self, task: str, cohort: str, method: str, level: int) -> dict[str, str]:
        """List the files that a level's mask is made from, by argument of the job.

        Of the training before only what the criterion looks at: a random mask waits for none.
        """
        before, results = self.level_before(task, cohort, method, level), self.config.results
        files, settings = self.scored(Run(task, cohort, method, level)), self.methods[method]
        if is_probed(settings):  # which computes with the weights
            inputs = {"data": data_file(results, self.config.tasks[task].dataset), **files}
        else:
            used = registry.criterion.uses
            inputs = {name: path for name, path in files.items() if used(settings.criterion.name, name)}
        masked = {"mask": before.mask(results)} if before.level else {}
        return {"initial": initial_file(results, task, cohort)} | inputs | masked

    def scored(self, ticket: Run) -> dict[str, str]:
        """List the weights that a ticket's mask is made from: `trained`, and what that training started from."""
        step, results = scored_step(self.methods[ticket.method]), self.config.results
        theta_0 = initial_file(results, ticket.task, ticket.cohort)
        if step == 0:
            return {"trained_from": theta_0, "trained": theta_0}
        if step:
            return {"trained_from": theta_0, "trained": self.checkpoint(Run(ticket.task, ticket.cohort), step)}
        before = self.level_before(ticket.task, ticket.cohort, ticket.method, ticket.level)
        return {"trained_from": self.trained_from(before), "trained": before.trained(results)}

    def sparsify_inputs(self, task: str, cohort: str, method: str, level: int) -> dict[str, str]:
        """List the files that a training which changes its mask starts from, by argument of the job."""
        results = self.config.results
        files = {"initial": initial_file(results, task, cohort), "start": self.start_file(task, cohort, method, level)}
        dense = starts_dense(self.methods[method])
        return files if dense else files | {"mask": Run(task, cohort, method, level).first_mask(results)}

    def search_inputs(self, task: str, cohort: str, method: str, level: int) -> dict[str, str]:
        """List the files that a search for a level's mask starts from, by argument of the job."""
        results = self.config.results
        files = {
            "data": data_file(results, self.config.tasks[task].dataset),
            "initial": initial_file(results, task, cohort),
            "start": self.start_file(task, cohort, method, level),
        }
        before = self.level_before(task, cohort, method, level)
        return files | ({"mask": before.mask(results)} if before.level else {})

    def branch_inputs(self, run: Run) -> dict[str, str]:
        """List the files that a treated ticket is made from, by argument of the job; dense networks have no mask."""
        settings, results = self.treated(run), self.config.results
        ticket = replace(run, task=settings.source or run.task, branch=None)
        files = {
            "network": initial_file(results, run.task, run.cohort),
            "initial": initial_file(results, ticket.task, ticket.cohort),
            "start": self.start_file(ticket.task, ticket.cohort, ticket.method, ticket.level),
        }
        files |= self._other_text("source_data", run.task, ticket.task)
        if weights := settings.weights:
            training = replace(run, task=weights.task, branch=weights.branch)
            training = training if weights.branch else Run(weights.task, run.cohort)
            files["start"] = self.checkpoint(training, weights.step)
            files |= self._other_text("weights_data", run.task, weights.task)
        if not run.level:
            return files
        if self.methods[ticket.method].during:
            begun = self.start_file(ticket.task, ticket.cohort, ticket.method, ticket.level)
            made_from = {"trained": ticket.trained(results), "trained_from": begun}
        else:
            made_from = self.scored(ticket)
        return files | made_from | {"mask": ticket.mask(results)}

    def judge(self, task: str) -> Run:
        """Find the dense run whose first network judges the images of a task."""
        judge = self.config.judge.tasks[self.config.tasks[task].dataset]
        return Run(judge, self.config.tasks[judge].cohorts[0])

    def level_before(self, task: str, cohort: str, method: str, level: int) -> Run:
        """Find the training whose end a level's mask is made from: the level before, or for one-shot the dense run."""
        return Run(task, cohort, method, level - 1 if self.methods[method].iterative else 0)

    def counterpart(self, run: Run) -> Run:
        """Find the run of the same treatment on data order 0, for a branch that is trained on another order.

        Raises ValueError when there is none.
        """
        if run.branch is None:
            return run
        settings = self.branch(run.branch)
        if settings.treatment.name == "ticket" and not settings.source and not settings.weights:
            return run.ticket()
        for name in [*self.branches, settings.treatment.name]:
            other = self.branch(name)
            order = {"order": settings.order, "order_from": settings.order_from}
            if other.order == 0 and other.model_copy(update=order) == settings:
                return replace(run, branch=name)
        raise ValueError(f"no branch of treatment '{settings.treatment.name}' is trained on data order 0")
