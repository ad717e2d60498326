"""The sheet that collects a study's claims: sentences, units and margins."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from lth_core.metrics import ACCURACY, Metric
from lth_core.studies.base import Drawing
from lth_core.studies.claim_sheet import ClaimSheet, with_remarks, with_weights

STUDIES = Path(__file__).parents[2] / "lth_core" / "studies"
GAINS = pd.Series([1.0, 2.0, 3.0], index=[0, 1, 2])


def test_a_claim_names_its_study_and_task_and_is_a_sentence() -> None:
    sheet = ClaimSheet("a-study", "digits", ACCURACY)
    sheet.add("tickets win", "A paper, Figure 1", "ticket minus dense", GAINS)
    (claim,) = sheet.claims
    assert (claim.study, claim.task, claim.claim) == ("a-study", "digits", "Tickets win.")
    assert (claim.source, claim.effect) == ("A paper, Figure 1", "ticket minus dense")
    assert (claim.estimate, claim.n, claim.margin, claim.unit) == (2, 3, 0, "percentage points")


def test_claims_are_collected_in_order() -> None:
    sheet = ClaimSheet("a-study", "digits", ACCURACY)
    for sentence in ("First", "Second"):
        sheet.add(sentence, "A paper", "effect", GAINS)
    assert [claim.claim for claim in sheet.claims] == ["First.", "Second."]


def test_effects_may_have_a_unit_of_their_own() -> None:
    sheet = ClaimSheet("a-study", "digits", ACCURACY)
    sheet.add("Tickets learn faster", "A paper", "steps saved", GAINS, unit="% of dense", margin=0.5)
    (claim,) = sheet.claims
    assert (claim.unit, claim.margin) == ("% of dense", 0.5)


def test_what_matches_is_said_by_the_metric_alone() -> None:
    bleu = Metric("bleu", "BLEU", "BLEU points", matching=0.5)
    sheet = ClaimSheet("a-study", "translation", bleu)
    sheet.match("Tickets match", "A paper", "ticket minus dense", GAINS - 2.4)
    (claim,) = sheet.claims
    assert (claim.unit, claim.margin) == ("BLEU points", -0.5)


def test_a_claim_that_holds_of_controls_too_says_so() -> None:
    sheet = ClaimSheet("a-study", "digits", ACCURACY)
    controls = {"random masks": GAINS - 2, "fresh weights": GAINS + 1, "shuffled weights": GAINS - 9}
    for shift in (0, -2, -9):
        sheet.match("Tickets match", "A paper", "ticket minus dense", 0.01 * GAINS + shift, controls)
    sheet.add("Tickets win", "A paper", "ticket minus dense", GAINS + 3, controls=controls, subject="the winner")
    sheet.add("Tickets win", "A paper", "ticket minus dense", GAINS + 3)
    same = "The same holds for fresh weights (3.0 percentage points, [0.5, 5.5]): it does not tell"
    assert [claim.remark for claim in sheet.claims] == [
        f"{same} tickets from them.",
        "",
        "",
        f"{same} the winner from them.",
        "",
    ]
    assert [claim.verdict for claim in sheet.claims[:3]] == ["supported", "contradicted", "contradicted"]


def test_captions_have_the_remarks_of_what_their_figures_show() -> None:
    sheet = ClaimSheet("a-study", "digits", ACCURACY)
    sheet.read_from("measurements", "tickets")
    controls = {"random masks": 0.01 * GAINS, "fresh weights": 0.02 * GAINS}
    sheet.match("Tickets match", "A paper", "effect", 0.01 * GAINS, controls)
    drawings = [Drawing(name, "Two lines.", Figure) for name in ("tickets-digits", "tickets-others")]
    said = (
        "Tickets match. The same holds for random masks (0.020 percentage points, [−0.005, 0.045]) and fresh weights "
        "(0.040 percentage points, [−0.010, 0.090])"
    )
    assert [drawing.caption for drawing in with_remarks(drawings, sheet.claims)] == [
        f"Two lines. {said}: it does not tell tickets from them.",
        "Two lines.",
    ]


def test_a_ratio_is_compared_with_one() -> None:
    sheet = ClaimSheet("a-study", "digits", ACCURACY)
    sheet.ratio("Tickets are nearer", "A paper", "random divided by ticket", GAINS)
    sheet.ratio("Tickets are much nearer", "A paper", "random divided by ticket", GAINS, above=1.3)
    assert [(claim.unit, claim.margin) for claim in sheet.claims] == [("times", 1.0), ("times", 1.3)]


def test_a_diverged_seed_leaves_the_claim_open() -> None:
    sheet = ClaimSheet("a-study", "digits", ACCURACY)
    sheet.add("Tickets win", "A paper", "ticket minus dense", GAINS.where(GAINS > 1, np.nan))
    (claim,) = sheet.claims
    assert (claim.verdict, claim.n, claim.unmeasured) == ("inconclusive", 2, 1)


def test_a_claim_keeps_the_effect_of_every_seed_and_the_scale_of_their_mean() -> None:
    sheet = ClaimSheet("a-study", "digits", ACCURACY)
    sheet.ratio("Tickets are nearer", "A paper", "random divided by ticket", GAINS.rename({0: 7, 1: 8, 2: 9}))
    assert sheet.claims[0].replicates == (("7", 1.0, "ratio"), ("8", 2.0, "ratio"), ("9", 3.0, "ratio"))


@pytest.mark.parametrize(
    ("densities", "words"),
    [
        ([0.107], "with 10.7% of the weights"),
        ([0.21, 0.035], "with 21% to 3.5% of the weights"),
        ([0.035, 0.21, 0.1], "with 21% to 3.5% of the weights"),
        ([0.21, 0.21 + 1e-12], "with 21% of the weights"),
        ([0.215039], "with 21.5% of the weights"),
    ],
)
def test_densities_are_named_from_most_to_fewest_weights(densities: list[float], words: str) -> None:
    assert with_weights(*densities) == words


def called(name: str) -> list[str]:
    """The source of the effect that each call of a sheet's method names, in all studies."""
    effects = []
    for source in (path.read_text() for path in STUDIES.rglob("*claims.py")):
        for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Attribute) and call.func.attr == name:
                effects.append(ast.get_source_segment(source, call.args[2]) or "")
    return effects


@pytest.mark.parametrize(("method", "words"), [("saved", ("saved", "fall from")), ("excess", ("further",))])
def test_effects_in_percent_more_or_less_are_not_called_ratios(method: str, words: tuple[str, ...]) -> None:
    effects = called(method)
    assert effects
    for effect in effects:
        assert any(word in effect for word in words), effect
        assert "divided by" not in effect
