"""The progress line of a training: what a person sees on a terminal, and what ends up in a log file."""

from __future__ import annotations

import io
from functools import partial

from lth_core.runtime.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def run(stream: io.StringIO, seconds_per_step: float, steps: int) -> str:
    clock = Clock()
    progress = Progress(steps, interval=3.0, stream=stream, clock=clock)
    for step in range(1, steps + 1):
        clock.seconds += seconds_per_step
        progress.report(step, partial("validation accuracy {}%".format, 90 + step))
    return stream.getvalue()


def test_a_log_file_gets_a_plain_line_every_few_seconds_and_a_last_one_with_the_total() -> None:
    assert run(io.StringIO(), seconds_per_step=1.0, steps=6).splitlines() == [
        "step 1/6 validation accuracy 91%",
        "step 4/6 validation accuracy 94%",
        "step 6/6 validation accuracy 96%, 6.0 s",
    ]


def test_quick_steps_say_no_more_than_the_first_and_the_last_line() -> None:
    assert len(run(io.StringIO(), seconds_per_step=0.001, steps=1000).splitlines()) == 2


def test_a_terminal_shows_one_line_in_place_and_leaves_the_last_one() -> None:
    written = run(Terminal(), seconds_per_step=3.0, steps=3)
    assert written.count("\n") == 1
    assert written.endswith("step 3/3 validation accuracy 93%, 9.0 s\033[K\n")
    assert written.startswith("step 1/3 validation accuracy 91%\033[K\r")


def test_a_line_without_text_has_no_trailing_space() -> None:
    stream = io.StringIO()
    Progress(10, stream=stream).report(1)
    assert stream.getvalue() == "step 1/10\n"


def test_lines_go_to_standard_output_which_torchrun_passes_on_at_once(capsys) -> None:
    Progress(10).report(1)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("step 1/10\n", "")
