"""The study of strong tickets: the searches that it asks for, its claims on known tables, its figures."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from lth_core.storage.runs import Run
from lth_core.studies.strong_tickets.study import widened
from tests.support.strong_tickets_results import config, study, tables


def test_other_searches_are_derived_from_the_tasks_method() -> None:
    methods = study().methods(config())
    assert set(methods) == {
        *("popup-initial", "popup-gates-1", "popup-gates-10", "popup-sampled", "popup-sampled-rescaled"),
        "popup-one-shot",
    }
    initial, gates = methods["popup-initial"].search, methods["popup-gates-10"]
    assert initial and initial.weights == "initial" and methods["popup-initial"].densities == [0.9, 0.5, 0.1]
    assert gates.search and gates.search.parametrization.options == {"penalty_weight": 10.0} and gates.levels == 1
    assert gates.search.weights == "constant" and not gates.search.retrain
    assert methods["popup-one-shot"].search is None and methods["popup-one-shot"].densities == [0.9, 0.5, 0.1]


def test_the_initial_values_may_be_what_the_task_searches_in() -> None:
    assert "popup-constant" in study().methods(config(weights="initial"))
    assert "popup-initial" not in study().methods(config(weights="initial"))


def test_runs_are_searches_and_dense_networks_of_every_width() -> None:
    runs = study().runs(config())
    assert len(runs) == len(set(runs)) == 2 * (1 + 2 * 3 + 2 + 2 + 2)
    assert Run("digits-width-50", "2-2", "popup", 2) in runs and Run("digits", "0-1", "popup-gates-10", 1) in runs
    few = study(weights=False, gates=None, sampled=None, widths=[], one_shot=False)
    assert len(few.runs(config())) == 2 * (1 + 3) and not few.supermask_files(config())


def test_analyses_are_the_searches_of_edge_popup_and_the_masks_of_a_criterion() -> None:
    analyses = study().analyses(config())
    assert len(analyses) == len(set(analyses)) == 2 * (2 * 3 + 1)
    assert "results/digits/0-1/popup/level_1/search.csv" in analyses
    assert "results/digits/2-2/popup-one-shot/supermasks.csv" in analyses


def test_widths_multiply_the_hidden_layers_or_the_width_of_a_model() -> None:
    task = config().tasks["digits"]
    assert widened(task, 0.5).model.options == {"hidden": [15, 5]}
    other = task.model.model_validate({"name": "conv-2", "width": 0.5})
    assert widened(task.model_copy(update={"model": other}), 2).model.options == {"width": 1.0}
    network = task.model_copy(update={"model": task.model.model_validate("resnet18")})
    with pytest.raises(ValueError, match=r"model 'resnet18' has neither an option `width` nor `hidden`"):
        widened(network, 2)


@pytest.mark.parametrize("search", [{"parametrization": "sampled-mask"}, {"retrain": True, "weights": "initial"}])
def test_methods_that_do_not_leave_weights_untrained_are_refused(search: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"'popup' must have search: {parametrization: edge-popup, retrain: false}"):
        study().methods(config(**search))


def test_levels_and_lists_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="width_level: 4 must be at most 3"):
        study(width_level=4).methods(config())
    with pytest.raises(ValidationError, match="must rise"):
        study(widths=[2, 1])


CLAIMS = [
    ("A subnetwork of untrained weights does what the whole untrained network does not", 80.0, "supported"),
    ("Which weights are kept matters: edge-popup beats random masks", 80.0, "supported"),
    ("Subnetworks with about half of the weights are better than those with 90%", 10.0, "supported"),
    ("Subnetworks with about half of the weights are better than those with 10%", 30.0, "supported"),
    ("A subnetwork of untrained weights matches the trained network", -7.0, "contradicted"),
    ("Signed constants are as good as initial values", 5.0, "supported"),
    ("Edge-popup beats learned masks that are drawn.", 8.0, "supported"),
    ("Edge-popup beats learned masks that are drawn, rescaled", 4.0, "supported"),
    ("Edge-popup beats masks by a criterion of the trained network", 35.0, "supported"),
    ("Gates beat edge-popup where few weights are kept, with 8% of them", 15.0, "supported"),
    ("Gates with 60% of the weights match edge-popup with half of them", -2.0, "contradicted"),
    ("Untrained subnetworks come closer to trained networks with width (0.5 and 1 times)", 5.0, "supported"),
]


@pytest.mark.parametrize(("sentence", "estimate", "verdict"), CLAIMS)
def test_claims_on_known_tables(sentence: str, estimate: float, verdict: str) -> None:
    (claim,) = (claim for claim in study().claims(config(), tables()) if claim.claim.startswith(sentence))
    assert (claim.n, claim.verdict) == (3, verdict) and claim.estimate == pytest.approx(estimate, abs=0.2)


def test_only_what_is_looked_for_is_claimed() -> None:
    few = study(weights=False, gates=None, sampled=None, widths=[], one_shot=False)
    assert len(few.claims(config(), tables())) == len(study().claims(config(), tables())) - 7


def test_figures_are_drawn_and_have_the_names_that_were_announced() -> None:
    drawings = study().figures(config(), tables())
    assert [drawing.name for drawing in drawings] == study().figure_names(config())
    assert all(drawing.draw().axes and "{" not in drawing.caption for drawing in drawings)
    few = study(weights=False, widths=[])
    assert [drawing.name for drawing in few.figures(config(), tables())] == few.figure_names(config())
