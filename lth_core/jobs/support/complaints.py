"""What the check before a run says of a config that cannot work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def as_configured(line: str, derived: Mapping[str, str]) -> str | None:
    """Name the key of the config where an error names a method that a study derives; None for other errors."""
    prefixes = {f"methods.{method}.": key for method, key in derived.items()}
    return next((f"{key}.{line[len(start) :]}" for start, key in prefixes.items() if line.startswith(start)), None)
