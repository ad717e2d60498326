"""The claims of Frankle & Carbin 2019, task by task, and those that compare tasks by their learning rate."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import nearest_level
from lth_core.config import Config
from lth_core.studies.frankle2019.study import Design, drops_rate
from lth_core.studies.frankle2019.task_claims import MODERATE, PAPER, TaskClaims


def claims(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Make all claims that the configured tasks allow, task by task."""
    tested: list[Claim] = []
    for task in study.tasks:
        about = TaskClaims(study, config, tables, task)
        if not drops_rate(config.tasks[task]):
            about.tickets()
            about.controls()
            about.strategies()
        about.movement()
        tested += about.sheet.claims
    for tasks in study.rate_groups(config):
        tested += rate_claims(study, config, tables, tasks)
    return tested


# ---------------------------------------------------------------- section 4: learning rates that fall in steps


def rate_claims(study: Design, config: Config, tables: dict[str, pd.DataFrame], tasks: tuple[str, ...]) -> list[Claim]:
    """Compare the highest learning rate without warmup with each lower rate or warmup (Figures 7 and 8)."""

    def standard(task: str) -> tuple[bool, float]:
        recipe = config.tasks[task].train
        return recipe.schedule.warmup_steps == 0, recipe.optimizer.learning_rate

    highest = max(tasks, key=standard)
    gains = {}
    for task in tasks:
        about = TaskClaims(study, config, tables, task)
        reinit = about.control("reinit")
        level = nearest_level(about.rows(reinit), MODERATE) if reinit else None
        if reinit and level:
            gains[task] = about, level, about.gain(about.rows(), about.rows(reinit), "test_metric_end")[level]
    tested = []
    for task, (about, level, gain) in gains.items():
        if task == highest or highest not in gains:
            continue
        reference = gains[highest][2]
        shared = gain.index.intersection(reference.index)
        metric = about.sheet.metric
        difference = metric.minus("ticket", "reinitialized ticket")
        effect = f"test {metric.label} at end of training, {difference}, {about.at(about.rows(), level)}"
        about.sheet.read_from("measurements", "fig07-thirds", tasks[0])
        about.sheet.add(
            "With a lower learning rate or warmup, tickets beat the same masks reinitialized",
            f"{PAPER}, section 4, Figures 7 and 8",
            effect,
            gain,
        )
        about.sheet.add(
            "Tickets of deep networks need a lower learning rate or warmup",
            f"{PAPER}, section 4, Figures 7 and 8",
            f"{effect}, compared with task {highest}",
            gain[shared] - reference[shared],
        )
        tested += about.sheet.claims
    return tested
