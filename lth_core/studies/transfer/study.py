"""The options of the study of Morcos, Yu, Paganini & Tian 2019, and the trainings and figures that they ask for.

Within a group of tasks the ticket of every task, the source, is trained on every other task, the target: mask and
starting weights, with a redrawn output layer if the tasks differ in their classes. Target tickets, random tickets and
the target's mask reinitialized are compared with it. The overlap of the masks of two tasks is measured, too. `groups`
checks which tasks can exchange tickets.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import Annotated

from pydantic import Field, PositiveInt, field_validator

from lth_core.config import Branch, Config, Name
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, rising
from lth_core.studies.chains import ticket_of
from lth_core.studies.transfer.groups import mismatch

TICKET, RANDOM, RANDOM_LAYERWISE, REINIT = "ticket", "random-ticket", "random-mask-reinit", "reinit"
CONTROLS = (RANDOM, RANDOM_LAYERWISE, REINIT)
"""Branches that tickets are compared with; the config may define them with options."""


class Design(Study):
    """The options of the study, and what they ask for: branches, runs, comparisons of masks and figures."""

    groups: Annotated[dict[Name, Annotated[list[Name], Field(min_length=2)]], Field(min_length=1)]
    """Groups of tasks with one method and one network: in each, every task's ticket is trained on every other task."""
    levels: list[PositiveInt] = []
    """Levels, rising, at which tickets are exchanged; empty: every level."""

    _rising = field_validator("levels")(rising)

    @field_validator("groups")
    @classmethod
    def _of_different_tasks(cls, groups: dict[str, list[str]]) -> dict[str, list[str]]:
        for name, members in groups.items():
            if len(members) != len(set(members)):
                raise ValueError(f"group '{name}' names a task twice: remove one")
        return groups

    # ------------------------------------------------------------ trainings

    def group_levels(self, config: Config, group: str) -> list[int]:
        """List the levels at which the tickets of a group are exchanged."""
        method = config.methods[self.tasks[self.groups[group][0]]]
        return self.levels or list(range(1, method.levels + 1))

    def branches(self, config: Config) -> dict[str, Branch]:
        """Derive `from-{source}`: the source's ticket, trained on the task of the run."""
        sources = sorted({member for group in self.groups.values() for member in group})
        return dict(map(ticket_of, sources))

    def runs(self, config: Config) -> list[Run]:
        """List dense runs, target and source tickets, and controls, for every target of every group.

        Raises ValueError if the tasks of a group cannot exchange tickets.
        """
        for name, members in self.groups.items():
            if why := mismatch(config, self.tasks, members, self.levels):
                raise ValueError(f"studies.transfer.groups.{name}: {why}")
        for task in self.tasks:
            if not any(task in members for members in self.groups.values()):
                raise ValueError(f"studies.transfer.tasks.{task}: must be in a group: add it to `groups`, or remove it")
        runs = []
        for group, members in self.groups.items():
            for target in members:
                branches = (None, *CONTROLS, *(ticket_of(source)[0] for source in members if source != target))
                for cohort in config.tasks[target].cohorts:
                    runs.append(Run(target, cohort))
                    grid = product(self.group_levels(config, group), branches)
                    runs += [Run(target, cohort, self.tasks[target], level, branch) for level, branch in grid]
        return list(dict.fromkeys(runs))  # a task may be in several groups

    # ------------------------------------------------------------ analyses

    def analyses(self, config: Config) -> list[str]:
        """List the overlaps of the masks of every two tasks of a group."""
        return list(self.overlap_files(config).values())

    def overlap_files(self, config: Config) -> dict[tuple[Run, str], str]:
        """Return ticket of a task and the other task -> the file that counts what their masks share."""
        files = {}
        for group, members in self.groups.items():
            for (task, other), level in product(self.pairs(members), self.group_levels(config, group)):
                for cohort in config.tasks[task].cohorts:
                    ticket = Run(task, cohort, self.tasks[task], level)
                    folder = ticket.folder(config.results)
                    files[ticket, other] = f"{folder}/overlap/{other}/{self.tasks[other]}.csv"
        return files

    def pairs(self, members: list[str]) -> list[tuple[str, str]]:
        """List every two tasks of a group, by name, so that a pair is the same whatever the order in the config."""
        return list(combinations(sorted(members), 2))

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures by kind and group, in the order of the page."""
        return [name for group in self.groups for name in self.group_figures(config, group)]

    def group_figures(self, config: Config, group: str) -> list[str]:
        """Name the figures of a group; that of layerwise densities only if pruning chooses them."""
        kinds = ["densities", "heatmap", "overlap", *(["layers"] if self.chooses_densities(config, group) else [])]
        return [f"{kind}-{group}" for kind in kinds]

    def chooses_densities(self, config: Config, group: str) -> bool:
        """Return whether layers compete for weights; otherwise the method's rates set their densities."""
        return config.methods[self.tasks[self.groups[group][0]]].scope == "global"
