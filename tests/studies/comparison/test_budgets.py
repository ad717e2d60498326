"""How much longer tickets are trained so that search and training cost the same, as planned by densities."""

from __future__ import annotations

import pytest

from lth_core.config import Method, Task
from lth_core.studies.comparison.budgets import (
    learning_cost,
    longer_steps,
    search_cost,
    stretched,
    total_cost,
    training_density,
)
from lth_core.studies.contenders import Contender
from tests.support.comparison_results import LADDER, STEPS, TASK, config, study

RECIPE = Task.model_validate(TASK).train


@pytest.fixture(scope="module")
def compared() -> dict[str, Contender]:
    return {one.name: one for one in study().contenders(config(), "task")}


def test_search_costs_dense_training_and_the_levels_before(compared: dict[str, Contender]) -> None:
    def search(name: str, density: float = 0.05) -> float:
        return search_cost(compared[name], density, RECIPE)

    before = sum(LADDER[:-1])
    assert search("imp-reset") == pytest.approx(1 + before)
    assert search("imp-rewind") == pytest.approx(1 + 0.8 * before)  # from step 2 of 10
    assert search("imp-reset", 0.5) == search("one-shot") == 1
    assert search("snip") == search("random") == search("gradual") == search("rigl") == 0


def test_learning_masks_costs_gradients_by_all_scores_or_the_levels_before(compared: dict[str, Contender]) -> None:
    popup, trained, soft = (compared[name] for name in ("edge-popup", "edge-popup-trained", "soft-mask"))
    assert search_cost(popup, 0.05, RECIPE) == search_cost(trained, 0.05, RECIPE) == pytest.approx((2 * 0.05 + 1) / 3)
    assert total_cost(popup, 0.05, RECIPE) == search_cost(popup, 0.05, RECIPE)  # no weight is trained
    assert total_cost(trained, 0.05, RECIPE) == search_cost(popup, 0.05, RECIPE) + 0.05
    assert search_cost(soft, 0.5, RECIPE) == 1
    assert search_cost(soft, 0.05, RECIPE) == pytest.approx(1 + sum(LADDER[:-1]))


def test_a_search_with_its_own_recipe_is_planned_by_it() -> None:
    train = {"steps": 3 * STEPS, "batch_size": 2 * RECIPE.batch_size}
    search = {"parametrization": "edge-popup", "train": train}
    method = Method.model_validate({"densities": [0.25], "levels": 1, "search": search})
    assert learning_cost(method, 1, RECIPE) == 6 * (2 * 0.25 + 1) / 3


def test_gradual_pruning_is_as_dense_as_its_ramp_on_average(compared: dict[str, Contender]) -> None:
    """Against the sum over steps of Zhu & Gupta 2017, equation 1, from 25% to 75% of training."""
    steps = 40_000
    ramp = [min(max((step / steps - 0.25) / 0.5, 0), 1) for step in range(steps)]
    expected = sum(1 - 0.95 * (1 - (1 - part) ** 3) for part in ramp) / steps
    assert training_density(compared["gradual"], 0.05) == pytest.approx(expected, abs=1e-4)
    assert training_density(compared["set"], 0.05) == 0.05


def test_longer_trainings_cost_what_the_most_expensive_method_costs(compared: dict[str, Contender]) -> None:
    budget = max(total_cost(one, 0.5, RECIPE) for one in compared.values())
    longer = longer_steps(compared.values(), 0.5, RECIPE, longest=10)
    for name, steps in longer.items():
        contender = compared[name]
        part = contender.training_steps(steps) / STEPS
        cost = search_cost(contender, 0.5, RECIPE) + part * training_density(contender, 0.5)
        assert cost == pytest.approx(budget, abs=0.5 / STEPS)
    assert longer["random"] == longer["snip"] == longer["set"] == 3 * STEPS  # 1.5 dense trainings at 50%
    assert "imp-reset" not in longer and "reinit" not in longer
    assert "edge-popup" not in longer and longer["edge-popup-trained"] > STEPS


def test_no_training_is_longer_than_it_may_be(compared: dict[str, Contender]) -> None:
    longer = longer_steps(compared.values(), 0.05, RECIPE, longest=4)
    assert max(longer.values()) == longer["random"] == 4 * STEPS


def test_schedules_and_evaluations_are_stretched() -> None:
    task = Task.model_validate(TASK | {"train": TASK["train"] | {"schedule": {"name": "cosine", "warmup_steps": 2}}})
    drops = stretched(Task.model_validate(TASK), 25).train
    assert (drops.steps, drops.schedule.drop_steps, drops.evaluate_every) == (25, [15], 12)
    assert stretched(task, 30).train.schedule.warmup_steps == 6
    assert stretched(task, 30).model_dump(exclude={"train"}) == task.model_dump(exclude={"train"})
