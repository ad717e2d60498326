"""Figures of the comparison: what is drawn, and what captions say of it."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.catalogue import CATALOGUE
from lth_core.studies.comparison import Comparison
from tests.support.comparison_results import known

Known = tuple[Comparison, Config, dict[str, pd.DataFrame]]
LABELS = {recipe.label for recipe in CATALOGUE.values()}


def drawn(made: Known) -> dict[str, Drawing]:
    study, config, tables = made
    drawings = study.figures(config, tables)
    assert [drawing.name for drawing in drawings] == study.figure_names(config)
    return {drawing.name: drawing for drawing in drawings}


@pytest.fixture(scope="module")
def figures(everything: Known) -> dict[str, Drawing]:
    return drawn(everything)


def explained(panel: Axes) -> list[str]:
    legend = panel.get_legend()
    return [text.get_text() for text in legend.get_texts()] if legend else []


def test_every_task_has_five_figures_or_four_without_longer_trainings(figures, tmp_path) -> None:
    kinds = ["densities", "flops", "ranks", "search", "equal-cost"]
    assert list(figures) == [f"{kind}-task" for kind in kinds]
    assert list(drawn(known(tmp_path, longest=1.0))) == [f"{kind}-task" for kind in kinds[:-1]]


@pytest.mark.parametrize("kind", ["densities", "flops"])
def test_every_method_is_named_in_the_panel_of_its_group_and_grey_in_the_others(figures, kind: str) -> None:
    figure = figures[f"{kind}-task"].draw()
    named = [label for panel in figure.axes for label in explained(panel) if label in LABELS]
    assert sorted(named) == sorted(LABELS) and len(figure.axes) == 5
    assert max(len(explained(panel)) for panel in figure.axes) <= 7
    for panel in figure.axes:
        grey = next(lines for lines in panel.collections if isinstance(lines, LineCollection))
        assert to_hex(grey.get_edgecolor()[0]) == "#c8c8c8" and len(grey.get_segments()) >= len(LABELS) - 5


@pytest.mark.parametrize("kind", ["ranks", "search", "equal-cost"])
def test_methods_are_rows_that_are_named_once(figures, kind: str) -> None:
    first, *others = figures[f"{kind}-task"].draw().axes
    assert {text.get_text() for text in first.get_yticklabels()} == LABELS
    assert all(text.get_text() == "" for panel in others for text in panel.get_yticklabels())
    assert all(panel.get_ylim() == first.get_ylim() for panel in others)


def test_the_best_method_on_average_is_at_the_top(figures) -> None:
    first = figures["ranks-task"].draw().axes[0]
    names = [text.get_text() for text in first.get_yticklabels()]
    assert names[0] == "IMP, learning rate rewound" and names[-1] == "edge-popup, untrained"


def test_costs_stand_beside_their_bars(figures) -> None:
    highest, lowest = figures["search-task"].draw().axes
    assert [panel.texts[0].get_text().strip() for panel in (highest, lowest)] == ["1 + 0.53", "2.2 + 0.12"]
    assert len(lowest.texts) == len(highest.texts) == len(LABELS)


def test_what_rounding_leaves_of_no_cost_is_not_shown(everything: Known) -> None:
    study, config, tables = everything
    costs = tables["costs"].assign(search=tables["costs"]["search"] - 6e-12)
    _, lowest = drawn((study, config, tables | {"costs": costs}))["search-task"].draw().axes
    assert [text.get_text().strip() for text in lowest.texts].count("0 + 0.12") == 4


def test_captions_say_how_costs_are_counted_and_ranks_made_certain(figures) -> None:
    assert "three forward passes with the weights that are kept" in figures["search-task"].caption
    assert "paired t intervals of all 153 pairs" in figures["ranks-task"].caption
    assert "up to 10 times the recipe's steps" in figures["equal-cost-task"].caption
    assert "weights stay as they are: edge-popup, untrained." in figures["equal-cost-task"].caption
    assert "Where masks are learned, finding is their search" in figures["search-task"].caption
    assert "Left out" not in figures["densities-task"].caption


def test_captions_say_nothing_of_learned_masks_where_none_are_compared(tmp_path) -> None:
    few = drawn(known(tmp_path, compare=["imp-reset", "random"]))
    assert not any("learned" in one.caption or "untrained" in one.caption for one in few.values())


def test_captions_name_what_is_left_out_and_why(everything: Known) -> None:
    study, config, tables = everything
    text = config.tasks["task"].model_copy(update={"dataset": "english"})
    changed = config.model_copy(update={"tasks": config.tasks | {"task": text}})
    caption = drawn((study, changed, tables))["densities-task"].caption
    assert "Left out: SynFlow ('synflow' needs inputs that are numbers, not tokens)." in caption


def test_captions_name_the_methods_that_cost_less_all_the_same(tmp_path) -> None:
    capped = drawn(known(tmp_path, longest=2.0))["equal-cost-task"].caption
    assert "That is less than the others cost for these: SNIP; GraSP; SynFlow; magnitude at init" in capped


def test_captions_say_with_which_weights_methods_cost_less(tmp_path) -> None:
    """One-shot pruning, whose ticket is rewound and trains for fewer steps, as well."""
    options = {"densities": [0.2, 0.02], "equal_cost_densities": [0.2, 0.02]}
    caption = drawn(known(tmp_path, **options))["equal-cost-task"].caption
    at = "with {}% of the weights for (.*)"
    said = re.search(f"That is less than the others cost {at.format(20)}; {at.format(2)}\\. ", caption)
    assert said and "one-shot" not in said[1] and "one-shot" in said[2]
