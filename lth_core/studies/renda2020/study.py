"""Renda, Frankle & Carbin 2020: how to retrain a network after pruning, judged by accuracy, size and cost.

Four techniques are compared for several retraining budgets t out of T training steps: fine-tuning (trained weights, the
schedule's last learning rate), weight rewinding (weights and schedule of step T - t), learning-rate rewinding (trained
weights, schedule of step T - t) and weight rewinding at the last rate. Pruning is one-shot, straight from the dense
network, or iterative. The control is the masks of one-shot pruning on a fresh initialization. The paper's own
algorithm is iterative learning-rate rewinding with the full budget t = T. Figures and claims are in the modules next to
this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, PositiveInt, field_validator

from lth_core.config import Config, Method, Rewind
from lth_core.registry import study
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.base import Drawing, Study, rising

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim

FINE_TUNING = "fine-tuning"
WEIGHT_REWINDING = "weight-rewinding"
RATE_REWINDING = "rate-rewinding"
LOW_RATE_REWINDING = "low-rate-rewinding"
REINIT = "reinit"
PRUNED = "pruned"

POLICIES = {
    FINE_TUNING: "fine-tune",
    WEIGHT_REWINDING: "rewind",
    RATE_REWINDING: "lr-rewind",
    LOW_RATE_REWINDING: "rewind-low-rate",
}
"""Technique -> the rewind policy that it is."""

AT_LAST_RATE = {"lr-rewind": "fine-tune", "rewind": "rewind-low-rate"}
"""Rewind policy -> the one that it is where the learning rate does not change any more."""

ONE_SHOT, ITERATIVE = "one-shot", "iterative"

COLUMNS = (
    *("task", "pruning", "technique", "budget", "cost", "level", "density"),
    *("seed", "draw", "accuracy", "validation_accuracy"),
)
"""Of the table of measurements. `budget`: retraining steps t of one round; `cost`: those of all rounds together."""


@dataclass(frozen=True)
class Retraining:
    """One chain of tickets: how it is pruned and retrained, and the name of the method that does so."""

    pruning: str
    technique: str
    budget: int
    method: str


@study("renda2020", published="2020-03")
class Renda2020(Study):
    """Fine-tuning, weight rewinding and learning-rate rewinding after pruning."""

    title: ClassVar[str] = "Comparing Rewinding and Fine-tuning in Neural Network Pruning"
    citation: ClassVar[str] = "Renda, Frankle & Carbin, ICLR 2020 (arXiv 2003.02389)"
    table_names: ClassVar[tuple[str, ...]] = ("measurements",)

    budgets: Annotated[list[PositiveInt], Field(min_length=1)]
    """Retraining budgets t in steps, rising, below T; retraining for all T steps is always compared, too."""
    levels: Annotated[list[PositiveInt], Field(min_length=1)]
    """Levels, rising, at which one-shot pruning is compared; iterative pruning goes on to the last of them."""
    iterative_budgets: list[PositiveInt] = []
    """The budgets of iterative pruning besides T."""

    _rising = field_validator("budgets", "levels", "iterative_budgets")(rising)

    # ------------------------------------------------------------ trainings

    def retrainings(self, config: Config, task: str) -> list[Retraining]:
        """Every combination of pruning, technique and budget of a task."""
        return [retraining for retraining, _ in self._derived(config, task)]

    def full(self, config: Config, task: str) -> int:
        """T: the steps of the task's training."""
        return config.tasks[task].train.steps

    def constant_budget(self, config: Config, task: str) -> int:
        """The steps after the last drop of the learning rate: a budget up to this replays no drop.

        Rewinding the rate is fine-tuning there, and rewinding weights is rewinding them at the last rate: the same
        trainings, which are done once.
        """
        return self.full(config, task) - config.tasks[task].train.schedule.drop_steps[-1]

    def _derived(self, config: Config, task: str) -> Iterator[tuple[Retraining, Method]]:
        full, own, constant = self.full(config, task), self.tasks[task], self.constant_budget(config, task)
        for pruning, budgets in ((ONE_SHOT, self.budgets), (ITERATIVE, self.iterative_budgets)):
            for technique, policy in POLICIES.items():
                for budget in (*budgets, full):
                    replayed = policy if budget > constant else AT_LAST_RATE.get(policy, policy)
                    name, method = retrained(config, own, replayed, full - budget, pruning == ITERATIVE)
                    yield Retraining(pruning, technique, budget, name), method

    def methods(self, config: Config) -> dict[str, Method]:
        """The tasks' methods with every retraining. Raises ValueError for tasks that these cannot be told apart on."""
        for task in self.tasks:
            self._check(config, task)
        return {
            retraining.method: method
            for task, own in self.tasks.items()
            for retraining, method in self._derived(config, task)
            if retraining.method != own
        }

    def _check(self, config: Config, task: str) -> None:
        settings, method, full = config.tasks[task].train, self.tasks[task], self.full(config, task)
        if settings.schedule.name != "step":
            why = (
                "its learning rate never falls, so that learning-rate rewinding would be the same as fine-tuning"
                if settings.schedule.name == "constant"
                else "its learning rate falls to 0, so that fine-tuning at the last rate would change nothing"
            )
            raise ValueError(f"tasks.{task}: {why}: give the task's train.schedule drops (name: step, drop_steps: ...)")
        for key in ("budgets", "iterative_budgets"):
            if (most := max(getattr(self, key), default=0)) >= full:
                raise ValueError(
                    f"{key}: {most} is not below the {full} steps of task '{task}', which come by themselves"
                )
        if not config.methods[method].iterative:
            raise ValueError(f"tasks.{task}: method '{method}' must be iterative; the one-shot variant is derived")
        if config.methods[method].treatment:
            raise ValueError(f"tasks.{task}: method '{method}' has a treatment, which retraining techniques do without")
        if (last := config.methods[method].levels) < self.levels[-1]:
            raise ValueError(f"levels: {self.levels[-1]} is beyond the {last} levels of method '{method}'")

    def runs(self, config: Config) -> list[Run]:
        """Dense runs, one-shot tickets at the chosen levels, all iterative tickets, and the reinit control."""
        runs = []
        for task in self.tasks:
            for cohort in config.tasks[task].cohorts:
                runs.append(Run(task, cohort))
                for retraining in self.retrainings(config, task):
                    levels = self.levels if retraining.pruning == ONE_SHOT else range(1, self.levels[-1] + 1)
                    runs += [Run(task, cohort, retraining.method, level) for level in levels]
                runs += [Run(task, cohort, self._reset(config, task), level, REINIT) for level in self.levels]
        return list(dict.fromkeys(runs))

    def _reset(self, config: Config, task: str) -> str:
        """The one-shot method that goes back to theta_0; its masks are those of all one-shot methods."""
        return retrained(config, self.tasks[task], "rewind", 0, iterative=False)[0]

    # ------------------------------------------------------------ tables

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """measurements: one row per task, pruning, technique, budget, level and replicate.

        Accuracies (test and validation) are those of the last step. Techniques besides the four: `dense`, `reinit`
        (one-shot masks on a fresh initialization, trained for T steps) and `pruned` (one-shot, before any retraining).
        """
        import pandas as pd

        from lth_core.analysis.measurements import REPLICATE, final_accuracies, read_histories

        histories = read_histories(config.results, self.runs(config))
        first = histories[histories["step"] == histories.groupby(REPLICATE)["step"].transform("min")]
        ends, starts = final_accuracies(histories), final_accuracies(first)
        parts = []
        for task in self.tasks:
            here, full = ends[ends["task"] == task], self.full(config, task)
            dense = here[here["method"] == DENSE]
            parts.append(dense.assign(pruning=DENSE, technique=DENSE, budget=0, cost=0))
            reinit = here[(here["method"] == self._reset(config, task)) & (here["branch"] == REINIT)]
            parts.append(reinit.assign(pruning=ONE_SHOT, technique=REINIT, budget=full, cost=full))
            for retraining in self.retrainings(config, task):
                rows = here[(here["method"] == retraining.method) & (here["branch"] == "ticket")]
                rounds = rows["level"] if retraining.pruning == ITERATIVE else 1
                named = {"pruning": retraining.pruning, "technique": retraining.technique, "budget": retraining.budget}
                parts.append(rows.assign(**named, cost=retraining.budget * rounds))
                if named == {"pruning": ONE_SHOT, "technique": RATE_REWINDING, "budget": full}:
                    pruned = starts[(starts["task"] == task) & (starts["method"] == retraining.method)]
                    parts.append(pruned.assign(pruning=ONE_SHOT, technique=PRUNED, budget=0, cost=0))
        return {"measurements": pd.concat(parts, ignore_index=True)[list(COLUMNS)]}

    # ------------------------------------------------------------ figures and claims

    def figure_names(self, config: Config) -> list[str]:
        """Kind of figure and task, in the order of the page."""
        return [f"{kind}-{task}" for task in self.tasks for kind in ("delta-density", "delta-budget", "frontier")]

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """The figures of every task, with captions that name what is drawn."""
        from lth_core.studies.renda2020.figures import drawings
        from lth_core.studies.renda2020.view import View

        return [
            drawing
            for task in self.tasks
            for drawing in drawings(View.of(self, config, task, tables["measurements"]), config.tasks[task])
        ]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """The paper's claims about every task."""
        from lth_core.studies.renda2020.claims import claims
        from lth_core.studies.renda2020.view import View

        return [
            claim
            for task in self.tasks
            for claim in claims(
                View.of(self, config, task, tables["measurements"]), config.methods[self.tasks[task]].granularity
            )
        ]


def retrained(config: Config, method: str, policy: str, step: int, iterative: bool) -> tuple[str, Method]:
    """The method with another pruning and rewinding, and its name, which says both where they are not its own."""
    own = config.methods[method]
    rewind = Rewind() if policy == "rewind" and not step else Rewind(policy=policy, step=step)
    base = method if iterative else f"{method}-one-shot"
    name = base if rewind == own.rewind else f"{base}-{policy}-{step}"
    return name, own.model_copy(update={"iterative": iterative, "rewind": rewind})
