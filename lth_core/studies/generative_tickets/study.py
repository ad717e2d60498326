"""The options of the study of generative networks, and the trainings, samples and figures that they ask for.

Tickets of networks that make images are compared with random masks of the same counts per layer, with their masks on
fresh weights, and with tickets that are rewound to an early step instead of reset. Images are drawn of dense networks,
tickets and random masks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import PositiveInt, field_validator

from lth_core.config import Config, Method, Name
from lth_core.config.sections import Step
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.base import Study, require_levels, require_reset, rising
from lth_core.studies.chains import rewound, rewound_chains
from lth_core.studies.proportions import simplest_data

RANDOM, REINIT = "random-mask", "reinit"
MOST_LEVELS = 4
"""Levels of a sample sheet, unless they are named."""


class Design(Study):
    """The options of the study, and what they ask for: methods, runs, samples and figures."""

    objectives: ClassVar[tuple[str, ...] | None] = ("vae", "diffusion")

    controls: list[Name] = [RANDOM, REINIT]
    """Branches or treatments to compare tickets with."""
    rewind_step: Step = 0
    """Also rewind tickets to this step; 0: do not. The methods of the tasks reset theirs."""
    sheet_levels: list[PositiveInt] = []
    """Levels, rising, whose images are shown; empty: four, evenly spread."""
    images: PositiveInt = 16
    """Images of each network that are shown."""

    _rising = field_validator("sheet_levels")(rising)

    # ------------------------------------------------------------ methods and trainings

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive the methods that rewind to an early step.

        Raises ValueError for a step beyond the training, or where a task's own method does not reset.
        """
        for task in (tasks := self.rewound_tasks(config)):
            if self.rewind_step > (most := config.tasks[task].train.steps):
                raise ValueError(f"rewind_step: {self.rewind_step} must be at most {most}, the steps of task '{task}'")
            require_reset(config, self.tasks[task], "step 0, to compare rewound ones with", "rewind_step")
        return rewound_chains(config, dict.fromkeys(self.tasks[task] for task in tasks), [self.rewind_step])

    def rewound_tasks(self, config: Config) -> list[str]:
        """List the tasks whose tickets are also rewound."""
        return list(self.tasks) if self.rewind_step else []

    def rewound_method(self, config: Config, task: str) -> str | None:
        """Name the method that rewinds, where the task's own resets; None where they are not compared."""
        if task not in self.rewound_tasks(config):
            return None
        return rewound(config, self.tasks[task], self.rewind_step)[0]

    def levels(self, config: Config, task: str) -> range:
        """Return the levels of a task's tickets."""
        return range(1, config.methods[self.tasks[task]].levels + 1)

    def runs(self, config: Config) -> list[Run]:
        """List dense networks, tickets, their controls and rewound tickets, of every cohort of every task."""
        for method in self.tasks.values():
            require_levels(config, method, self.sheet_levels, "sheet_levels")
        return [run for task in self.tasks for run in self._runs_of(config, task)]

    def _runs_of(self, config: Config, task: str) -> Iterator[Run]:
        for cohort in config.tasks[task].cohorts:
            yield Run(task, cohort)
            for level in self.levels(config, task):
                for branch in (None, *self.controls):
                    yield Run(task, cohort, self.tasks[task], level, branch)
                if method := self.rewound_method(config, task):
                    yield Run(task, cohort, method, level)

    # ------------------------------------------------------------ samples

    def sampled_runs(self, config: Config) -> list[Run]:
        """List the runs whose networks draw images: dense networks, tickets and random masks."""
        pruned = {*self.tasks.values(), DENSE}  # without the methods that rewind
        return [run for run in self.runs(config) if run.method in pruned and run.branch in (None, RANDOM)]

    def analyses(self, config: Config) -> list[str]:
        """List the images that networks have drawn, their distances to real ones, and data that are compared with."""
        data = [path for task in self.tasks for path in simplest_data(config, task)]
        drawn = [path for run in self.sampled_runs(config) for path in (run.samples, run.energy_distance)]
        return [*(path(config.results) for path in drawn), *data]

    def shown_levels(self, config: Config, task: str) -> list[int]:
        """Return the levels whose images are shown."""
        levels = list(self.levels(config, task))
        if self.sheet_levels or len(levels) <= MOST_LEVELS:
            return self.sheet_levels or levels
        return [levels[round((len(levels) - 1) * part / (MOST_LEVELS - 1))] for part in range(MOST_LEVELS)]

    def shown(self, config: Config, task: str) -> list[Run]:
        """List the runs whose images are shown, of the first cohort: of the task's own method, at `shown_levels`."""
        levels, cohort = [0, *self.shown_levels(config, task)], config.tasks[task].cohorts[0]
        return [
            run
            for run in self.runs(config)
            if (run.task, run.cohort) == (task, cohort)
            and run.level in levels
            and run.method in (self.tasks[task], DENSE)
            and run.branch in (None, RANDOM)
        ]

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures, in the order of the page."""
        return [f"{kind}-{task}" for task in self.tasks for kind in ("tickets", "samples")]
