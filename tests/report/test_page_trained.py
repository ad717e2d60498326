"""What the page says of trainings: which they were, what diverged, what pruned filters save."""

from __future__ import annotations

import math

from lth_core.analysis.divergence import Line
from lth_core.report.costs import CostLine
from lth_core.storage.runs import Run
from tests.support.study_page import Reader, page, words


def test_costs_of_smaller_networks_are_one_table():
    dense = {"parameters": 1200.0, "flops": 2400.0, "bytes": 4800.0, "seconds_1": 0.002, "seconds_256": 0.1}
    ticket = {"parameters": 300.0, "flops": 1200.0, "bytes": 1200.0, "seconds_1": math.nan, "seconds_256": 0.02}
    shown = words(page(costs=[CostLine(Run("digits", "0-4", "filters", 3), dense, ticket)]))
    assert "What pruned filters save" in shown and "varies from run to run" in shown
    assert "filters 3 1,200 to 300 25% 2,400 to 1,200 50% 5 to 1 25% 2.00 to – – 100.0 to 20.0 20%" in shown
    assert "no smaller network" not in shown and "What pruned filters save" not in words(page())


def test_a_network_that_cannot_be_shrunk_has_a_row_that_says_why():
    dense = {"parameters": 1200.0, "flops": 2400.0, "bytes": 4800.0, "seconds_1": 0.002, "seconds_256": 0.1}
    ticket = {"parameters": 300.0} | dict.fromkeys(["flops", "bytes", "seconds_1", "seconds_256"], math.nan)
    shown = words(page(costs=[CostLine(Run("digits", "0-4", "filters", 3), dense, ticket, "it is a knot")]))
    assert "filters no smaller network: it is a knot; the parameters are those that the mask keeps 3" in shown
    assert "3 1,200 to 300 25% 2,400 to – – 5 to – – 2.00 to – – 100.0 to – –" in shown


def test_matrices_that_no_method_prunes_are_named_and_density_says_of_what():
    named = page(unpruned={"read.weight_ih_l0": 1024})
    assert "never pruned: read.weight_ih_l0 (1,024); densities are of the other weights" in named
    assert "never pruned: " not in page()


def test_where_no_matrix_is_left_out_none_is_said_to_be_named():
    assert "names the other matrices, which are never pruned" in words(page(unpruned={"read.weight_ih_l0": 1024}))
    assert "other matrices" not in words(page()) and "Kept weights / prunable weights" in words(page())


def test_only_what_was_trained_is_called_trained():
    text = words(page())
    summary = text[text.rindex("What was trained") : text.rindex("How to read")]
    assert "scikit-learn digits: 1,797 8x8 images" in summary and "5 (0-4)" in summary and "15 levels" in summary
    assert "imp-one-shotone-shot, magnitude" in summary
    assert "unused" not in summary and "never" not in summary


def test_recipes_say_what_a_batch_is_of():
    assert "600 steps of 60 examples, adam at 0.001" in words(page())
    assert "600 steps of 60 episodes, adam" in words(page(batches_of={"digits": "episodes"}))


def test_divergence_is_listed_where_there_is_any() -> None:
    assert '<h3 id="divergence">' not in page()
    line = Line("digits", "0-4", "imp", "ticket", ["seed 1 diverged at level 3", "nothing is left of <b>fc2</b>"])
    text = Reader(page(divergences=[line])).text
    assert "Divergence" in text and "seed 1 diverged at level 3; nothing is left of <b>fc2</b>" in text
