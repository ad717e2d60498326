"""Morcos, Yu, Paganini & Tian 2019: are winning tickets good for other data and optimizers than they were found with?

Within a group of tasks every task's ticket (mask and starting weights; the output layer redrawn where classes differ)
is trained on every other task, beside its own ticket, random tickets and its own mask reinitialized. How much of their
masks two tasks share is measured too. Which tasks go together is checked in `transfer_groups`; figures and claims are
in modules of their own.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, PositiveInt, field_validator

from lth_core.config import Branch, Choice, Config, Name
from lth_core.registry import study
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.base import Drawing, Study, rising
from lth_core.studies.transfer.groups import problem

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim

TICKET, RANDOM, RANDOM_LAYERWISE, REINIT = "ticket", "random-ticket", "random-mask-reinit", "reinit"
CONTROLS = (RANDOM, RANDOM_LAYERWISE, REINIT)
"""Branches that every ticket is compared with; the config may define them with options."""

ACCURACY_COLUMNS = (
    *("group", "target", "network", "source", "level", "density", "seed", "draw"),
    *("accuracy", "validation_accuracy"),
)
"""`network`: dense, ticket or one of CONTROLS; `source`: the task whose ticket it is, the target's own included."""

OVERLAP_COLUMNS = (
    *("task", "other", "level", "density", "seed", "layer"),
    *("weights", "kept", "kept_other", "common"),
)
"""`density` of `task`'s ticket, over all its layers; the counts are those of `lth_core.analysis.overlap`."""


