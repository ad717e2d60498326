"""The compared methods: at which densities they have masks, how they come to them, and which a task cannot have."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from lth_core.config import Method
from lth_core.pruning.moments import scored_step
from lth_core.studies.catalogue import CATALOGUE
from lth_core.studies.comparison.budgets import dense_steps
from lth_core.studies.contenders import AFTER, BEFORE, CONTROL, LEARNED, WHILE, Contender, ladder
from tests.support.comparison_results import DENSITIES, LADDER, METHOD, RIGL, STEPS, TASK, config, study


def contenders(task: dict[str, Any] = TASK, methods: dict[str, Any] | None = None, **options) -> dict[str, Contender]:
    compared = study(**options).contenders(config(task=task, options=options, methods=methods or {}), "task")
    return {one.name: one for one in compared}


def changed(**train: Any) -> dict[str, Any]:
    return TASK | {"train": TASK["train"] | train}


# ---------------------------------------------------------------- ladders


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
def test_iterative_methods_pass_the_wanted_densities_in_rounds_of_at_most_their_rate(rate: float) -> None:
    wanted = [0.5, 0.2, 0.05]
    levels = ladder(wanted, rate)
    assert [density for density in levels if density in wanted] == wanted
    assert all(after >= before * (1 - rate) - 2e-6 for before, after in pairwise([1.0, *levels]) if rate <= 0.5)
    assert levels == sorted(set(levels), reverse=True)


def test_no_more_rounds_than_needed_lie_between_wanted_densities() -> None:
    assert ladder(DENSITIES, 0.5) == LADDER
    assert ladder([0.8, 0.64], 0.2) == [0.8, 0.64]
    assert ladder([0.2], 0.9) == [0.2]


def test_all_methods_have_masks_of_the_same_densities() -> None:
    for contender in contenders().values():
        assert [contender.settings.density(contender.level(density)) for density in DENSITIES] == DENSITIES


# ---------------------------------------------------------------- the catalogue


def test_all_built_in_methods_are_compared_by_default() -> None:
    assert set(contenders()) == set(CATALOGUE)


def test_methods_are_grouped_by_when_their_masks_are_made() -> None:
    groups: dict[str, set[str]] = {}
    for name, contender in contenders().items():
        groups.setdefault(contender.group, set()).add(name)
    assert groups == {
        AFTER: {"imp-reset", "imp-rewind", "imp-lr-rewind", "fine-tune", "one-shot"},
        BEFORE: {"snip", "grasp", "synflow", "magnitude-at-init"},
        WHILE: {"gradual", "set", "rigl"},
        LEARNED: {"edge-popup", "edge-popup-trained", "soft-mask"},
        CONTROL: {"random", "random-erk", "reinit"},
    }


def test_methods_share_scope_allocation_exclusions_and_the_rewind_step_of_the_tasks_method() -> None:
    base = METHOD | {"scope": "global", "exclude": ["output"], "rate_by_kind": {}}
    compared = contenders(methods={"imp": base})
    assert {one.settings.exclude[0] for name, one in compared.items() if name not in ("rigl", "set")} == {"output"}
    assert compared["imp-reset"].settings.scope == compared["magnitude-at-init"].settings.scope == "global"
    assert compared["imp-rewind"].settings.rewind.step == compared["one-shot"].settings.rewind.step == 2
    assert compared["imp-reset"].settings.rewind.step == 0


def test_rates_by_kind_of_the_tasks_method_do_not_matter() -> None:
    assert contenders(methods={"imp": METHOD | {"rate_by_kind": {"output": 0.1}}}) == contenders()


def test_masks_at_initialization_wait_for_no_training_and_those_after_it_do() -> None:
    steps = {name: scored_step(one.settings) for name, one in contenders().items()}
    early = {"snip", "grasp", "synflow", "magnitude-at-init", "random", "random-erk", "set", "rigl"}
    learned = {"edge-popup", "edge-popup-trained", "soft-mask"}
    assert {name for name, step in steps.items() if step == 0} == early | learned


def test_static_masks_and_those_that_change_begin_alike() -> None:
    compared = contenders()
    neutral = {"during": None}
    static = compared["random-erk"].settings
    assert {compared[name].settings.model_copy(update=neutral) == static for name in ("set", "rigl")} == {True}


def test_reinitialized_tickets_are_those_of_iterative_pruning() -> None:
    compared = contenders()
    assert compared["reinit"].method == compared["imp-reset"].method
    assert compared["reinit"].run("task", "0-2", 0.05).branch == "reinit"


def test_edge_popup_searches_for_each_density_and_soft_masks_go_on_from_each_other() -> None:
    compared = contenders()
    popup, soft = compared["edge-popup"].settings, compared["soft-mask"].settings
    assert (popup.iterative, popup.densities, popup.allocation) == (False, DENSITIES, "uniform")
    assert (soft.iterative, soft.densities, soft.scope) == (True, LADDER, "global")


def test_only_the_subnetwork_of_edge_popup_stays_untrained_and_its_mask_is_the_one_that_is_trained() -> None:
    compared = contenders()
    assert [name for name, one in compared.items() if not one.trains_weights] == ["edge-popup"]
    assert compared["edge-popup-trained"].method == compared["edge-popup"].method
    assert compared["edge-popup-trained"].run("task", "0-2", 0.05).branch == "reset"
    assert [compared[name].training_steps(STEPS) for name in ("edge-popup", "edge-popup-trained")] == [0, STEPS]


# ---------------------------------------------------------------- methods of the config


def test_a_method_of_the_config_is_compared_at_the_same_densities() -> None:
    own_way = {"criterion": "movement", "rate": 0.3, "levels": 7, "rewind": {"policy": "lr-rewind"}}
    compared = contenders(methods={"mine": own_way}, compare=["imp-reset", "mine"])["mine"]
    assert compared.method == "mine-compared" and compared.label == "mine" and compared.group == AFTER
    assert compared.settings == Method.model_validate(
        own_way | {"rate": 0.2, "densities": ladder(DENSITIES, 0.3), "levels": len(ladder(DENSITIES, 0.3))}
    )


def test_a_method_of_the_config_takes_the_position_of_a_built_in_one_of_its_name() -> None:
    during = {"name": "rigl", "every": 2}
    mine = {"criterion": "random", "prune_at": 0, "levels": 1, "during": during}
    compared = contenders(methods={"rigl": mine})["rigl"]
    assert compared.settings.during and compared.settings.during.options == {"every": 2}
    assert compared.settings.densities == DENSITIES and compared.label == "RigL"


def test_treated_tickets_are_those_of_a_method_of_the_config_that_takes_a_built_in_position() -> None:
    mine = {"levels": 1, "search": {"parametrization": "edge-popup", "weights": "constant", "retrain": False}}
    compared = contenders(methods={"edge-popup": mine})
    assert compared["edge-popup-trained"].method == compared["edge-popup"].method == "edge-popup-compared"
    assert compared["edge-popup-trained"].settings.search == Method.model_validate(mine).search
    assert compared["edge-popup-trained"].label == "edge-popup's mask, trained"


@pytest.mark.parametrize(
    ("name", "methods", "line"),
    [
        ("snap", {}, r"compare: unknown method 'snap'; did you mean 'snip'\? \(known: "),
        (
            "filters",
            {"filters": {"granularity": "filter", "fractions": {"*": 0.2}, "levels": 2}},
            r"compare: 'filters' cannot be compared at densities: granularity 'filter' prunes by fractions",
        ),
        (
            "wide",
            {"wide": {"granularity": "channel", "levels": 2}},
            r"compare: 'wide' cannot be compared at densities: those of channels are not those of weights",
        ),
        (
            "slow",
            {"slow": {"rate": 0.01, "levels": 2}},
            r"compare: 'slow' needs 299 levels at rate 0\.01, at most 200: raise its rate",
        ),
    ],
)
def test_methods_that_cannot_be_compared_are_one_clear_line(name: str, methods: dict, line: str) -> None:
    settings = config(methods=methods)
    with pytest.raises(ValueError, match=f"^{line}"):
        study(compare=["imp-reset", name]).runs(settings)


# ---------------------------------------------------------------- what is left out


def left_out(task: dict[str, Any], methods: dict[str, Any] | None = None) -> dict[str, str]:
    return study().left_out(config(task=task, methods=methods or {}), "task")


def test_nothing_is_left_out_where_all_methods_differ() -> None:
    assert left_out(TASK) == {}


def test_fine_tuning_at_a_constant_rate_is_learning_rate_rewinding() -> None:
    constant = changed(schedule={"name": "constant"})
    assert left_out(constant) == {"fine-tune": "the same as IMP, learning rate rewound here"}
    assert "fine-tune" not in contenders(constant)
    assert left_out(changed(schedule={"name": "constant", "warmup_steps": 2})) == {}


def test_rewinding_to_step_0_is_resetting() -> None:
    assert left_out(TASK, {"imp": METHOD | {"rewind": {}}}) == {"imp-rewind": "the same as IMP, reset here"}


def test_synflow_needs_numbers_as_inputs() -> None:
    text = TASK | {"dataset": "english", "model": "lstm", "objective": "language"}
    assert left_out(text) == {"synflow": "'synflow' needs inputs that are numbers, not tokens"}


def test_a_rewind_step_beyond_the_training_is_left_to_the_line_that_says_so() -> None:
    """It left no step for sparsifiers: looking for their updates failed on methods that have none."""
    late = METHOD | {"rewind": {"policy": "rewind", "step": STEPS + 1}}
    assert set(left_out(TASK, {"imp": late})) <= {"gradual", "set", "rigl"}


def test_methods_whose_masks_never_change_in_a_training_are_left_out() -> None:
    rare = RIGL | {"during": {"name": "rigl", "every": 8}}
    assert left_out(TASK, {"rigl": rare}) == {"rigl": "no update every 8 steps falls before step 7.5 of 10"}


@pytest.mark.parametrize("name", ["sampled-mask", "bernoulli-gates"])
def test_learned_masks_that_decide_their_density_are_left_out(name: str) -> None:
    learned = {"levels": 1, "search": {"parametrization": name}}
    assert left_out(TASK, {"rigl": learned}) == {"rigl": f"'{name}' decides itself how many weights are kept"}


def test_random_masks_wait_for_no_training_whatever_the_config_says_of_them() -> None:
    plain = {"criterion": "random", "levels": 1}
    assert dense_steps(contenders(methods={"random": plain})["random"].settings, STEPS) == 0
    going_on = plain | {"rewind": {"policy": "lr-rewind"}}
    assert dense_steps(contenders(methods={"random": going_on})["random"].settings, STEPS) == STEPS
