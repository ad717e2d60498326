"""Kinds of data: what batches are a number of."""

from __future__ import annotations

import pytest

from lth_core.data.kinds import counted_by_batches


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"classes": 10}, "examples"),
        ({"kind": "points", "features": 3}, "examples"),
        ({"kind": "text", "vocabulary": 91, "context": 64}, "windows of 64 characters"),
        ({"kind": "environment", "features": 4}, "episodes"),
    ],
)
def test_batches_are_of_examples_windows_or_episodes(facts: dict, said: str) -> None:
    assert counted_by_batches(facts) == said
