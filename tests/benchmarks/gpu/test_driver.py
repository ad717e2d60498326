"""The parts of the GPU benchmark: their order and limits, parts that fail, and a run that is stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks import __main__ as runner
from benchmarks.gpu.__main__ import Table, parts
from benchmarks.gpu.driver import GRACE, Part, run
from benchmarks.gpu.record import Record
from benchmarks.rows import Row

ROOT = Path(__file__).parents[3]
SCRIPT = """\
import signal, sys, time
from benchmarks.gpu.part import do
from benchmarks.rows import Row
from lth_core.runtime.lifetime import end_with_named

def good(name):
    print(f"doing {name}")
    yield Row(name, [1.0], "s")

def bad():
    yield Row("begun", [2.0])
    raise ValueError("what is wrong\\nand more")

def slow():
    time.sleep(0.5)  # what was said before is heard
    print("sleeping")
    time.sleep(60)
    yield Row("slow", [3.0])

def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield from slow()

def nap():
    time.sleep(1)
    yield Row("nap", [4.0])

def crash():
    import ctypes
    ctypes.string_at(0)

STEPS = {
    "first": lambda: good("first"), "bad": bad, "crash": crash, "slow": slow, "nap": nap, "stubborn": stubborn,
    "last": lambda: good("last"),
}
end_with_named()
sys.exit(not do({name: STEPS[name] for name in sys.argv[1].split()}))
"""


def part(steps: str, seconds: float = 30, title: str = "a part") -> Part:
    """A part that does some of the script's steps."""
    return Part(title, [sys.executable, "-c", SCRIPT, steps], seconds)


def test_parts_are_done_in_their_order_and_say_what_they_do(capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    record = run([part("first", title="one"), part("last", title="two")], lambda record, event: said.extend(event))
    assert list(record.rows) == ["first", "last"] and record.is_complete
    assert said == ["planned", "row", "done"] * 2
    printed = capfd.readouterr().out
    assert [line for line in printed.splitlines() if line] == ["one", "doing first", "two", "doing last"]


def test_after_a_step_that_fails_the_others_go_on_in_a_new_process() -> None:
    record = run([part("first bad last"), part("last", title="next")])
    assert list(record.rows) == ["first", "begun", "last"] and not record.unreached
    assert list(record.failures) == ["bad"] and not record.is_complete
    assert re.fullmatch(r"ValueError: what is wrong \(benchmarks/gpu/part.py, line \d+\)", record.failures["bad"])


def test_a_process_that_crashes_takes_one_step_with_it() -> None:
    record = run([part("first crash last")])
    assert list(record.rows) == ["first", "last"]
    assert record.failures == {"crash": "its process was ended by SIGSEGV"}


@pytest.mark.parametrize("script, status", [("raise SystemExit(4)", 4), ("", 0)])
def test_a_part_that_cannot_start_fails_as_a_whole(script: str, status: int) -> None:
    record = run([Part("a part", [sys.executable, "-c", script], 30), part("last", title="next")])
    assert record.failures == {"a part": f"its process ended with status {status}"}
    assert list(record.rows) == ["last"]


def test_a_part_that_cannot_say_its_steps_says_why() -> None:
    command = [sys.executable, "-m", "benchmarks.gpu.part", "no_such_part"]
    record = run([Part("a part", command, 30), part("last", title="next")])
    assert list(record.failures) == ["no_such_part"] and list(record.rows) == ["last"] and not record.unreached
    said = "ModuleNotFoundError: No module named 'benchmarks.gpu.no_such_part'"
    assert record.failures["no_such_part"].startswith(said)


def test_a_part_whose_time_is_up_is_ended_with_all_that_it_has_started_and_the_next_one_begins() -> None:
    start, before = time.monotonic(), psutil.Process().children()
    record = run([part("first slow last", seconds=3), part("last", title="next")])
    assert time.monotonic() - start < 30
    assert list(record.rows) == ["first", "last"] and record.unreached == ["slow", "last"]
    assert "Not reached, because their time was up: slow; last." in record.text("a machine")
    assert psutil.Process().children() == before


def test_time_that_a_part_does_not_need_is_the_next_ones() -> None:
    assert run([part("first", seconds=60), part("nap", seconds=0.5, title="next")]).is_complete
    assert run([part("nap", seconds=0.5)]).unreached == ["a part"]


RUN = """\
import sys
from pathlib import Path
from benchmarks import __main__ as runner
from benchmarks.gpu import __main__ as gpu
from tests.benchmarks.gpu.test_driver import part

runner.DOCUMENT = Path(sys.argv[1])
gpu.torch.cuda.is_available = lambda: True
gpu.card = lambda: "A Card"
gpu.machine = lambda: "A Card (80 GB); a machine"
gpu.parts = lambda root, device: {"one": part(sys.argv[2], title="one"), "two": part("last", title="two")}
gpu.argparse.ArgumentParser.parse_args = lambda parser: parser.parse_known_args([])[0]
gpu.main()
"""


@pytest.fixture
def stopped(tmp_path: Path):
    """stopped(signal) -> a run of the command that was told to end in the middle: document, output and exit status."""

    def stop(number: int, steps: str = "first slow", times: int = 1) -> tuple[str, str, int]:
        document = tmp_path / "benchmarks.md"
        document.write_text("Words.\n")
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(document), steps], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        lines = []
        while not lines or lines[-1] != "sleeping\n":
            lines.append(process.stdout.readline())
            assert lines[-1]
        children = psutil.Process(process.pid).children(recursive=True)
        for _ in range(times):
            process.send_signal(number)
            time.sleep(0.3)
        said = "".join(lines) + process.communicate(timeout=30)[0]
        assert psutil.wait_procs(children, timeout=10)[1] == []
        return document.read_text(), said, process.returncode

    return stop


