"""What benchmarks measure: rows of values, one per repetition, with the target beside their median."""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Row:
    """One measure. Without a unit the values are ratios of times."""

    name: str
    values: list[float]
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def target(self) -> str:
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return ", ".join(f"{word} {bound:g}{self.unit_after}" for word, bound in bounds if bound is not None)

    @property
    def missed(self) -> bool:
        below = self.at_least is not None and self.median < self.at_least
        return below or (self.at_most is not None and self.median > self.at_most)

    @property
    def unit_after(self) -> str:
        return self.unit if self.unit in ("", "%") else f" {self.unit}"

    def columns(self) -> list[str]:
        """The row of a table: measure, median, lowest to highest, target."""
        outcome = f"{self.target}: {'missed' if self.missed else 'met'}" if self.target else ""
        spread = f"{number(min(self.values))} to {number(max(self.values))}" if len(self.values) > 1 else ""
        return [self.name, f"{number(self.median)}{self.unit_after}", spread, outcome]


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(rows: Iterable[Row]) -> Iterator[str]:
    """The lines of a Markdown table."""
    yield "| measure | median | lowest to highest | target |"
    yield "| --- | ---: | ---: | --- |"
    for row in rows:
        yield f"| {' | '.join(row.columns())} |"


def in_new_process(function: Callable[[], Result]) -> Result:
    """What the function returns in a process that inherits this one's memory, and takes its own away."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=lambda: sender.send(function()))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise RuntimeError("the process failed; what it said stands above") from None
    finally:
        process.join()
