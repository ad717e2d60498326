"""What the check before a run says of a config that cannot work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from lth_core.registry import one_line

Value = TypeVar("Value")


class CheckError(ValueError):
    """Something in the config that cannot work; one line that begins with its key."""


def attempt(problem: str, work: Callable[[], Value]) -> Value:
    """Do what calls a user's code, which may fail in any way. Raises CheckError."""
    try:
        return work()
    except Exception as error:
        is_ours = type(error).__module__.startswith("lth_core.")
        reason = " ".join(str(error).split()) if is_ours else one_line(error)
        raise CheckError(f"{problem} ({reason})") from None


@dataclass
class Mistakes:
    """What cannot work of a task, one line each."""

    derived: Mapping[str, str]
    """Method that a study derives -> what the config names in its place."""
    lines: list[str] = field(default_factory=list)

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Add the error written for users that comes up here; others are bugs, and go on."""
        try:
            yield
        except ValueError as error:
            if not type(error).__module__.startswith("lth_core."):
                raise
            line = self._as_configured(" ".join(str(error).split()))
            if line not in self.lines:
                self.lines.append(line)

    def _as_configured(self, line: str) -> str:
        """Name the key of the config where an error names a method that a study derives."""
        prefixes = {f"methods.{method}.": key for method, key in self.derived.items()}
        named = (f"{key}.{line[len(start) :]}" for start, key in prefixes.items() if line.startswith(start))
        return next(named, line)
