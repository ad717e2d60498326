"""Snakemake's progress (`--logger lth`): on a terminal, in a log file, on failure. How it stops: test_stopping.py."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from snakemake_logger_plugin_lth.jobs import Job, duration, last_lines
from snakemake_logger_plugin_lth.screen import Screen, shortened
from tests.support.terminal import (
    SNAKEFILE,
    Terminal,
    command,
    environment,
    handler_on,
    lines_left,
    record,
    run_on_terminal,
    run_piped,
)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, reaction in before.items():
        signal.signal(number, reaction)


# ---------------------------------------------------------------- whole runs


@pytest.mark.parametrize("how", ["diverged", "diverged in sampling"])
def test_replicates_that_diverge_get_a_line_of_their_own(tmp_path: Path, how: str) -> None:
    lost = SNAKEFILE.replace("accuracy 97.9%", f"accuracy 97.9%; {how}: 1 of 2 replicates (seed 1)")
    command(tmp_path)
    (tmp_path / "Snakefile").write_text(lost.replace("; diverged", '"; echo "diverged'))
    words = [sys.executable, "-m", "snakemake", "out/digits_1", "--cores", "1", "--logger", "lth"]
    words += ["--config", "seconds=0.1", "broken=none", "waits=nowhere"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)
    assert f"\ntrain digits level 1: {how}: 1 of 2 replicates (seed 1)\n" in done.stderr, done.stderr


def test_a_log_file_gets_one_line_per_finished_job(tmp_path: Path) -> None:
    done = run_piped(tmp_path)
    lines = done.stderr.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0] == "4 jobs to run: 3 train, 1 all"
    assert [line.split(":")[0] for line in lines[1:5]] == [f"{done} of 4 jobs" for done in (1, 2, 3, 4)]
    named = sorted(line.split(": ")[1].split(",")[0] for line in lines[1:4])
    assert named == ["train digits level 1", "train digits level 2", "train mnist level 3"]
    assert (
        lines[5] == "summary of the run" and lines[6].startswith("Complete log") and lines[7:] == ["page: index.html"]
    )
    assert "\033" not in done.stderr
    assert "Nothing to be done" in run_piped(tmp_path).stderr


def test_a_failure_shows_the_job_and_the_end_of_its_log(tmp_path: Path) -> None:
    done = run_piped(tmp_path, "--keep-going", broken="mnist")
    assert done.returncode == 1
    shown = re.search(r"^failed: train mnist level 3, after .* s, log: logs/mnist_3.log\n(.*\n.*)\n", done.stderr, re.M)
    assert shown and shown[1] == "    step 1/2 accuracy 97.9%\n    error: no such data set", done.stderr
    assert "CalledProcessError" not in done.stderr
    assert "2 of 4 jobs" in done.stderr and "3 of 4 jobs" not in done.stderr
    said = "1 job failed, as said above: mend the cause; the same command goes on where it was"
    assert done.stderr.splitlines()[-1] == said and "WorkflowError" not in done.stderr


def test_a_terminal_shows_running_jobs_with_their_last_log_line_and_keeps_none_of_them(tmp_path: Path) -> None:
    status, written = run_on_terminal(tmp_path, seconds=1)
    assert status == 0, written
    assert re.search(r"train digits level 1 +\d\.\d s  step 1/2 accuracy 97\.9%", written)
    left = lines_left(written)
    assert left[0] == "4 jobs to run: 3 train, 1 all"
    assert "summary of the run" in left[1:3]  # the other one is the place of the complete log
    assert re.fullmatch(r"4 of 4 jobs, \d\.\d s", left[3]) and left[4:] == ["page: index.html"]


def test_a_closed_output_does_not_stop_the_run(tmp_path: Path) -> None:
    shell = " ".join(map(str, command(tmp_path))) + " 2>&1 >out.txt | head -n 1; exit ${PIPESTATUS[0]}"
    done = subprocess.run(["bash", "-c", shell], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/mnist_3").exists()


def test_a_config_that_snakemake_cannot_read_is_one_line_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "fine.yaml").write_text("device: cpu\n")
    (tmp_path / "broken.yaml").write_text("tasks:\n\tmini: 1\n")
    done = run_piped(tmp_path, "--configfile", "fine.yaml", "broken.yaml")
    said = "broken.yaml:2: broken YAML: found character '\\t' that cannot start any token\n"
    assert (done.returncode, done.stderr) == (1, said)
    done = run_piped(tmp_path, "--configfile", "nothere.yaml")
    assert (done.returncode, done.stderr) == (1, "nothere.yaml: no such file\n")


def test_dry_runs_keep_the_output_of_snakemake(tmp_path: Path) -> None:
    done = run_piped(tmp_path, "--dry-run")
    assert done.returncode == 0 and "reason: Missing output files: out/digits_1" in done.stdout + done.stderr


# ---------------------------------------------------------------- the parts


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7980, "2 h 13 min"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_job_is_named_by_its_rule_and_wildcards() -> None:
    job = Job("retrain", {"task": "digits-lenet", "cohort": "0-4", "level": "3", "branch": "reinit"}, [])
    assert job.name == "retrain digits-lenet 0-4 level 3 reinit"
    assert job.last_lines(1) == []


def test_the_last_lines_of_a_log_are_read_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    assert last_lines(str(log), 2) == []
    log.write_bytes(b"x" * 100_000 + b"\nfirst\r\n\nup\033[K\rdat\xffed\033[31m!\033[0m  \n\n")
    assert last_lines(str(log), 2) == ["up", "dat�ed!"]


def test_the_block_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Screen, "_size", lambda self: (20, 4))
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    screen = Screen(stream)
    screen.show(["a line that is longer than the terminal", "b", "c", "d", "total"])
    assert lines_left(stream.getvalue()) == ["c", "d", "total"]
    screen.show(["a line that is longer than the terminal", "total"])
    screen.say("a message")
    screen.show(["total"])
    assert lines_left(stream.getvalue()) == ["a message", "total"]
    assert "a line that is...\n" in stream.getvalue() and "longer" not in stream.getvalue()


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, "retrain mini level 3   4.2 s  step 1/600 validation accuracy 9%"),
        (63, "retrain mini level 3   4.2 s  step 1/600 validation accuracy 9%"),
        (62, "retrain mini level 3   4.2 s  step 1/600 validation..."),
        (54, "retrain mini level 3   4.2 s  step 1/600 validation..."),
        (53, "retrain mini level 3   4.2 s  step 1/600..."),
        (32, "retrain mini level 3   4.2 s..."),
        (8, "retra..."),
        (2, ".."),
    ],
)
def test_a_line_that_is_too_long_is_cut_between_words(width: int, shown: str) -> None:
    assert shortened("retrain mini level 3   4.2 s  step 1/600 validation accuracy 9%", width) == shown


class ClosedPipe(Terminal):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_closing_ends_the_thread_and_takes_unfinished_jobs_off_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    handler = handler_on(monkeypatch, stream)
    handler.handle(record("run_info", stats={"train": 2, "total": 2}))
    handler.handle(record("job_info", jobid=1, rule_name="train", wildcards={"level": "3"}, log=[]))
    assert any(line.startswith("train level 3") for line in lines_left(stream.getvalue()))
    threads = [thread for thread in threading.enumerate() if thread.name == "lth progress"]
    handler.close()
    assert len(threads) == 1 and not threads[0].is_alive()
    handler.close()
    assert [line.split(",")[0] for line in lines_left(stream.getvalue())] == ["2 jobs to run: 2 train", "0 of 2 jobs"]


@pytest.mark.parametrize("stream", [io.StringIO(), ClosedPipe()])
def test_no_record_ends_the_logging_thread(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = handler_on(monkeypatch, stream)
    handler.handle(record("run_info"))  # without the facts that it should have
    handler.close()
    assert stream.getvalue() in ("record of run_info\n", "")


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    screen = Screen(stream)
    screen.show(["total"])
    screen.say("a message")
    assert stream.getvalue() == "a message\n"
