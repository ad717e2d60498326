"""The study of Frankle & Carbin 2019: which trainings and analyses it asks for."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from lth_core.storage.runs import Run
from tests.support.frankle2019_results import ADAM, make_config, make_study, sgd, task


def test_the_trainings_of_a_small_config():
    config = make_config(levels=3)
    runs = make_study(config).runs(config)
    assert len(runs) == len(set(runs))
    assert Counter((run.method, run.branch) for run in runs) == {
        ("dense", None): 1,
        ("imp", None): 3,
        ("imp", "reinit"): 3,
        ("imp", "random-mask"): 3,
        ("imp-one-shot", None): 3,
        ("imp-one-shot", "reinit"): 3,
        ("imp-continued", "reset"): 3,
    }


def test_levels_of_controls_and_strategies_can_be_chosen():
    config = make_config(levels=4)
    study = make_study(config, control_levels=[2, 4], strategy_levels=[3], one_shot=False)
    runs = study.runs(config)
    assert sorted(run.level for run in runs if run.branch == "random-mask") == [2, 4]
    assert sorted(run.level for run in runs if run.method == "imp" and not run.branch) == [1, 2, 3, 4]
    assert [run for run in runs if run.method not in ("imp", "dense")] == [
        Run("digits", "0-2", "imp-continued", 3, "reset")
    ]


def test_the_derived_methods_differ_in_one_thing():
    config = make_config()
    derived = make_study(config).methods(config)
    assert set(derived) == {"imp-one-shot", "imp-continued"}
    imp = config.methods["imp"]
    assert derived["imp-one-shot"] == imp.model_copy(update={"iterative": False})
    assert derived["imp-continued"].rewind.policy == "lr-rewind"
    assert derived["imp-continued"].model_dump(exclude={"rewind"}) == imp.model_dump(exclude={"rewind"})


def test_strategies_that_the_method_cannot_be_compared_with_are_left_out():
    config = make_config(levels=2)
    once = config.model_copy(update={"methods": {"imp": config.methods["imp"].model_copy(update={"iterative": False})}})
    study = make_study(once)
    assert study.methods(once) == {}
    assert {run.method for run in study.runs(once)} == {"dense", "imp"}


def test_every_cohort_is_trained_apart():
    config = make_config(levels=2, digits=task(cohorts=("0-2", "3-4")))
    runs = make_study(config).runs(config)
    assert Counter(run.cohort for run in runs) == {"0-2": 13, "3-4": 13}


@pytest.mark.parametrize("option", ["control_levels", "strategy_levels", "histogram_levels"])
def test_a_level_that_no_method_reaches_is_an_error_in_one_line(option: str):
    config = make_config(levels=3)
    message = rf"^{option}: 9 must be at most 3, the last level of the study's methods$"
    with pytest.raises(ValueError, match=message):
        make_study(config, **{option: [3, 9]}).runs(config)
    assert make_study(config, **{option: [1, 3]}).runs(config)


def test_histograms_are_asked_for_at_levels_that_exist():
    config = make_config(levels=4)
    assert make_study(config, histogram_levels=[2, 9]).analyses(config) == [
        "results/digits/0-2/imp/level_2/weight_histograms.csv"
    ]


def test_a_rate_that_drops_counts_whatever_the_optimizer():
    drops = {"schedule": {"name": "step", "drop_steps": [30]}}
    config = make_config(adam=task(), adam_drops=task(recipe=ADAM | drops), sgd_drops=task("resnet-20", sgd(0.1)))
    study = make_study(config)
    kinds = {
        tasks[0]: [kind for kind, shown in study.drawn(config) if shown[0] == tasks[0]]
        for _, tasks in study.drawn(config)
    }
    assert "fig05-early-stop" in kinds["adam"] and "fig07-thirds" not in kinds["adam"]
    for name in ("adam_drops", "sgd_drops"):
        assert "fig05-early-stop" not in kinds[name] and "fig07-thirds" in kinds[name]


def test_importing_the_studies_is_light():
    code = "import sys, lth_core.studies; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "matplotlib", "scipy", "torch", "seaborn"} & set(loaded)
