"""The fixed cost of a job, rule by rule: interpreter, imports, files.

Seconds of each job's command in a run of the default config with 2 levels and 2 training steps, one job at a time: with
the job server, which imports once per run and forks, and without it, as on a cluster. The first job of a run,
prepare_data, waits for the server's imports. Values are medians over the jobs of a rule.

    python -m benchmarks jobs [--repetitions 1]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from benchmarks.project import Project, copied_project, default_config
from benchmarks.rows import Row

TIMED = """\
#!/bin/bash
# The real lth-job, timed.
[ -z "$ALONE" ] || unset LTH_JOB_SERVER
begin=${EPOCHREALTIME/./}
"$0-itself" "$@"
status=$?
[ "$1" = launch ] && name=$3 || name=$1
echo "$name $((${EPOCHREALTIME/./} - begin))" >> times.txt
exit $status
"""
"""Notes microseconds; with ALONE, the job is given no server."""


def small() -> dict[str, Any]:
    """The default config with little to train."""
    config = default_config()
    config["tasks"]["digits-lenet"]["train"] |= {"steps": 2, "evaluate_every": 2}
    config["methods"]["imp"]["levels"] = 2
    study = config["studies"]["frankle2019"]
    study |= {"one_shot": False, "continued": False, "strategy_levels": [], "histogram_levels": [1]}
    return config


def time_jobs(project: Project) -> None:
    """Put a clock around every job."""
    job = project.folder / "workflow/bin/lth-job"
    job.rename(f"{job}-itself")
    job.write_text(TIMED)
    job.chmod(0o755)


def job_seconds(project: Project, alone: bool) -> dict[str, list[float]]:
    """The seconds of every job of a run, by the job's name."""
    project.clear()
    times = project.folder / "times.txt"
    times.unlink(missing_ok=True)
    project.run(*project.configure("small.yaml", small()), ALONE="yes" if alone else "")
    seconds: dict[str, list[float]] = defaultdict(list)
    for line in times.read_text().splitlines():
        name, microseconds = line.split()
        seconds[name].append(int(microseconds) / 1e6)
    return seconds


def measure(root: str = "data", repetitions: int = 1) -> Iterator[Row]:
    """Two rows per rule; ROOT is not read."""
    served: dict[str, list[float]] = defaultdict(list)
    alone: dict[str, list[float]] = defaultdict(list)
    with copied_project() as project:
        time_jobs(project)
        for _ in range(repetitions):
            for without, all_seconds in ((False, served), (True, alone)):
                for name, seconds in job_seconds(project, without).items():
                    all_seconds[name] += seconds
    for name, seconds in served.items():
        yield Row(f"{name}, with the job server", seconds, "s")
        yield Row(f"{name}, without it", alone[name], "s")
