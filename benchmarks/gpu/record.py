"""What a run of the GPU benchmark has found out so far, and its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from benchmarks.rows import Row, table


@dataclass
class Progress:
    """A part: its steps, once it has said which, those that have ended, and those of them that have failed."""

    title: str
    counted: str | None = None
    """The row that says how many of its steps have succeeded; None: there is no such row."""
    steps: list[str] | None = None
    ended: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    """By step, or by the part's title where it has none: the reason, in one line."""

    @property
    def unreached(self) -> list[str]:
        """What has not ended: the whole part, where nothing of it has."""
        if not self.steps or not self.ended:
            return [] if self.title in self.failures else [self.title]
        left = [step for step in self.steps if step not in self.ended]
        return [f"{len(left)} of {len(self.steps)} {self.title}"] if self.counted and left else left

    @property
    def next_step(self) -> str | None:
        """The step that is being done, or would be next."""
        return next((step for step in self.steps or [] if step not in self.ended), None)

    @property
    def is_complete(self) -> bool:
        return self.steps is not None and self.next_step is None

    def count(self) -> Row | None:
        """The row of the steps that have succeeded."""
        if not self.counted or not self.steps:
            return None
        succeeded = len(set(self.ended) - set(self.failures))
        return Row(f"{self.counted}, of {len(self.steps)}", [100 * succeeded / len(self.steps)], "%", at_least=100)


@dataclass
class Record:
    """Rows, failures and remarks of all parts."""

    parts: list[Progress]
    rows: dict[str, Row] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    ended_by: str = "the run was cut off"
    """Why nothing more is reached."""

    def add(self, part: Progress, event: dict[str, Any]) -> None:
        """Take in what a part says."""
        match event:
            case {"planned": steps}:
                part.steps = part.steps or steps
            case {"row": row}:
                self.rows[row["name"]] = Row(**row)
            case {"remark": text}:
                self.remarks += [text] if text not in self.remarks else []
            case {"failed": step, "reason": reason}:
                part.failures[step] = reason
            case {"done": step}:
                part.ended.append(step)
                if row := part.count():
                    self.rows[row.name] = row

    @property
    def failures(self) -> dict[str, str]:
        return {step: reason for part in self.parts for step, reason in part.failures.items()}

    @property
    def unreached(self) -> list[str]:
        return [step for part in self.parts for step in part.unreached]

    @property
    def is_complete(self) -> bool:
        """Whether everything was reached, and nothing failed."""
        return not self.failures and not self.unreached

    def reasons(self) -> Iterator[str]:
        """Every reason of failures, once, with the first step that has failed for it."""
        for reason in dict.fromkeys(self.failures.values()):
            first, *others = (step for step, why in self.failures.items() if why == reason)
            yield f"{first}{f' and {len(others)} more' if others else ''}: {reason}"

    def text(self, machine: str) -> str:
        """Everything, in Markdown."""
        parts = ["\n".join(table(self.rows.values()))]
        if self.failures:
            parts.append("\n".join(["Failed:", "", *(f"- {line}" for line in self.reasons())]))
        if self.unreached:
            parts.append(f"Not reached, because {self.ended_by}: {'; '.join(self.unreached)}.")
        parts += self.remarks
        return "\n\n".join([*parts, f"`make gpu`, {datetime.now(UTC):%Y-%m-%d}: {machine}."])
