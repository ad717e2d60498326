"""GPU tests are steps of the benchmark: each is counted, and one that fails or is skipped says why."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.gpu.__main__ import parts
from benchmarks.gpu.driver import Part, run
from benchmarks.gpu.record import Record

TESTS = """
import os
import pytest

def test_good():
    pass

@pytest.mark.parametrize("value", ["a b", "c"])
def test_bad(value):
    assert value == "c", "what is wrong"

@pytest.mark.skip(reason="needs a GPU")
def test_skipped():
    pass

def test_cuda():
    raise RuntimeError("CUDA error: an illegal memory access was encountered\\nand more")

def test_process_after_cuda():
    with open("processes", "a") as file:
        file.write(f"{os.getpid()} ")

@pytest.fixture
def broken():
    yield
    raise ValueError("cannot be taken apart")

def test_taken_apart(broken):
    pass

def test_crash():
    import ctypes
    ctypes.string_at(0)

def test_process_after_crash():
    test_process_after_cuda()
"""
SLOW = """
import time

def test_good():
    pass

def test_slow():
    time.sleep(60)
"""


def run_tests(folder: Path, tests: str, seconds: float = 60) -> Record:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_some.py").write_text(tests.replace('"processes"', repr(str(folder / "processes"))))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "benchmarks.gpu.outcomes"]
    where = ["-c", str(folder / "pytest.ini"), "--rootdir", str(folder), str(folder)]
    return run([Part("the tests", [*command, *where], seconds, counted="tests passed")])


def test_every_test_is_counted_and_says_why_it_did_not_pass(tmp_path: Path) -> None:
    record = run_tests(tmp_path, TESTS)
    assert record.failures == {
        "test_some.py::test_bad[a b]": "AssertionError: what is wrong",
        "test_some.py::test_skipped": "Skipped: needs a GPU",
        "test_some.py::test_cuda": "RuntimeError: CUDA error: an illegal memory access was encountered",
        "test_some.py::test_taken_apart": "ValueError: cannot be taken apart",
        "test_some.py::test_crash": "its process was ended by SIGSEGV",
    }
    assert not record.unreached
    (row,) = record.rows.values()
    assert row.columns() == ["tests passed, of 9", "44.4%", "", "at least 100%: missed"]
    processes = (tmp_path / "processes").read_text().split()
    assert len(set(processes)) == 2  # after a CUDA error, and after a crash, in new ones


def test_tests_that_cannot_be_collected_are_one_line(tmp_path: Path) -> None:
    record = run_tests(tmp_path, "import no_such_module\n")
    assert list(record.failures) == ["test_some.py"]
    assert record.failures["test_some.py"].startswith("ImportError while importing test module")


def test_tests_that_are_not_reached_are_counted(tmp_path: Path) -> None:
    record = run_tests(tmp_path, SLOW, seconds=4)
    assert record.unreached == ["1 of 2 the tests"]
    assert [row.columns()[:2] for row in record.rows.values()] == [["tests passed, of 2", "50.0%"]]


def test_the_tests_are_those_of_the_gpu() -> None:
    part = parts("data", "cuda")["tests"]
    record = run([replace(part, command=[*part.command, "--collect-only"], seconds=60)])
    steps = record.parts[0].steps or []
    assert len(steps) > 50 and all(step.startswith("tests/gpu/") for step in steps)
