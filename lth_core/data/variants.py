"""What transforms of data sets share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lth_core.data.files import StreamedSplits
from lth_core.data.splits import SPLITS, DataError, Splits

AnySplits = Splits | StreamedSplits
Facts = dict[str, Any]


def each_split(splits: AnySplits, change: Callable[[Any], Any]) -> dict[str, Any]:
    return {name: change(getattr(splits, name)) for name in SPLITS}


def with_pixels(name: str, splits: AnySplits) -> Splits:
    need_pixels(name, streamed=isinstance(splits, StreamedSplits))
    assert isinstance(splits, Splits)
    return splits


def need_pixels(name: str, streamed: bool) -> None:
    if streamed:
        problem = "needs the pixels, which 'stream: true' leaves in their files: set 'stream: false'"
        raise DataError(f"transform '{name}' {problem}")
