"""What the plan of a run costs before the first job starts: from 1 to 1,000 tickets.

A ticket has a task, cohort, method and level; here each has the two counterfactuals of the default study. Times are the
processor time of the whole `snakemake --dry-run`, including imports. docs/scale.md has larger plans.

Results from before 2026-11-28 are of earlier code, which let Python look for dead objects. Compared with it in turns
(`--dry-run --quiet`, which lists no jobs), a plan of 9,806 jobs now takes 0.68 of the time, and one of 98,006 jobs
0.66: 68 s and 2.6 GB on an AMD EPYC (aims: 60 s and 1.5 GB, both missed). A quarter of the earlier time was the end of
the process, which took millions of objects apart. Of what is left, about a twentieth is the project's, the rest
Snakemake's.

    python -m benchmarks plan [--repetitions 2]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.project import Project, copied_project, default_config
from benchmarks.rows import Row

GRIDS = ((1, 1), (1, 10), (10, 10), (50, 20))
"""Cohorts and levels."""


def grid(cohorts: int, levels: int) -> dict[str, Any]:
    """The default config with this number of cohorts of one seed each, and of levels; one chain per cohort."""
    config = default_config()
    config["tasks"]["digits-lenet"]["cohorts"] = [f"{seed}-{seed}" for seed in range(cohorts)]
    config["methods"]["imp"]["levels"] = levels
    study = config["studies"]["frankle2019"]
    study |= {"one_shot": False, "continued": False, "strategy_levels": [], "histogram_levels": []}
    return config


def plan_seconds(project: Project, cohorts: int, levels: int) -> float:
    arguments = project.configure("grid.yaml", grid(cohorts, levels))
    return project.run("--dry-run", *arguments).processor_seconds


def measure(root: str = "data", repetitions: int = 2) -> Iterator[Row]:
    """A row per number of runs; ROOT is not read."""
    with copied_project() as project:
        for cohorts, levels in GRIDS:
            seconds = [plan_seconds(project, cohorts, levels) for _ in range(repetitions)]
            runs = cohorts * levels
            yield Row(f"plan of {runs:,} ticket{'s' * (runs > 1)}", seconds, "s")
