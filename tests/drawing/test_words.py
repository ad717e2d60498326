"""What is seen on a figure, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lth_core.drawing.axes import density_axis, percent_axis
from lth_core.drawing.figures import legend, panels
from lth_core.drawing.heatmaps import heatmaps
from lth_core.drawing.sheets import sheet
from lth_core.drawing.words import IN_WORDS_ONLY, MOST, describe


def test_lines_go_from_left_to_right_in_the_units_of_their_axes() -> None:
    figure, axes = panels(2)
    densities = [0.05, 0.2, 1.0]
    axes[0, 0].plot(densities, [0.8, 0.93722, 0.9], label="winning ticket")
    axes[0, 0].plot(densities, [0.7, np.nan, np.nan], label="one point")
    axes[0, 0].plot(densities, [0.5, 0.5, 0.5])  # not in the legend
    density_axis(axes[0, 0], densities)
    percent_axis(axes[0, 0].yaxis, "test accuracy")
    axes[0, 0].set_title("(a)", loc="left")
    axes[0, 1].plot([0, 10], [1, 12000], label="steps")
    axes[0, 1].axvline(4, label="the last but one")
    axes[0, 1].axhline(70, label="dense")
    axes[0, 1].set(xlabel="layer", ylabel="$10^{-3}$ step")
    legend(figure)
    assert describe(figure) == (
        "Panel 1, (a): test accuracy (%) against weights remaining (%); from left to right, winning ticket from 90 to "
        "80; one point: 70 at 5. Panel 2: 10^-3 step against layer; from left to right, steps from 1 to 12,000; the "
        "last but one at 4; dense at 70."
    )


def test_lines_whose_colour_and_marker_the_legend_explains_apart_are_described_by_both() -> None:
    figure, ((axes,),) = panels()
    axes.plot([], [], color="#112233", label="imp")
    axes.plot([], [], marker="s", label="sparse kernels")
    axes.plot([0.9, 0.2], [95, 93], "s", color="#112233", label=f"{IN_WORDS_ONLY}imp, sparse kernels,")
    axes.plot([0.4], [94], "o", color="#112233", label=f"{IN_WORDS_ONLY}imp, smaller layers,")
    axes.set(xlabel="latency", ylabel="accuracy")
    legend(figure)
    assert describe(figure) == (
        "Figure: accuracy against latency; from left to right, imp, sparse kernels, from 93 at 0.2 to 95 at 0.9; "
        "imp, smaller layers, 94 at 0.4."
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["imp", "sparse kernels"]


def test_named_rows_have_marks_by_the_legend_and_the_lines_through_them() -> None:
    figure, ((axes,),) = panels()
    for colour, label, x, y, (low, high) in (
        ("#112233", "ticket", 0.2, -0.1, (0.5, 0.1)),
        ("#445566", "random mask", 0.5, 0.1, (0.5, 0.5)),
        ("#112233", "ticket", 0.1, 1.9, (0.2, 0.1)),
    ):
        axes.plot([], [], "o", color=colour, label=label)
        axes.plot(x, y, "o", color=colour)
        axes.plot([low, high], [y, y], color=colour)
    axes.annotate("", (0.05, 1.9), (0.1, 1.9), arrowprops={"arrowstyle": "->"})
    axes.plot([0.05, 0.2], [0, 0], "|", color="#778899")  # not in the legend
    axes.text(1.0, 3, "not measured")
    axes.annotate("nats", (1, 1), xycoords=("axes fraction", "data"))
    axes.set_yticks(range(4), ["LeNet\n(digits)", "GRU", "GAN", "VAE"])
    density_axis(axes, [0.05, 0.1, 0.2, 0.5, 1.0])
    assert describe(figure) == (
        "Figure: weights remaining (%); row by row, LeNet (digits): ticket at 20 (from 50 to 10), random mask at 50; "
        "GAN: ticket at 10 (from 20 to 10 or beyond); VAE: not measured."
    )


def test_of_many_panels_and_lines_the_number_is_given() -> None:
    figure, axes = panels(MOST + 2)
    for line in range(MOST + 3):
        axes[0, 0].plot([0, 1], [line, line], label=f"line {line}")
    text = describe(figure)
    assert text.count("Panel") == MOST and text.endswith("And 2 more panels.") and "; 3 more." in text


def test_heat_maps_bars_and_points_are_called_so() -> None:
    figure, axes = panels(3)
    axes[0, 0].imshow(np.eye(2))
    axes[0, 1].bar([0, 1], [1, 2])
    axes[0, 2].scatter([0, 1, 2], [1, 2, 3])
    text = describe(figure)
    assert all(words in text for words in ("Panel 1: heat map", "Panel 2: bars", "Panel 3: 3 points"))
    assert "fields from 0 to 1." in text


def test_small_heat_maps_with_names_and_without_numbers_have_their_values() -> None:
    figure, axes = panels(2)
    for panel, size in zip(axes[0], (2, MOST + 1), strict=True):
        panel.imshow(np.full((2, size), 0.25) * [[1], [-1]])
        panel.set_xticks(range(size), [f"task {number}" for number in range(size)])
        panel.set_yticks(range(2), ["own", "other"])
    assert describe(figure) == (
        "Panel 1: heat map, values; columns task 0 | task 1; row by row, own: 0.25 | 0.25; other: −0.25 | −0.25. "
        "Panel 2: heat map, values; fields from −0.25 to 0.25."
    )


def test_panels_whose_axes_are_labelled_elsewhere_have_their_names() -> None:
    figure, axes = panels(2, 2)
    for row in axes:
        row[1].sharey(row[0])
    for panel in axes.flat:
        panel.plot([0, 1], [1, 2], label="tickets")
    axes[0, 0].set_ylabel("loss")
    axes[1, 0].set_ylabel("accuracy")
    for panel in axes[1]:
        panel.set_xlabel("step")
    text = describe(figure)
    assert text.count("loss against step") == text.count("accuracy against step") == 2


def test_an_axis_of_logarithms_has_the_numbers_themselves() -> None:
    figure, ((axes,),) = panels()
    axes.plot([1, 2], [-0.5, -4.0], label="error")
    axes.yaxis.set_major_formatter(lambda power, position: f"$10^{{{power:g}}}$")
    assert describe(figure) == "Figure: values; from left to right, error from 0.316 to 0.0001."


def test_histograms_have_their_peak_and_what_is_nothing_is_0() -> None:
    figure, axes = panels(1)
    axes[0, 0].plot([-1, 0, 0.5, 1], [-5e-9, 0.1, 0.3, 0.0002], label="all weights")
    axes[0, 0].plot([-1, 1], [0.0, 0.1], label="kept: 1 of 3 seeds diverged")
    axes[0, 0].set(xlabel="initial value", ylabel="share")
    assert describe(figure) == (
        "Figure: share against initial value; from left to right, all weights from 0 to 0.0002, highest 0.3 at 0.5; "
        "kept: 1 of 3 seeds diverged."
    )


def test_of_a_sheet_of_images_the_blocks_are_named() -> None:
    images = np.zeros((2, 1, 4, 4), np.uint8)
    figure = sheet([[("test images", images), ("dense network", images)], [("ticket, 5%", None)]])
    assert describe(figure) == "Blocks of images: test images; dense network; ticket, 5% (diverged)."


def test_a_panel_whose_labels_another_one_has_is_described_by_its_points() -> None:
    figure, axes = panels(2)
    for panel in axes[0]:
        panel.scatter([1, 2, 3], [0, 1, 2])
        panel.set_xlabel("step")
        panel.set_ylabel("level")
    axes[0, 1].tick_params(labelleft=False)
    second = describe(figure).partition("Panel 2")[2]
    assert second == ": 3 points, level against step."


def test_heat_maps_with_numbers_are_described_field_by_field() -> None:
    table = pd.DataFrame([[[1.0, 2.0], [0.1, 0.3]], [[-1.0], []]], index=["a", "b"], columns=["x", "y"])
    figure = heatmaps({"one": table, "two": table}, "networks", "points")
    figure.draw_without_rendering()
    assert describe(figure) == (
        "Panel 1, one: heat map, networks; columns x | y; row by row, a: +1.5 | +0.2; b: −1.0 | nothing. "
        "Panel 2, two: heat map, networks; columns x | y; row by row, a: +1.5 | +0.2; b: −1.0 | nothing."
    )


def test_rows_of_a_heat_map_have_the_names_of_the_panel_beside_it() -> None:
    figure, axes = panels(2)
    for panel, names in zip(axes[0], (["own", "other"], ["", ""]), strict=True):
        panel.imshow([[0.5], [1]])
        panel.set_xticks([0], ["task"])
        panel.set_yticks(range(2), names)
    rows = "heat map, values; columns task; row by row, own: 0.5; other: 1."
    assert describe(figure) == f"Panel 1: {rows} Panel 2: {rows}"


def test_marks_without_a_legend_are_where_they_are_in_rows_with_names() -> None:
    figure, axes = panels(1)
    for row, value in enumerate((10, 30)):
        axes[0, 0].plot([value], [row], "o", color="black")
    axes[0, 0].axvline(40, label="the most")
    axes[0, 0].set_yticks(range(2), ["random", "SNIP"])
    assert describe(figure) == "Figure: values; row by row, random: 10; SNIP: 30; the most at 40."


def test_rows_have_the_names_of_the_panel_beside_them() -> None:
    figure, axes = panels(2)
    for panel, names in zip(axes[0], (["random", "SNIP"], ["", ""]), strict=True):
        for row, value in enumerate((10, 30)):
            panel.plot([value], [row], "o", color="black", label="before training")
        panel.set_yticks(range(2), names)
    rows = "values; row by row, random: 10; SNIP: 30."
    assert describe(figure) == f"Panel 1: {rows} Panel 2: {rows}"


def test_a_line_of_one_point_is_where_it_is() -> None:
    figure, ((axes,),) = panels()
    axes.plot([1, 2], [0.5, 0.75], label="tickets")
    axes.plot([2], [0.25], "D", label="one-shot")
    assert describe(figure) == "Figure: values; from left to right, tickets from 0.5 to 0.75; one-shot: 0.25 at 2."
