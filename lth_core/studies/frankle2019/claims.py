"""The claims of Frankle & Carbin 2019, task by task, and those that compare tasks by their learning rate."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import nearest_level
from lth_core.config import Config
from lth_core.studies.frankle2019.study import Frankle2019, drops_rate
from lth_core.studies.frankle2019.task_claims import MODERATE, TaskClaims


def claims(study: Frankle2019, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """All claims that the configured tasks allow, task by task."""
    found: list[Claim] = []
    for task in study.tasks:
        about = TaskClaims(study, config, tables, task)
        if not drops_rate(config.tasks[task]):
            about.tickets()
            about.controls()
            about.strategies()
        about.movement()
        found += about.made
    for tasks in study.rate_groups(config):
        found += rate_claims(study, config, tables, tasks)
    return found


# ---------------------------------------------------------------- section 4: learning rates that fall in steps


def rate_claims(
    study: Frankle2019, config: Config, tables: dict[str, pd.DataFrame], tasks: tuple[str, ...]
) -> list[Claim]:
    """Deep networks: the highest learning rate without warmup against each lower rate or warmup (Figures 7 and 8)."""

    def standard(task: str) -> tuple[bool, float]:
        recipe = config.tasks[task].train
        return recipe.schedule.warmup_steps == 0, recipe.optimizer.learning_rate

    highest = max(tasks, key=standard)
    gaps = {}
    for task in tasks:
        about = TaskClaims(study, config, tables, task)
        reinit = about.control("reinit")
        level = nearest_level(about.rows(reinit), MODERATE) if reinit else None
        if level:
            gaps[task] = about, level, about.gap(about.rows(), about.rows(reinit), "test_accuracy_end")[level]
    made = []
    for task, (about, level, gap) in gaps.items():
        if task == highest or highest not in gaps:
            continue
        reference = gaps[highest][2]
        shared = gap.index.intersection(reference.index)
        at = f"at {about.density(about.rows(), level)} density"
        effect = "test accuracy at end of training, ticket minus reinitialized ticket"
        about.add(
            "With a lower learning rate or warmup, tickets beat the same masks reinitialized.",
            "section 4, Figures 7 and 8",
            f"{effect}, {at}",
            gap,
        )
        about.add(
            "Tickets of deep networks need a lower learning rate or warmup.",
            "section 4, Figures 7 and 8",
            f"{effect}, {at}, compared with task {highest}",
            gap[shared] - reference[shared],
        )
        made += about.made
    return made
