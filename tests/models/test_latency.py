"""Networks are timed in turns, so that a slow moment slows all of them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lth_core.models import latency
from lth_core.models.latency import LEAST, WARM_UP, latencies


@pytest.fixture
def called() -> list[str]:
    return []


@pytest.fixture
def taking(called: list[str]) -> Callable[[str, float], Callable[[Tensor], None]]:
    """taking(name, seconds) -> a function that takes this long and says that it was called."""

    def make(name: str, seconds: float) -> Callable[[Tensor], None]:
        def evaluate(inputs: Tensor) -> None:
            called.append(name)
            time.sleep(seconds)

        return evaluate

    return make


def test_functions_take_turns_and_each_has_its_median(called: list[str], taking: Callable) -> None:
    measured = latencies({"slow": taking("slow", 0.004), "fast": taking("fast", 0.0)}, torch.zeros(1), repeats=4)
    assert called == ["slow", "fast"] * (WARM_UP + 4)
    assert measured["slow"] >= 0.004 > measured["fast"]


def test_what_takes_long_has_fewer_turns(called: list[str], taking: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "LONGEST", 0.0)
    latencies({"slow": taking("slow", 0.0)}, torch.zeros(1), repeats=50)
    assert len(called) == WARM_UP + LEAST
