"""Figures of tickets under any objective: what is drawn, what captions say of it."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.studies.base import Drawing
from tests.support.yu2019_results import POLE, TEXT, known


def drawn(**options) -> dict[str, Drawing]:
    study, config, tables = known(**options)
    drawings = study.figures(config, tables)
    assert [drawing.name for drawing in drawings] == study.figure_names(config)
    return {drawing.name: drawing for drawing in drawings}


@pytest.fixture(scope="module")
def figures() -> dict[str, Drawing]:
    return drawn()


def lines(panel: Axes) -> list[str]:
    return [str(line.get_label()) for line in panel.get_lines()]


def entries(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_every_task_has_a_figure_one_with_embeddings_has_two_and_all_share_one(figures: dict[str, Drawing]) -> None:
    assert list(figures) == ["tickets-text", "embeddings-text", "tickets-pole", "tickets-swing", "advantage"]
    assert list(drawn(tasks={"pole": POLE})) == ["tickets-pole"]
    assert list(drawn(tasks={"pole": POLE, "text": TEXT}, controls=[], embeddings=False)) == [
        "tickets-pole",
        "tickets-text",
    ]


def test_tickets_are_one_line_on_both_panels(figures: dict[str, Drawing]) -> None:
    figure = figures["tickets-text"].draw()
    left, right = figure.axes
    assert lines(left) == ["winning ticket", "random ticket", "same mask, fresh weights", "dense network"]
    assert lines(right) == ["winning ticket", "reset to initialization", "one-shot ticket", "dense network"]
    assert sorted(entries(figure)) == sorted({*lines(left), *lines(right)})
    assert left.get_ylabel() == "test bits per character" and left.get_ylim() == right.get_ylim()


def test_captions_say_what_is_compared_and_which_way_is_better(figures: dict[str, Drawing]) -> None:
    text, pole = figures["tickets-text"].caption, figures["tickets-pole"].caption
    assert text.startswith(
        "Test bits per character at the end of training, by density: winning tickets (iterative pruning, rewound "
        "to step 10) against random tickets (masks with the same counts per layer, on fresh weights) and the same "
        "masks on fresh weights (left), and against tickets that are reset to step 0 and tickets of one-shot pruning "
        "(right). Lower bits per character is better. Data: english"
    )
    assert pole.startswith("Test return at") and "better" not in pole


def test_without_other_ways_or_without_controls_there_is_one_panel() -> None:
    tasks = {"pole": POLE}
    alone = drawn(tasks=tasks, one_shot=False, resetting=False)["tickets-pole"]
    assert len(alone.draw().axes) == 1 and "same masks on fresh weights. Data" in alone.caption
    ways = drawn(tasks=tasks, controls=[])["tickets-pole"]
    assert (
        len(ways.draw().axes) == 1
        and "against tickets that are reset to step 0 and tickets of one-shot" in ways.caption
    )
    nothing = drawn(tasks=tasks, controls=[], one_shot=False, resetting=False)["tickets-pole"]
    assert len(nothing.draw().axes) == 1 and "winning tickets (iterative pruning, rewound to step 10). Data" in (
        nothing.caption
    )


def test_a_control_of_the_users_is_called_by_its_name() -> None:
    drawing = drawn(tasks={"pole": POLE}, controls=["random-mask"], one_shot=False, resetting=False)["tickets-pole"]
    assert "against 'random-mask'. Data" in drawing.caption and "random mask" in lines(drawing.draw().axes[0])


def test_embeddings_are_drawn_over_all_weights_down_to_the_fewest(figures: dict[str, Drawing]) -> None:
    (panel,) = figures["embeddings-text"].draw().axes
    assert panel.get_xlabel() == "all weights remaining, embeddings included (%)"
    assert panel.get_xlim()[1] < 0.5**5 and min(panel.get_xticks()) == pytest.approx(0.5**5)
    kept, pruned = (np.asarray(line.get_xdata(), float) for line in panel.get_lines()[:2])
    assert kept.min() == pytest.approx(0.1 + 0.9 * 0.5**5) and pruned.min() == pytest.approx(0.5**5)


def test_advantages_are_shares_of_what_training_gains(figures: dict[str, Drawing]) -> None:
    (panel,) = figures["advantage"].draw().axes
    heights = {str(line.get_label()): np.asarray(line.get_ydata(), float) for line in panel.get_lines()}
    for task, share in (("text", 5), ("pole", 5), ("swing", 2.5)):
        assert sorted(heights[task]) == pytest.approx([share * level for level in range(1, 6)])


def test_a_task_that_is_not_learned_has_no_advantage_and_counts_as_no_divergence() -> None:
    study, config, tables = known()
    table = tables["measurements"]
    untrained = table["untrained"].mask(table["task"] == "swing", 1e6)
    drawings = study.figures(config, tables | {"measurements": table.assign(untrained=untrained)})
    figure = next(drawing for drawing in drawings if drawing.name == "advantage").draw()
    assert entries(figure) == ["text", "pole"]


def test_densities_that_nearly_agree_share_their_ticks() -> None:
    study, config, tables = known()
    table = tables["measurements"]
    density = table["density"].where(table["task"] != "pole", 0.99 * table["density"])
    drawings = study.figures(config, tables | {"measurements": table.assign(density=density)})
    (panel,) = next(drawing for drawing in drawings if drawing.name == "advantage").draw().axes
    assert len(panel.get_xticks()) == 5
