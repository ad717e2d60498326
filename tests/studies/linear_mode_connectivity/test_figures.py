"""Figures of the study of linear mode connectivity, drawn from tables of known numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from lth_core.config import Config
from lth_core.storage.runs import DENSE
from lth_core.studies.base import Drawing
from lth_core.studies.linear_mode_connectivity.tables import COLUMNS
from lth_core.studies.linear_mode_connectivity.view import View
from tests.support.linear_mode_connectivity_tables import (
    claims_by_sentence,
    config,
    known_instability,
    known_paths,
    study,
)


def view(table: pd.DataFrame) -> View:
    return View(study(), config(), "digits", table, known_paths(table))


def test_the_last_matching_level_is_found_by_validation_accuracy() -> None:
    table = known_instability()
    is_ticket, is_random = table["network"] == "ticket", table["network"] == "random-mask"
    table.loc[is_ticket, ["metric", "validation_metric"]] = [0.5, 0.959]  # test accuracy is only reported
    table.loc[is_random & (table["level"] == 2), "validation_metric"] = 0.9581
    table.loc[is_random & (table["level"] == 4), "validation_metric"] = 0.9579
    assert view(table).last_matching("ticket", 20) == 4
    assert view(table).last_matching("random-mask", 20) == 2
    assert view(table).last_matching("reinit", 20) == 0


def test_a_level_where_a_seed_diverged_does_not_match() -> None:
    table = known_instability()
    table.loc[table["network"] == "ticket", "validation_metric"] = 0.96
    table.loc[(table["network"] == "ticket") & (table["level"] == 4) & (table["seed"] == 0), "validation_metric"] = (
        np.nan
    )
    assert view(table).last_matching("ticket", 20) == 2


@pytest.mark.parametrize(("error", "rows"), [(0.0, 1), (1e-4, 2), (np.nan, 2)])
def test_a_training_error_that_is_0_on_all_lines_is_said_and_not_drawn(error: float, rows: int) -> None:
    table = known_instability()
    paths = known_paths(table)
    trained = paths["split"] == "train"
    paths.loc[trained, "error"] = 0.0
    paths.loc[paths[trained].index[-1], "error"] = error
    (drawing,) = (
        one for one in study().figures(config(), {"instability": table, "paths": paths}) if one.name == "paths-digits"
    )
    labels = [axes.get_ylabel() for axes in drawing.draw().axes if axes.get_ylabel()]
    assert labels == ["test error (%)", "training error (%)"][:rows]
    assert (" The training error is 0 on all lines and not drawn." in drawing.caption) == (rows == 1)


def test_lines_that_cross_show_their_intervals_as_bars_at_points_of_their_own() -> None:
    table = known_instability()
    paths = known_paths(table)
    paths["error"] += 0.01 * paths["seed"]
    drawing = study().figures(config(), {"instability": table, "paths": paths})[0]
    for panel in drawing.draw().axes:
        bars = [[x for (x, low), (x, high) in one.get_segments() if high > low] for one in panel.collections]
        points = [x for of_line in bars for x in of_line]
        assert len(bars) == len(panel.get_lines()) and all(len(of_line) == 2 for of_line in bars), bars
        assert len({*points}) == len(points), "bars hide each other"


@pytest.fixture(scope="module", params=[("interpolated",), ("interpolated", "estimated")], ids=["plain", "batch-norm"])
def drawn(request: pytest.FixtureRequest) -> list[tuple[Drawing, list[Axes]]]:
    """Every figure's drawing and panels, of a network without and with batch norm."""
    table = known_instability(request.param)
    drawings = study().figures(config(), {"instability": table, "paths": known_paths(table)})
    return [(drawing, drawing.draw().axes) for drawing in drawings]


def test_figures_have_the_names_that_were_promised_and_say_what_they_are_drawn_from(drawn: list) -> None:
    assert [drawing.name for drawing, _ in drawn] == study().figure_names(config())
    for drawing, axes in drawn:
        interval = "; mean of 3 seeds; band: 95% t interval (no band where all seeds are equal)"
        bars = interval.replace("band:", "bar:").replace("no band", "none")
        bands = {"success-digits": "", "paths-digits": bars}.get(drawing.name, interval)
        assert drawing.caption.endswith(f"Data: digits, network: resnet-20{bands}.")
        assert all(panel.get_lines() for panel in axes)


def test_batch_norm_networks_have_rows_for_both_statistics(drawn: list) -> None:
    rows = {
        drawing.name.split("-")[0]: len({panel.get_subplotspec().rowspan.start for panel in axes})
        for drawing, axes in drawn
    }
    caption = drawn[0][0].caption
    kinds = 2 if "re-estimated" in caption else 1
    assert (rows["paths"], rows["instability"], rows["alignment"]) == (2 * kinds, 2 + kinds, kinds)


