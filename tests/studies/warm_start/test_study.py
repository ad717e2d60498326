"""The study of warm starts: what it derives, which networks it compares, and what its tables say of known results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.config import Branch, Choice, Config, Recipe, StartingWeights
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.warm_start import WarmStart
from lth_core.studies.warm_start.study import MASKS, STARTS, part_of
from tests.support.warm_start_results import DENSITIES, GAPS, GROWTH, KNOWN_TASK, REACHED, config, study, write_files

Known = tuple[WarmStart, Config, dict[str, pd.DataFrame]]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return write_files(tmp_path_factory.mktemp("results"))


def where(table: pd.DataFrame, **values: Any) -> pd.DataFrame:
    for column, value in values.items():
        table = table[table[column] == value]
    return table


# ---------------------------------------------------------------- what is derived


def test_the_known_examples_are_a_random_part_of_the_task_with_its_other_transforms() -> None:
    settings = Config.model_validate(
        config().model_dump(exclude={"datasets"})
        | {"datasets": {"digits": {"source": "digits", "transforms": [{"name": "random-labels", "fraction": 0.2}]}}}
    )
    derived = study(fraction=0.25).datasets(settings)["digits-known"]
    assert [transform.name for transform in derived.transforms] == ["random-labels", "random-part"]
    assert derived.transforms[-1].options == {"fraction": 0.25}


def test_the_task_on_known_examples_differs_in_data_and_length_alone() -> None:
    task, whole = config().tasks[KNOWN_TASK], config().tasks["toy"]
    assert (task.dataset, task.train.steps) == ("digits-known", 40)
    recipe = task.train.model_copy(update={"steps": 80})
    assert task.model_copy(update={"dataset": "digits", "train": recipe}) == whole


RECIPE: dict[str, Any] = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 8}


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.01, 0.99))
def test_known_examples_are_seen_in_as_many_epochs_rounded_up_to_an_evaluation(
    every: int, intervals: int, fraction: float
) -> None:
    whole = Recipe.model_validate(RECIPE | {"steps": every * intervals, "evaluate_every": every})
    steps = part_of(whole, fraction).steps
    assert steps % every == 0 and 0 < steps <= whole.steps
    assert fraction * whole.steps - 1e-6 * whole.steps <= steps < fraction * whole.steps + every


def test_drops_and_warmup_come_at_the_same_epochs() -> None:
    schedule = {"name": "step", "drop_steps": [50, 75], "warmup_steps": 10}
    whole = Recipe.model_validate(RECIPE | {"steps": 100, "evaluate_every": 10, "schedule": schedule})
    part = part_of(whole, 0.4)
    assert (part.steps, part.schedule.drop_steps, part.schedule.warmup_steps) == (40, [20, 30], 4)


def test_random_masks_come_of_the_same_rates() -> None:
    settings = config()
    derived = study().methods(settings)["imp-random"]
    assert derived.criterion == Choice(name="random")
    assert derived.model_copy(update={"criterion": settings.methods["imp"].criterion}) == settings.methods["imp"]


def test_starts_take_mask_and_weights_from_where_the_design_says() -> None:
    branches = study(shrink=0.5, noise=0.1).branches(config())

    def weights(step: int, branch: str | None = None) -> StartingWeights:
        return StartingWeights(task=KNOWN_TASK, step=step, branch=branch)

    ticket, forgetting = Choice(name="ticket"), Choice.of("shrink-perturb", shrink=0.5, noise=0.1)
    ends = {
        DENSE: (None, None),
        "known": (KNOWN_TASK, f"subnetwork-of-{KNOWN_TASK}"),
        "whole": (None, "subnetwork-of-toy"),
        "random": (None, "subnetwork-of-toy"),
    }
    for mask, (source, subnetwork) in ends.items():
        expected: dict[str, tuple[Choice, StartingWeights | None]]
        expected = {"rewound": (ticket, weights(10)), "warm": (ticket, weights(40, subnetwork))}
        expected["shrink-perturb"] = (forgetting, weights(40, subnetwork))
        expected["fresh"] = (Choice(name="reinit"), None)
        for start, (treatment, of) in expected.items():
            assert branches[f"{start}-toy-{mask}"] == Branch(treatment=treatment, source=source, weights=of)
    for task in ("toy", KNOWN_TASK):
        assert branches[f"subnetwork-of-{task}"] == Branch(treatment=Choice(name="reset"), source=task)


# ---------------------------------------------------------------- trainings


def test_every_mask_is_trained_from_every_start_at_every_level() -> None:
    networks = study().networks(config(), "toy")
    grid = Counter((one.mask, one.start, one.run.level) for one in networks)
    levels = {DENSE: [0]} | {mask: [1, 2] for mask in MASKS}
    assert grid == {(mask, start, n): 2 for mask in levels for start in STARTS for n in levels[mask]}  # two cohorts
    assert len({one.run for one in networks}) == len(networks)


def runs(start: str, method: dict[str, Any] | None = None) -> Mapping[str, Run]:
    networks = study().networks(config(method=method), "toy")
    return {one.mask: one.run for one in networks if one.start == start and one.run.level < 2}


def test_cold_starts_are_the_dense_run_the_tickets_themselves_and_the_known_mask_on_theta_0() -> None:
    assert {mask: (run.method, run.branch) for mask, run in runs("init").items()} == {
        DENSE: (DENSE, None),
        "known": ("imp", f"subnetwork-of-{KNOWN_TASK}"),
        "whole": ("imp", None),
        "random": ("imp-random", None),
    }


def test_methods_that_rewind_are_reset_for_cold_starts() -> None:
    rewinding = runs("init", {"rewind": {"policy": "rewind", "step": 5}})
    assert {mask: run.branch for mask, run in rewinding.items()} == {
        DENSE: None,
        "known": f"subnetwork-of-{KNOWN_TASK}",
        "whole": "reset",
        "random": "reset",
    }


def test_warm_starts_continue_the_training_of_the_same_subnetwork_on_the_known_examples() -> None:
    settings, the_study = config(), study()
    branches = the_study.branches(settings)
    first = {(one.mask, one.run.cohort, one.run.level): one.run for one in the_study.first_trainings(settings, "toy")}
    for network in the_study.networks(settings, "toy"):
        if network.start in ("warm", "shrink-perturb"):
            before, weights = first[network.mask, network.run.cohort, network.run.level], None
            assert network.run.branch
            weights = branches[network.run.branch].weights
            assert weights and (before.task, before.branch) == (weights.task, weights.branch)
            assert before.method == network.run.method and weights.step == settings.tasks[before.task].train.steps


@pytest.mark.parametrize(
    ("options", "method", "says"),
    [
        ({"rewind_step": 40}, {}, "rewind_step: 40 must be less than 40, the steps on the examples that task 'toy'"),
        ({"levels": [1, 3]}, {}, "levels: 3 must be at most 2"),
        (
            {},
            {"granularity": "filter", "fractions": {"fc1.weight": 0.5}, "rate": 0.2},
            "method 'imp' has granularity 'filter'",
        ),
        ({}, {"during": "gradual", "densities": [0.5, 0.2], "rate": 0.2}, "method 'imp' changes masks in training"),
        (
            {"levels": [1]},
            {"search": {"parametrization": "edge-popup"}},
            "^tasks.toy: method 'imp' learns its masks by a search: choose one that scores single weights$",
        ),
    ],
)
def test_impossible_designs_are_one_line(options: dict[str, Any], method: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        study(**options).runs(config(method=method, **options))


# ---------------------------------------------------------------- tables


def test_trainings_are_measured_where_they_converge_at_equal_totals_and_at_their_ends(known: Known) -> None:
    rows = known[2]["measurements"]
    spent = {"init": 0, "fresh": 0, "rewound": 10, "warm": 40, "shrink-perturb": 40}
    for start in STARTS:
        steps = where(rows, start=start).groupby("stop")["step"].unique().map(list)
        total = 80 - spent[start] if spent[start] != 10 else 60  # between two evaluations: the first of them
        assert steps.to_dict() == {"converged": [REACHED[start]], "total": [total], "end": [80]}
    assert not rows.duplicated(["mask", "start", "level", "seed", "draw", "stop"]).any()
    assert {level: set(part["density"]) for level, part in rows.groupby("level")} == {
        level: {density} for level, density in DENSITIES.items()
    }


def test_gaps_are_paired_within_seeds_and_masks(known: Known) -> None:
    gaps = known[2]["gaps"]
    for mask, level in ((DENSE, 0), ("known", 2), ("random", 1)):
        for start in STARTS[1:]:
            grown = GROWTH * level if start == "warm" else 0
            rows = where(gaps, mask=mask, level=level, start=start, stop="end").set_index("seed")["gap"]
            expected = (GAPS[start] + grown) * (1 + 0.01 * (rows.index - 1.5))
            assert rows.to_numpy() == pytest.approx(expected.to_numpy())
    at_99 = where(gaps, mask=DENSE, start="warm", stop="converged")["gap"]
    assert at_99.mean() == pytest.approx(2.0 + (60 - 20) / 20)  # theta_0 is two evaluations, of one point each, later


def test_the_gaps_trend_is_its_growth_per_halving_of_density(known: Known) -> None:
    trends = where(known[2]["trends"], stop="end")
    for quantity, expected in (("slope", GROWTH), ("difference", 2 * GROWTH)):
        rows = where(trends, quantity=quantity)
        assert list(rows["mask"]) == list(MASKS) and rows["estimate"].to_list() == pytest.approx(3 * [expected])
        assert ((rows["low"] < expected) & (expected < rows["high"]) & (rows["n"] == 4)).all()


def test_what_never_converges_is_not_measured_there_but_elsewhere(tmp_path: Path) -> None:
    _, _, tables = write_files(tmp_path, late=lambda network, seed: network.start == "warm" and seed == 1)
    lacking = tables["gaps"][tables["gaps"]["gap"].isna()]
    assert set(lacking["stop"]) == {"converged"} and set(lacking["start"]) == {"warm"} and set(lacking["seed"]) == {1}
    trends = tables["trends"].set_index(["mask", "stop", "quantity"])["estimate"]
    assert np.isnan(trends["known", "converged", "slope"]) and not np.isnan(trends["known", "end", "slope"])


def test_a_training_that_diverged_is_measured_nowhere(tmp_path: Path) -> None:
    _, _, tables = write_files(tmp_path, lost=lambda network, seed: network.mask == "whole" and seed == 2)
    rows = where(tables["measurements"], mask="whole")
    assert rows.loc[rows["seed"] == 2, "metric"].isna().all() and rows.loc[rows["seed"] != 2, "metric"].notna().all()


def test_barriers_stand_beside_the_gaps_of_the_same_networks(known: Known) -> None:
    barriers = known[2]["barriers"]
    row = where(barriers, mask="random", level=2, seed=3).iloc[0]
    assert row["barrier_test"] == pytest.approx(0.05 + 3e-4)
    assert row["gap"] == pytest.approx((2 + 2 * GROWTH) * 1.015)
    assert len(barriers) == 4 * (1 + 3 * 2)


def test_first_trainings_are_those_on_the_known_examples(known: Known) -> None:
    rows = known[2]["known"]
    assert set(rows["step"]) == {40} and set(rows["train_metric"]) == {0.99}
    assert Counter(zip(rows["mask"], rows["level"], strict=True)) == {
        (mask, level): 4 for mask in (DENSE, *MASKS) for level in ([0] if mask == DENSE else [1, 2])
    }


def test_figures_are_those_that_are_named_and_can_be_drawn(known: Known) -> None:
    the_study, settings, tables = known
    drawings = the_study.figures(settings, tables)
    assert [drawing.name for drawing in drawings] == the_study.figure_names(settings)
    for drawing in drawings:
        assert drawing.draw().axes and drawing.caption.endswith(".")
    titles = [panel.get_title() for panel in drawings[0].draw().axes]
    assert all("+1.00 [" in title for title in titles) and len(titles) == 9  # 3 stops x 3 masks


def test_figures_mark_what_is_not_measured(tmp_path: Path) -> None:
    the_study, settings, tables = write_files(
        tmp_path,
        lost=lambda network, seed: network.start == "rewound" and seed == 2,
        late=lambda network, seed: network.start == "warm",
    )
    for drawing in the_study.figures(settings, tables)[:3:2]:
        figure = drawing.draw()
        labels = {label for panel in figure.axes for label in panel.get_legend_handles_labels()[1]}
        assert "some seeds diverge, or stay below 99% training accuracy" in labels


def test_where_no_gap_is_measured_crosses_lie_at_the_bottom_and_not_at_a_gap_of_0(tmp_path: Path) -> None:
    the_study, settings, tables = write_files(tmp_path, late=lambda network, seed: network.start == "warm")
    panel = the_study.figures(settings, tables)[0].draw().axes[0]  # at 99% training accuracy
    crosses = [line for line in panel.get_lines() if line.get_marker() == "x"]
    of_data = [line for line in crosses if line.get_transform() == panel.transData]
    assert crosses and not any(np.isfinite(np.asarray(line.get_ydata(), float)).any() for line in of_data)
    assert {tuple(line.get_ydata()) for line in crosses if line not in of_data} == {(0.04,) * 3}


def test_numbers_above_panels_have_names_and_shades_of_points_are_in_the_legend(tmp_path: Path) -> None:
    study, settings, tables = write_files(tmp_path)
    drawn = {drawing.name: drawing.draw() for drawing in study.figures(settings, tables)}
    titles = [panel.get_title().split("\n")[-1] for panel in drawn["gaps-toy"].axes]
    assert titles and all(title.startswith("slope ") for title in titles)
    labels = [text.get_text() for text in drawn["barriers-toy"].legends[0].get_texts()]
    assert {"100% of weights", "50% of weights", "25% of weights"} <= {*labels}