@study("transfer", published="2019-06")
class Transfer(Study):
    """Tickets trained on other tasks than they were found on."""

    title: ClassVar[str] = "One Ticket to Win Them All: Generalizing Lottery Ticket Initializations"
    citation: ClassVar[str] = "Morcos, Yu, Paganini & Tian, 2019 (arXiv 1906.02773)"
    table_names: ClassVar[tuple[str, ...]] = ("accuracy", "overlap")

    groups: Annotated[dict[Name, Annotated[list[Name], Field(min_length=2)]], Field(min_length=1)]
    """Groups of tasks of one method and one network: in each, every task's ticket is trained on every other task."""
    levels: list[PositiveInt] = []
    """Levels, rising, at which tickets are exchanged; empty: every level."""

    _rising = field_validator("levels")(rising)

    @field_validator("groups")
    @classmethod
    def _of_different_tasks(cls, groups: dict[str, list[str]]) -> dict[str, list[str]]:
        for name, members in groups.items():
            if len(members) != len(set(members)):
                raise ValueError(f"group '{name}' names a task twice")
        return groups

    # ------------------------------------------------------------ trainings

    def group_levels(self, config: Config, group: str) -> list[int]:
        """The levels at which the tickets of a group are exchanged."""
        method = config.methods[self.tasks[self.groups[group][0]]]
        return self.levels or list(range(1, method.levels + 1))

    def branches(self, config: Config) -> dict[str, Branch]:
        """`from-{task}`: that task's ticket, trained on the task of the run."""
        members = {member for group in self.groups.values() for member in group}
        return {of(source): Branch(treatment=Choice(name=TICKET), source=source) for source in sorted(members)}

    def runs(self, config: Config) -> list[Run]:
        """Dense runs, own and foreign tickets, and controls of every task of every group.

        Raises ValueError when a group's tasks cannot exchange tickets.
        """
        for name, members in self.groups.items():
            if misfit := problem(config, self.tasks, members, self.levels):
                raise ValueError(f"studies.transfer.groups.{name}: {misfit}")
        for task in self.tasks:
            if not any(task in members for members in self.groups.values()):
                raise ValueError(f"studies.transfer.tasks.{task}: is in no group that exchanges tickets")
        runs = []
        for group, members in self.groups.items():
            for target in members:
                branches = (None, *CONTROLS, *(of(source) for source in members if source != target))
                for cohort in config.tasks[target].cohorts:
                    runs.append(Run(target, cohort))
                    grid = product(self.group_levels(config, group), branches)
                    runs += [Run(target, cohort, self.tasks[target], level, branch) for level, branch in grid]
        return list(dict.fromkeys(runs))  # a task may be in several groups

    # ------------------------------------------------------------ tables

    def analyses(self, config: Config) -> list[str]:
        """The overlap of the masks of every two tasks of a group."""
        return list(self._overlap_files(config).values())

    def _overlap_files(self, config: Config) -> dict[tuple[Run, str], str]:
        """Ticket of a task, and the other task -> the counts of both masks."""
        files = {}
        for group, members in self.groups.items():
            for (task, other), level in product(self.pairs(members), self.group_levels(config, group)):
                for cohort in config.tasks[task].cohorts:
                    ticket = Run(task, cohort, self.tasks[task], level)
                    folder = ticket.folder(config.results)
                    files[ticket, other] = f"{folder}/overlap/{other}/{self.tasks[other]}.csv"
        return files

    def pairs(self, members: list[str]) -> list[tuple[str, str]]:
        """Every two tasks of a group, by name, so that a pair is the same in all groups and orders of the config."""
        return list(combinations(sorted(members), 2))

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """accuracy: one row per group, target, network, level and replicate, at the last step (nan where it diverged).

        overlap: one row per two tasks of a group, level, seed and layer that both networks have in the same shape.
        """
        import pandas as pd

        from lth_core.analysis.measurements import final_accuracies, read_histories
        from lth_core.analysis.tables import read_table

        ends = final_accuracies(read_histories(config.results, self.runs(config)))
        accuracy = [self._rows(ends, group, target) for group, members in self.groups.items() for target in members]
        densities = ends[ends["branch"] == TICKET].groupby(["task", "level"])["density"].mean()
        overlap = [
            read_table(path).assign(
                task=ticket.task, other=other, level=ticket.level, density=densities[ticket.task, ticket.level]
            )
            for (ticket, other), path in self._overlap_files(config).items()
        ]
        return {
            "accuracy": pd.concat(accuracy, ignore_index=True)[list(ACCURACY_COLUMNS)],
            "overlap": pd.concat(overlap, ignore_index=True)[list(OVERLAP_COLUMNS)],
        }

    def _rows(self, ends: pd.DataFrame, group: str, target: str) -> pd.DataFrame:
        """What was trained on one target of a group, with the branch put as network and source."""
        named = {branch: (branch, target) for branch in (DENSE, TICKET, *CONTROLS)}
        named |= {of(source): (TICKET, source) for source in self.groups[group] if source != target}
        rows = ends[(ends["task"] == target) & ends["branch"].isin(named)]
        network, source = zip(*(named[branch] for branch in rows["branch"]), strict=True)
        return rows.assign(group=group, target=target, network=network, source=source)

    # ------------------------------------------------------------ figures and claims

    def figure_names(self, config: Config) -> list[str]:
        """Kind of figure and group, in the order of the page."""
        return [name for group in self.groups for name in self.group_figures(config, group)]

    def group_figures(self, config: Config, group: str) -> list[str]:
        """Names of the figures of a group; that of layerwise densities only where pruning finds these."""
        kinds = ["accuracy", "heatmap", "overlap", *(["layers"] if self.finds_densities(config, group) else [])]
        return [f"{kind}-{group}" for kind in kinds]

    def finds_densities(self, config: Config, group: str) -> bool:
        """Whether layers compete for weights; otherwise their densities are set by the method's rates."""
        return config.methods[self.tasks[self.groups[group][0]]].scope == "global"

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """The figures of every group."""
        from lth_core.studies.transfer.figures import drawings

        return [drawing for group in self.groups for drawing in drawings(self, config, group, tables)]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """The paper's claims about every target, every transfer and every two masks."""
        from lth_core.studies.transfer.claims import claims

        return claims(self, config, tables)


def of(source: str) -> str:
    """The branch that trains the ticket of another task."""
    return f"from-{source}"