def test_the_line_of_stability_is_drawn_wherever_barriers_are(drawn: list) -> None:
    for drawing, axes in drawn:
        panels = [panel for panel in axes if "barrier" in panel.get_ylabel()]
        assert bool(panels) == (drawing.name in {f"{kind}-digits" for kind in ("instability", "ranges", "alignment")})
        for panel in panels:
            assert any(list(line.get_ydata()) == [2, 2] for line in panel.get_lines())
            low, high = panel.get_ylim()
            assert low <= 2 <= high


def captions_of(table: pd.DataFrame, settings: Config | None = None, **options) -> dict[str, Drawing]:
    drawings = study(**options).figures(settings or config(), {"instability": table, "paths": known_paths(table)})
    return {drawing.name.removesuffix("-digits"): drawing for drawing in drawings}


def test_the_ranges_show_the_accuracy_that_they_end_by() -> None:
    table = known_instability()
    table["validation_metric"] = table["metric"] - 0.5
    panel = captions_of(table)["ranges"].draw().axes[-1]
    assert all(np.max(line.get_ydata()) < 0.5 for line in panel.get_lines() if len(line.get_xdata()))


def test_pairs_that_are_not_connected_are_in_no_caption() -> None:
    table = known_instability()
    all_kinds = captions_of(table)["alignment"]
    assert "different seeds, at 100% the dense networks (3 pairs of seeds" in all_kinds.caption
    assert [panel.get_title().replace("\n", " ") for panel in all_kinds.draw().axes][1:] == [
        "successive levels",
        "different seeds (3 pairs of seeds)",
    ]
    without = captions_of(table[table["pair"] != "level"], successive=False)["alignment"]
    assert "successive levels" not in without.caption and "share seeds" in without.caption
    one_seed = captions_of(table[table["pair"] != "seed"], config(cohorts=("0-0", "1-1", "2-2")))["alignment"]
    assert "different seeds" not in one_seed.caption and "successive levels" in one_seed.caption


def test_a_cohort_of_two_seeds_is_one_pair_that_shares_none() -> None:
    table = known_instability()
    table = table[(table["seed"] < 2) & ((table["pair"] != "seed") | (table["seed"] == 0))]
    two = config(cohorts=("0-1",))
    caption = captions_of(table, two)["alignment"].caption
    assert "(1 pair of seeds in place of seeds)" in caption and "share" not in caption
    effects = [claim.effect for claim in study().claims(two, {"instability": table})]
    assert any("between two seeds" in effect for effect in effects)
    assert not any("share" in effect for effect in effects)


def test_more_than_two_copies_are_counted() -> None:
    table = known_instability()
    assert captions_of(table, copies=3)["alignment"].draw().axes[0].get_title() == "copies on 3 data orders"


@pytest.mark.parametrize(
    ("method", "name", "words"),
    [
        ({}, "IMP", "iterative magnitude pruning (IMP)"),
        ({"iterative": False}, "one-shot", "one-shot magnitude pruning"),
        ({"criterion": "random"}, "iteratively pruned", "iterative random pruning"),
    ],
)
def test_subnetworks_are_named_after_their_method(method: dict, name: str, words: str) -> None:
    table, settings = known_instability(), config(method=method)
    drawings = captions_of(table, settings)
    assert f"found by {words} and rewound" in drawings["paths"].caption
    assert drawings["paths"].draw().axes[1].get_title().startswith(f"{name} subnetwork,")
    sentences = [claim.claim for claim in study().claims(settings, {"instability": table})]
    assert (
        f"{name[0].upper()}{name[1:]} subnetworks rewound to step 80 are stable, with 41% of the weights." in sentences
    )
    if name != "IMP":
        assert not any("IMP" in text for text in (*sentences, *(drawing.caption for drawing in drawings.values())))


def test_one_level_without_controls_is_drawn_too() -> None:
    table = known_instability()
    table = table[table["network"].isin([DENSE, "ticket"]) & table["level"].isin([0, 4])]
    alone = study(levels=[4], controls=(), rewind_steps=[0, 80], successive=False)
    for drawing in alone.figures(config(), {"instability": table, "paths": known_paths(table)}):
        assert drawing.draw().axes
        if drawing.name == "ranges-digits":
            assert "random ones were not trained" in drawing.caption


@pytest.mark.parametrize("diverged", [[1], [0, 1, 2]])
def test_figures_and_claims_are_made_where_seeds_diverged(diverged: list[int]) -> None:
    table = known_instability()
    table.loc[table["seed"].isin(diverged), list(COLUMNS[11:])] = np.nan
    for drawing in study().figures(config(), {"instability": table, "paths": known_paths(table)}):
        assert drawing.draw().axes
    assert {claim.verdict for claim in claims_by_sentence("resnet-20", table).values()} == {"inconclusive"}
