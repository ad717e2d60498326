"""The default run: what it takes outside training and evaluation, and what a second core gains.

Wall time of `snakemake` on config.yaml (digits) from nothing to the page, on two cores and, once, on one. Results from
before 2026-11-29 are of an earlier default with 75 trainings of 5 seeds; now there are 150, of 5 and of 20 seeds. The
share outside is a share of the cores' time: 1 - (training + evaluation) / (wall time x cores), as in the last line that
the run prints.

    python -m benchmarks pipeline [--repetitions 2]
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from benchmarks.project import Project, copied_project
from benchmarks.rows import Row

SUMMARY = re.compile(r"training (\d+) s, evaluation (\d+) s, (\d+)% of the cores' time outside")


def default_run(project: Project, cores: int) -> tuple[float, float]:
    """Wall seconds, and the share (%) of the cores' time outside training and evaluation."""
    project.clear()
    run = project.run(cores=cores)
    summary = SUMMARY.search(run.said)
    if not summary:
        raise RuntimeError(f"the run's last line has no seconds:\n{run.said}")
    return run.wall_seconds, 100 * (1 - (int(summary[1]) + int(summary[2])) / (run.wall_seconds * cores))


def measure(root: str = "data", repetitions: int = 2) -> Iterator[Row]:
    """Two cores where there are two, else all that there are; ROOT is not read."""
    cores = min(2, os.cpu_count() or 1)
    with copied_project() as project:
        on_all = [default_run(project, cores) for _ in range(repetitions)]
        on_one = default_run(project, 1)
    yield Row(f"default run, {cores} cores: wall time", [seconds for seconds, _ in on_all], "s")
    yield Row("default run, 1 core: wall time", [on_one[0]], "s")
    yield Row(
        f"default run, {cores} cores: share outside training and evaluation",
        [share for _, share in on_all],
        "%",
        at_most=35,
    )
    yield Row("default run, 1 core: the same", [on_one[1]], "%", at_most=35)
    yield Row(f"default run: 1 core / {cores} cores", [on_one[0] / seconds for seconds, _ in on_all])
