"""Frankle & Carbin 2019: winning tickets exist, and their initialization matters.

The trainings, tables and options of the study; its figures and claims are in the two modules next to this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from lth_core.config import Branch, Choice, Config, Method, Name, Rewind, Task
from lth_core.registry import study
from lth_core.storage.runs import Run
from lth_core.studies.base import Drawing, Study

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim

CURVE_DENSITIES = (0.51, 0.21, 0.07, 0.036, 0.019)
"""Densities whose training curves are drawn, as in Figure 3: the nearest levels."""


@study("frankle2019", published="2018-03")
class Frankle2019(Study):
    """Iterative magnitude pruning with resetting, against the controls and the other pruning strategies of the paper.

    Levels beyond a method's last one are left out of the level lists; a list that has no others is an error.
    """

    title: ClassVar[str] = "The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks"
    citation: ClassVar[str] = "Frankle & Carbin, ICLR 2019"
    table_names: ClassVar[tuple[str, ...]] = ("measurements", "curves", "weights")

    controls: tuple[Name, ...] = ("reinit", "random-mask")
    """Branches that the tickets are compared with: names of `branches` or of registered treatments."""
    control_levels: tuple[PositiveInt, ...] = ()
    """Levels at which the controls are trained; empty: all."""
    one_shot: bool = True
    """Also prune in one shot, straight from the dense network (Figure 4c); needs an iterative method."""
    continued: bool = True
    """Also prune iteratively without resetting, and measure those masks from theta_0 (Figures 9 and 10); needs an
    iterative method that resets."""
    strategy_levels: tuple[PositiveInt, ...] = ()
    """Levels at which one-shot pruning and pruning without resetting are measured; empty: all."""
    histogram_levels: tuple[PositiveInt, ...] = (3, 7, 12)
    """Levels whose weights are shown in histograms (Figures 15, 16 and 19)."""

    # ------------------------------------------------------------ trainings

    def methods(self, config: Config) -> dict[str, Method]:
        """One-shot and continued variants of the tasks' methods, where they are compared."""
        derived = {}
        for method in self.tasks.values():
            settings = config.methods[method]
            if self.has_one_shot(settings):
                derived[one_shot(method)] = settings.model_copy(update={"iterative": False})
            if self.has_continued(settings):
                derived[continued(method)] = settings.model_copy(update={"rewind": Rewind(policy="lr-rewind")})
        return derived

    def runs(self, config: Config) -> list[Run]:
        """Dense networks, tickets, their controls and the other strategies, for every cohort of every task.

        Raises ValueError when a list of levels has none that the methods reach.
        """
        last = max(config.methods[method].levels for method in self.tasks.values())
        for option in ("control_levels", "strategy_levels", "histogram_levels"):
            chosen = getattr(self, option) if option in self.model_fields_set else ()
            if chosen and min(chosen) > last:
                raise ValueError(f"{option}: none of {list(chosen)} is among the {last} levels of the methods")
        return [run for task in self.tasks for run in self._cells_of(config, task)]

    def _cells_of(self, config: Config, task: str) -> Iterator[Run]:
        method = self.tasks[task]
        settings = config.methods[method]
        control_levels = up_to(settings.levels, self.control_levels)
        strategy_levels = up_to(settings.levels, self.strategy_levels)
        for cohort in config.tasks[task].cohorts:
            yield Run(task, cohort)
            for level in range(1, settings.levels + 1):
                yield Run(task, cohort, method, level)
                for control in self.controls if level in control_levels else ():
                    yield Run(task, cohort, method, level, control)
            for level in strategy_levels:
                if self.has_one_shot(settings):
                    for branch in (None, *self.reinits(config)):
                        yield Run(task, cohort, one_shot(method), level, branch)
                if self.has_continued(settings):
                    yield Run(task, cohort, continued(method), level, "reset")

    def has_one_shot(self, method: Method) -> bool:
        """Whether one-shot pruning is compared with this method."""
        return self.one_shot and method.iterative

    def has_continued(self, method: Method) -> bool:
        """Whether pruning without resetting is compared with this method."""
        return self.continued and method.iterative and method.rewind.policy == "reset"

    def reinits(self, config: Config) -> list[str]:
        """The controls that keep the mask and draw a new initialization."""
        return [name for name in self.controls if treatment(config, name) == "reinit"]

    # ------------------------------------------------------------ tables

    def analyses(self, config: Config) -> list[str]:
        """The histograms of the dense network's weights, at the chosen levels."""
        return [self._histograms(config, run) for run in self._histogram_cells(config)]

    def _histogram_cells(self, config: Config) -> list[Run]:
        return [
            Run(task, cohort, method, level)
            for task, method in self.tasks.items()
            for cohort in config.tasks[task].cohorts
            for level in self.histogram_levels
            if level <= config.methods[method].levels
        ]

    @staticmethod
    def _histograms(config: Config, run: Run) -> str:
        return f"{run.folder(config.results)}/weight_histograms.csv"

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """measurements: one row per run, seed and draw. curves: test accuracy over the steps at a few densities.
        weights: histograms of the dense network's weights in and out of the tickets.
        """
        import pandas as pd

        from lth_core.analysis.measurements import RUN, measure, read_histories
        from lth_core.analysis.tables import read_table

        histories = read_histories(config.results, self.runs(config))
        weights = [pd.DataFrame(columns=[*RUN, "layer", "quantity", "group", "seed", "left", "right", "count"])]
        for run in self._histogram_cells(config):
            named = dict(zip(RUN, [run.task, run.cohort, run.method, run.level, "ticket"], strict=True))
            weights.append(read_table(self._histograms(config, run)).assign(**named)[weights[0].columns])
        return {
            "measurements": measure(histories),
            "curves": self._curves(config, histories),
            "weights": pd.concat(weights[1:] or weights, ignore_index=True),
        }

    def _curves(self, config: Config, histories: pd.DataFrame) -> pd.DataFrame:
        """Test accuracy over the steps: dense, tickets at the levels nearest CURVE_DENSITIES, and their reinits."""
        import pandas as pd

        from lth_core.analysis.measurements import nearest_level, select, select_dense

        tests = histories[histories["split"] == "test"].drop(columns=["split", "loss"])
        parts = []
        for task, method in self.tasks.items():
            tickets = select(tests, task, method)
            levels = {nearest_level(tickets, density) for density in CURVE_DENSITIES} - {None}
            parts.append(select_dense(tests, task))
            for branch in ("ticket", *self.reinits(config)):
                rows = select(tests, task, method, branch)
                parts.append(rows[rows["level"].isin(levels)])
        return pd.concat(parts, ignore_index=True)

    # ------------------------------------------------------------ figures and claims

    def drawn(self, config: Config) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The figures to draw: kind, and the tasks that it shows."""
        for task, method in self.tasks.items():
            settings = config.methods[method]
            yield "fig03-training", (task,)
            if not drops_rate(config.tasks[task]):
                yield "fig04-tickets", (task,)
                yield "fig05-early-stop", (task,)
                if dropout(config.tasks[task]):
                    yield "fig06-dropout", (task, *self._without_dropout(config, task))
                if self.has_continued(settings):
                    yield "fig09-strategies", (task,)
            if self.controls:
                yield "fig14-controls", (task,)
            if any(level <= settings.levels for level in self.histogram_levels):
                yield "fig15-initial-values", (task,)
                yield "fig19-distances", (task,)
        for tasks in self.rate_groups(config):
            yield "fig07-thirds", tasks

    def _without_dropout(self, config: Config, task: str) -> list[str]:
        """The tasks with the same data and network as `task`, but no dropout."""
        return [name for name in self._alike(config, task) if not dropout(config.tasks[name])]

    def rate_groups(self, config: Config) -> list[tuple[str, ...]]:
        """Tasks whose learning rate falls in steps, grouped by data and network."""
        stepped = [task for task in self.tasks if drops_rate(config.tasks[task])]
        groups = [tuple(name for name in self._alike(config, task) if name in stepped) for task in stepped]
        return list(dict.fromkeys(groups))

    def _alike(self, config: Config, task: str) -> list[str]:
        def network(name: str) -> tuple[str, str]:
            return config.tasks[name].dataset, config.tasks[name].model.name

        return [name for name in self.tasks if network(name) == network(task)]

    def figure_names(self, config: Config) -> list[str]:
        """Kind of figure and task, in the order of the page."""
        return [f"{kind}-{tasks[0]}" for kind, tasks in self.drawn(config)]

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """The figures of every task, with captions that name what is drawn."""
        from lth_core.studies.frankle2019.figures import drawing

        return [drawing(self, config, tables, kind, tasks) for kind, tasks in self.drawn(config)]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """The paper's claims about every task, as far as its levels reach."""
        from lth_core.studies.frankle2019.claims import claims

        return claims(self, config, tables)


def one_shot(method: str) -> str:
    """The name of the derived one-shot method."""
    return f"{method}-one-shot"


def continued(method: str) -> str:
    """The name of the derived method that prunes without resetting."""
    return f"{method}-continued"


def treatment(config: Config, branch: str) -> str:
    """The registered treatment of a branch: the one configured for it, or the one of its own name."""
    return config.branches.get(branch, Branch(treatment=Choice(name=branch))).treatment.name


def drops_rate(task: Task) -> bool:
    """Whether the learning rate falls in steps: then early stopping says when it fell, and is not measured (Fig. 7)."""
    return task.train.optimizer.name == "sgd" and task.train.schedule.name == "step"


def dropout(task: Task) -> float:
    """The network's dropout rate."""
    return task.model.options.get("dropout", 0.0)


def up_to(last: int, levels: Iterable[int]) -> list[int]:
    """The chosen levels up to the last one, in order; all of them when none is chosen."""
    return sorted(set(levels) & set(range(1, last + 1))) if levels else list(range(1, last + 1))
