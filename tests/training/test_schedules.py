"""Learning-rate schedules, step by step."""

from __future__ import annotations

import pytest

from lth_core.config import Recipe
from lth_core.training.schedules import learning_rate


def recipe(steps: int = 100, **schedule: object) -> Recipe:
    optimizer = {"name": "sgd", "learning_rate": 0.4}
    return Recipe(optimizer=optimizer, schedule=schedule, batch_size=1, steps=steps, evaluate_every=1)


def test_constant() -> None:
    assert {learning_rate(recipe(), step) for step in range(100)} == {0.4}


def test_step_drops_at_the_named_steps() -> None:
    dropping = recipe(name="step", drop_steps=[50, 80], factor=0.1)
    assert [learning_rate(dropping, step) for step in (0, 49, 50, 79, 80, 99)] == pytest.approx(
        [0.4, 0.4, 0.04, 0.04, 0.004, 0.004]
    )


def test_cosine_falls_from_the_base_rate_to_almost_zero() -> None:
    rates = [learning_rate(recipe(name="cosine"), step) for step in range(100)]
    assert rates[0] == 0.4 and rates[50] == pytest.approx(0.2) and rates[99] < 0.001
    assert rates == sorted(rates, reverse=True)


def test_warmup_rises_linearly_to_the_base_rate_then_the_schedule_goes_on() -> None:
    warming = recipe(name="step", drop_steps=[50], factor=0.5, warmup_steps=10)
    assert [learning_rate(warming, step) for step in (0, 4, 9, 10, 50)] == pytest.approx([0.04, 0.2, 0.4, 0.4, 0.2])
