"""What a run of the GPU benchmark has come to, in words."""

from __future__ import annotations

import re
from dataclasses import asdict

import pytest

from benchmarks.gpu.record import Progress, Record
from benchmarks.rows import Row


@pytest.fixture
def record() -> Record:
    """Three steps, two of which have ended, one of them badly; and a part that has not begun."""
    record = Record([Progress("tests", counted="tests passed"), Progress("speed")])
    first, _ = record.parts
    for event in (
        {"planned": ["a", "b", "c"]},
        {"row": asdict(Row("time", [3.0], "s", at_most=2))},
        {"done": "a"},
        {"row": asdict(Row("time", [1.0, 2.0], "s", at_most=2))},
        {"remark": "Images were random."},
        {"remark": "Images were random."},
        {"failed": "b", "reason": "it is broken"},
        {"done": "b"},
    ):
        record.add(first, event)
    return record


def test_the_text_has_rows_failures_remarks_and_what_was_not_reached(record: Record) -> None:
    text = record.text("A Card; a machine")
    assert text.startswith(
        """\
| measure | median | lowest to highest | target |
| --- | ---: | ---: | --- |
| time | 1.50 s | 1.00 to 2.00 | at most 2 s: met |
| tests passed, of 3 | 33.3% |  | at least 100%: missed |

Failed:

- b: it is broken

Not reached, because the run was cut off: 1 of 3 tests; speed.

Images were random.

`make gpu`, 20"""
    )
    assert re.search(r"`make gpu`, \d{4}-\d\d-\d\d: A Card; a machine\.$", text)


def test_a_run_is_complete_when_everything_was_reached_and_nothing_failed(record: Record) -> None:
    assert not record.is_complete
    first, second = record.parts
    record.add(first, {"done": "c"})
    record.add(second, {"planned": ["x"]})
    assert record.unreached == ["speed"]
    record.add(second, {"done": "x"})
    assert not record.unreached and not record.is_complete
    first.failures.clear()
    assert record.is_complete and "Failed" not in record.text("") and "reached" not in record.text("")


def test_steps_that_fail_for_one_reason_are_one_line(record: Record) -> None:
    first, second = record.parts
    record.add(first, {"failed": "c", "reason": "it is missing"})
    record.add(second, {"failed": "x", "reason": "it is broken"})
    record.add(second, {"failed": "y", "reason": "it is broken"})
    assert list(record.reasons()) == ["b and 2 more: it is broken", "c: it is missing"]


def test_of_a_part_that_has_begun_its_steps_are_named(record: Record) -> None:
    _, second = record.parts
    record.add(second, {"planned": ["x", "y", "z"]})
    assert second.unreached == ["speed"]
    record.add(second, {"done": "x"})
    assert second.unreached == ["y", "z"] and second.next_step == "y"


def test_what_another_process_of_a_part_plans_is_what_is_left(record: Record) -> None:
    first, _ = record.parts
    record.add(first, {"planned": ["c"]})
    assert first.steps == ["a", "b", "c"]
