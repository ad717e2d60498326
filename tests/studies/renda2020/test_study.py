"""The retraining study: which trainings it asks for, and what it refuses."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from lth_core.config import Method, Rewind
from lth_core.storage.runs import Run
from lth_core.studies.renda2020.study import POLICIES
from tests.support.renda2020_results import BUDGETS, LEVELS, config, study

# ---------------------------------------------------------------- what is trained


def test_every_technique_gets_every_budget_and_the_full_one() -> None:
    retrainings = study(iterative_budgets=[60]).retrainings(config(), "digits")
    assert {retraining.technique for retraining in retrainings} == set(POLICIES)
    for technique in POLICIES:
        for pruning, budgets in (("one-shot", [20, 60, 100]), ("iterative", [60, 100])):
            same = [one for one in retrainings if (one.technique, one.pruning) == (technique, pruning)]
            assert [retraining.budget for retraining in same] == budgets
    assert len({retraining.method for retraining in retrainings}) == len(retrainings) == 4 * 3 + 4 * 2


@pytest.mark.parametrize(
    ("technique", "budget", "rewind"),
    [
        ("fine-tuning", 20, Rewind(policy="fine-tune", step=80)),  # the last rate, for 20 steps
        ("weight-rewinding", 60, Rewind(policy="rewind", step=40)),  # weights and schedule of step T - t
        ("weight-rewinding", 100, Rewind(policy="reset")),
        ("rate-rewinding", 60, Rewind(policy="lr-rewind", step=40)),  # trained weights, schedule of step T - t
        ("rate-rewinding", 100, Rewind(policy="lr-rewind", step=0)),
        ("low-rate-rewinding", 60, Rewind(policy="rewind-low-rate", step=40)),
    ],
)
def test_a_technique_is_a_policy_at_the_step_that_leaves_its_budget(
    technique: str, budget: int, rewind: Rewind
) -> None:
    methods = study().methods(config()) | config().methods
    for retraining in study(iterative_budgets=BUDGETS).retrainings(config(), "digits"):
        if (retraining.technique, retraining.budget) == (technique, budget) and retraining.method in methods:
            iterative = retraining.pruning == "iterative"
            expected = Method(scope="global", levels=4, rewind=rewind, iterative=iterative)
            assert methods[retraining.method] == expected


def test_budgets_that_replay_no_drop_are_trained_once_for_both_techniques_and_said_so() -> None:
    """The rate drops for the last time at step 85 of 100: a budget of 15 steps has one rate, that of fine-tuning."""
    short = study(budgets=[15, 16], iterative_budgets=[15])
    retrainings = short.retrainings(config(), "digits")
    of = {(one.technique, one.pruning, one.budget): one.method for one in retrainings}
    for pruning in ("one-shot", "iterative"):
        assert of["rate-rewinding", pruning, 15] == of["fine-tuning", pruning, 15]
        assert of["weight-rewinding", pruning, 15] == of["low-rate-rewinding", pruning, 15]
    assert len({method for (_, _, budget), method in of.items() if budget == 16}) == 4
    runs = short.runs(config())
    assert len(runs) == len(set(runs))
    assert short.constant_budget(config(), "digits") == 15


def test_the_configured_method_and_other_studies_names_are_shared() -> None:
    names = {one.method for one in study(iterative_budgets=[60]).retrainings(config(), "digits")}
    assert {"imp", "imp-one-shot", "imp-rewind-40", "imp-lr-rewind-0", "imp-one-shot-fine-tune-80"} <= names
    assert "imp" not in study().methods(config())


def test_the_grid_holds_one_shot_tickets_at_the_levels_whole_iterative_chains_and_reinit() -> None:
    runs = study(iterative_budgets=[60]).runs(config())
    assert len(runs) == len(set(runs))
    dense, one_shot, iterative, reinit = 1, 4 * 3 * len(LEVELS), 4 * 2 * 3, len(LEVELS)
    assert len(runs) == 2 * (dense + one_shot + iterative + reinit)  # two cohorts
    assert {(run.method, run.level) for run in runs if run.branch} == {("imp-one-shot", n) for n in LEVELS}


def test_runs_of_the_reinit_control_lie_beside_the_one_shot_tickets() -> None:
    reinit = Run("digits", "0-1", "imp-one-shot", 3, "reinit")
    assert reinit in study().runs(config())


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ({"name": "constant"}, "its learning rate never falls, so that learning-rate rewinding would be the same as"),
        ({"name": "cosine"}, "its learning rate falls to 0, so that fine-tuning at the last rate would change nothing"),
    ],
)
def test_a_schedule_without_drops_is_explained_in_one_line(schedule: dict, why: str) -> None:
    with pytest.raises(ValueError, match=rf"^tasks.digits: {why}.*: set the task's train.schedule to {{name: step"):
        study().methods(config(schedule=schedule))


@pytest.mark.parametrize(
    ("options", "method", "line"),
    [
        ({"budgets": [20, 100]}, {}, r"^budgets: 100 must be less than 100, the steps of task 'digits'"),
        ({"iterative_budgets": [200]}, {}, r"^iterative_budgets: 200 must be less than 100, the steps"),
        ({"levels": [1, 5]}, {}, r"^levels: 5 must be at most 4, the number of levels of method 'imp'$"),
        ({}, {"iterative": False}, r"^tasks.digits: method 'imp' must be iterative"),
        ({}, {"treatment": "reinit"}, r"^tasks.digits: method 'imp' must have no treatment"),
    ],
)
def test_what_cannot_be_trained_is_one_clear_line(options: dict, method: dict, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        study(**options).methods(config(**method))


@pytest.mark.parametrize("options", [{"budgets": []}, {"budgets": [60, 20]}, {"levels": [2, 2]}, {"levels": [0]}])
def test_options_that_leave_nothing_to_compare_are_refused(options: dict) -> None:
    with pytest.raises(ValidationError):
        study(**options)
