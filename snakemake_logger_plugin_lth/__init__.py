"""Snakemake's progress as a person wants it: `python -m snakemake --logger lth ...` in the repository's folder.

On a terminal: one updating line per running job (rule, wildcards, last line of its log, time) and a total, with the
time that is left once finished jobs tell. Elsewhere: one line per finished job. In both: a line for every job with
replicates that diverged. Failures show the end of their log; what Ctrl-C or `kill` stops is no failure. Dry runs,
--verbose and --printshellcmds keep Snakemake's own output. Snakemake finds this package by its name. What a Snakefile
says at the end of a run belongs to `snakemake.logging.logger`: a `print` does not wait for these lines and would be
overwritten on a terminal.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from lth_core.metrics import counted
from lth_core.runtime import interruption
from snakemake_logger_plugin_lth.configs import unreadable
from snakemake_logger_plugin_lth.forecast import Forecast, in_words
from snakemake_logger_plugin_lth.jobs import Job, duration
from snakemake_logger_plugin_lth.screen import Screen

REDRAW_SECONDS = 0.5
FAILURE_LINES = 12
# What Snakemake prints in every run and nobody needs. Anything else is shown.
CHATTER = (
    "Assuming unrestricted shared filesystem usage",
    "Building DAG of jobs",
    "Conda environments: ignored",
    "Elapsed time:",
    "Exiting because a job execution failed",
    "RuleException:\nCalledProcessError",
    "Select jobs to execute",
    "Using shell:",
    "host: ",
)
# What it also prints when a run is stopped or jobs have failed, each of which is reported.
FAREWELL = (
    "Cancelling snakemake on user request",
    "Terminating processes on user request",
    "WorkflowError:\nAt least one job did not complete successfully",
)
# What is to be done with the results: Snakemake says where its log is after that.
LAST = "page: "
STOPPED = "stopped; the same command goes on where it was"
FAILED = "failed, as said above: mend the cause; the same command goes on where it was"
SILENT_EVENTS = (LogEvent.JOB_STARTED, LogEvent.RESOURCES_INFO, LogEvent.SHELLCMD, LogEvent.WORKFLOW_STARTED)


class LogHandler(LogHandlerBase):
    """Turn Snakemake's events into lines. Runs in Snakemake's logging thread, which no error of ours may end."""

    def __post_init__(self) -> None:
        settings = self.common_settings
        self._standing_back = settings.dryrun or settings.verbose or settings.printshellcmds or settings.debug_dag
        self._screen = Screen(sys.stdout if settings.stdout else sys.stderr)
        self._running: dict[int, Job] = {}
        self._finished: list[Job] = []
        self._done, self._total, self._failed = 0, 0, 0
        self._started = time.monotonic()
        self._forecast = Forecast({}, self._started)
        self._said_left = self._last = ""
        self._stop = threading.Event()
        self._ticker: threading.Thread | None = None
        interruption.stop_when_told()  # at once: jobs that end with it may be reported before Snakemake says why

    @property
    def writes_to_stream(self) -> bool:
        return not self._standing_back

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return False

    @property
    def has_formatter(self) -> bool:
        return False

    @property
    def needs_rulegraph(self) -> bool:
        return False

    def emit(self, record: logging.LogRecord) -> None:
        if self._standing_back:
            return
        try:
            self._handle(getattr(record, "event", None), record)
        except Exception:
            self._screen.say(record.getMessage())

    def _handle(self, event: LogEvent | None, record: logging.LogRecord) -> None:
        facts: dict[str, Any] = record.__dict__
        if event == LogEvent.RUN_INFO:
            self._announce(dict(facts["stats"]))
        elif event == LogEvent.JOB_INFO:
            self._running[facts["jobid"]] = Job(facts["rule_name"], facts["wildcards"], facts["log"])
            self._start_ticker()
        elif event == LogEvent.JOB_FINISHED:
            job = self._running.pop(facts["job_id"], None)
            if job:
                self._finished.append(job)
                self._forecast.finish(job.rule, job.seconds)
        elif event == LogEvent.PROGRESS:
            self._done, self._total = facts["done"], facts["total"]
            self._look_ahead()
            self._report_finished()
        elif event == LogEvent.JOB_ERROR:
            self._report_failure(facts)
        elif event not in SILENT_EVENTS:
            text = self.format(record)
            if event == LogEvent.ERROR and not self._total:
                text = unreadable(sys.argv[1:]) or text
            if text.startswith(LAST):
                self._last = text
            elif text and not text.startswith(CHATTER + FAREWELL * (interruption.stopping or self._failed > 0)):
                self._screen.say(text)
        self._draw()

    def _announce(self, counts: dict[str, int]) -> None:
        self._total = counts.pop("total")
        self._forecast = Forecast(counts, time.monotonic())
        rules = ", ".join(f"{count} {rule}" for rule, count in counts.items())
        self._screen.say(f"{self._jobs} to run: {rules}")

    @property
    def _jobs(self) -> str:
        return "1 job" if self._total == 1 else f"{self._total} jobs"

    def _report_finished(self) -> None:
        for job in self._finished:
            if not self._screen.live:
                left = self._time_left()
                again = left == self._said_left
                self._said_left = left
                line = f"{self._done} of {self._jobs}: {job.name}, {job.elapsed}"
                self._screen.say(line + ("" if again else left))
            if diverged := job.divergence():
                self._screen.say(f"{job.name}: {diverged}")
        self._finished.clear()

    def _look_ahead(self) -> None:
        running = [(job.rule, job.seconds) for job in self._running.values()]
        self._forecast.update(time.monotonic(), running, self._total - self._done)

    def _time_left(self) -> str:
        seconds = self._forecast.seconds(time.monotonic())
        return "" if seconds is None or self._done == self._total else f", {in_words(seconds)}"

    def _report_failure(self, facts: dict[str, Any]) -> None:
        job = self._running.pop(facts["jobid"], None) or Job(facts["rule_name"], {}, facts["log"])
        if interruption.stopping:
            self._screen.say(f"stopped: {job.name}, after {job.elapsed}")
            return
        self._failed += 1
        log = job.logs[0] if job.logs else "none"
        lines = [f"failed: {job.name}, after {job.elapsed}, log: {log}", *job.last_lines(FAILURE_LINES)]
        self._screen.say("\n    ".join(lines))

    def _draw(self) -> None:
        if not (self._screen.live and self._total):
            return
        failed = f", {self._failed} failed" if self._failed else ""
        took = duration(time.monotonic() - self._started)
        total = f"{self._done} of {self._jobs}{failed}, {took}{self._time_left()}"
        jobs = sorted(self._running.values(), key=lambda job: job.started)
        width = max((len(job.name) for job in jobs), default=0)
        lines = [f"{job.name:{width}}  {job.elapsed:>5}  {' '.join(job.last_lines(1))}" for job in jobs]
        self._screen.show([*lines, total])

    def _start_ticker(self) -> None:
        if self._screen.live and self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, name="lth progress", daemon=True)
            self._ticker.start()

    def _tick(self) -> None:
        while not self._stop.wait(REDRAW_SECONDS):
            self.acquire()
            try:
                self._draw()
            finally:
                self.release()

    def close(self) -> None:
        self._stop.set()
        if self._ticker is not None:
            self._ticker.join(timeout=1)
            self._ticker = None
        self._running.clear()
        self._draw()
        self._screen.keep()
        self._total = 0
        if self._failed and not self._standing_back:
            self._last = f"{counted(self._failed, 'jobs')} {FAILED}"
            self._failed = 0
        if interruption.stopping and not self._standing_back:
            interruption.stopping = False
            self._last = STOPPED
        if self._last:
            self._screen.say(self._last)
            self._last = ""
        super().close()