TABLE = """\
| measure | median | lowest to highest | target |
| --- | ---: | ---: | --- |
| first | 1.00 s |  |  |
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_stopped_prints_and_writes_its_table(stopped, number: signal.Signals) -> None:
    document, said, status = stopped(number)
    reason = f"Not reached, because the run was stopped by {number.name}: slow; two."
    for text in (document.partition("### A Card\n\n")[2], said):
        assert f"{TABLE}\n{reason}\n\n`make gpu`, " in text and ": A Card (80 GB); a machine." in text
    assert document.startswith("Words.\n") and status == 1


def test_signals_that_follow_the_first_do_not_cut_the_table_short(stopped) -> None:
    """`timeout` and `make` both pass on what they are told."""
    document, said, status = stopped(signal.SIGTERM, steps="first stubborn", times=3)
    for text in (document, said):
        assert f"{TABLE}\nNot reached, because the run was stopped by SIGTERM: stubborn; two.\n\n`make gpu`, " in text
    assert status == 1


def test_a_run_that_is_killed_has_written_what_it_had(stopped) -> None:
    document, _, status = stopped(signal.SIGKILL)
    assert f"{TABLE}\nNot reached, because the run was cut off: slow; two.\n" in document
    assert status == -signal.SIGKILL


def test_nothing_is_written_before_there_is_something_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty table would take the place of an older one of the same card."""
    document = tmp_path / "benchmarks.md"
    document.write_text("Words.\n")
    monkeypatch.setattr(runner, "DOCUMENT", document)
    record = Record([])
    Table("A Card", "a machine", write=True).keep(record)
    assert document.read_text() == "Words.\n"
    record.rows["first"] = Row("first", [1.0])
    Table("A Card", "a machine", write=False).keep(record)
    assert document.read_text() == "Words.\n"
    Table("A Card", "a machine", write=True).keep(record)
    assert "| first | 1.00 |" in document.read_text()


def test_the_parts_end_within_six_minutes() -> None:
    limits = [part.seconds for part in parts("data", "cuda").values()]
    assert sum(limits) + len(limits) * GRACE < 355


# ---------------------------------------------------------------- without a GPU


def test_without_a_gpu_the_command_says_so_and_exits_as_a_skipped_test() -> None:
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "benchmarks.gpu"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 77 and not done.stdout
    assert done.stderr == "no GPU that torch can use (torch.cuda.is_available() is false): nothing was measured\n"
