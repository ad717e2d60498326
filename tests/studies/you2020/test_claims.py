"""Claims of You et al. 2020: what is compared with what, and what masks that never settle entail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from lth_core.studies.you2020.study import AS_CONFIGURED, SMALL_RATE
from tests.support.you2020_results import config, study, tables


def claims(known: dict | None = None) -> dict[str, Claim]:
    made = study().claims(config(), known or tables())
    assert len({claim.claim for claim in made}) == len(made)
    return {claim.claim: claim for claim in made}


def about(words: str, known: dict | None = None) -> Claim:
    (claim,) = [claim for sentence, claim in claims(known).items() if sentence.startswith(words)]
    return claim


@pytest.mark.parametrize(
    ("words", "estimate"),
    [
        ("Channel masks settle in the first fifth of training, with 30%", 20 - 25.05),
        ("A large learning rate lets channel masks settle earlier than a small one, with 70%", 20),
        ("Masks settle no later if 30% of the channels are pruned", 15),
        ("Early-bird tickets match those drawn at epoch 20 (within 1 percentage point), with 50%", 0),
        ("Early-bird tickets that train on match the dense network (within 1 percentage point), with 30%", -0.202),
        ("Early-bird tickets are more accurate than random channels, with 70%", 2.929),
        ("Channel masks of a search in 8 bits settle in the first fifth of training, with 50%", 20 - 40.05),
        (
            "Early-bird tickets of a search in 8 bits match those of the search as configured (within 1 percentage "
            "point), with 50%",
            -0.303,
        ),
    ],
)
def test_effects(words: str, estimate: float) -> None:
    assert about(words).estimate == pytest.approx(estimate, abs=1e-6)


def test_thresholds_are_those_of_the_protocol() -> None:
    made = claims()
    assert not any("with 70%" in sentence and "match" in sentence for sentence in made)
    assert not any("with 50%" in sentence and "random" in sentence for sentence in made)
    assert not any(
        "with 70%" in sentence and "fifth of training, with" in sentence and "settle" in sentence for sentence in made
    )


def test_costs_are_compared_with_the_dense_network_and_with_iterative_pruning() -> None:
    cost = 6 / 20 + 0.49 * 14 / 20
    words = "Finding early-bird tickets and training them further costs less than "
    assert about(f"{words}training the dense network, with 30%").estimate == pytest.approx(100 * (1 - cost))
    assert about(f"{words}iterative pruning of channels, with 30%").estimate == pytest.approx(100 * (1 - cost / 1.49))


def test_masks_that_never_settle_take_the_whole_training() -> None:
    known = tables()
    rows = known["detections"]
    of_one = (rows["level"] == 1) & (rows["setting"] == AS_CONFIGURED)
    known["detections"].loc[of_one, ["settled", "drawn"]] = (np.nan, 20)
    claim = about("Channel masks settle in the first fifth of training, with 30%", known)
    assert claim.estimate == pytest.approx(-80) and claim.verdict != "supported"


def never_settling(level: int, setting: str, seeds: int) -> dict[str, pd.DataFrame]:
    """Tables in which the masks of the first seeds never settle."""
    known = tables()
    rows = known["detections"]
    which = (rows["level"] == level) & (rows["setting"] == setting) & (rows["seed"] < rows["seed"].min() + seeds)
    known["detections"].loc[which, ["settled", "drawn"]] = (np.nan, 20)
    return known


def test_masks_that_never_settle_strengthen_that_they_settle_late() -> None:
    words = "Channel masks settle in the first fifth of training, with 50%"
    claim = about(words, never_settling(2, AS_CONFIGURED, 1))
    assert claim.remark.startswith("Masks had not settled by the last epoch in 1 of 3 dense runs")
    everywhere = about(words, never_settling(2, AS_CONFIGURED, 3))
    assert everywhere.verdict != "supported" and "3 of 3 dense runs" in everywhere.remark


def test_masks_that_never_settle_are_counted_on_the_side_that_they_are_on() -> None:
    words = "A large learning rate lets channel masks settle earlier than a small one, with 50%"
    known = never_settling(2, SMALL_RATE, 1)
    rows = known["detections"]
    for setting, first in ((AS_CONFIGURED, 2.0), (SMALL_RATE, 14.0)):
        which = (rows["level"] == 2) & (rows["setting"] == setting) & rows["settled"].notna()
        known["detections"].loc[which, "settled"] = first + np.arange(which.sum())
    claim = about(words, known)
    assert claim.verdict == "supported"
    assert "1 of 3 small-rate runs: those steps are later than counted, which can only strengthen" in claim.remark
    assert "1 of 3 large-rate runs" in about(words, never_settling(2, AS_CONFIGURED, 1)).remark


def test_a_ticket_is_not_compared_with_itself() -> None:
    known = tables()
    rows = known["detections"]
    late = (rows["level"] == 1) & (rows["setting"] == AS_CONFIGURED) & (rows["seed"] == rows["seed"].min())
    known["detections"].loc[late, "drawn"] = study().draw_epochs[-1]
    claim = about("Early-bird tickets match those drawn at epoch 20 (within 1 percentage point), with 30%", known)
    assert (claim.unmeasured, claim.verdict) == (1, "inconclusive")


def test_a_seed_that_diverged_is_counted_and_leaves_claims_open() -> None:
    known = tables()
    lost = known["measurements"]["seed"] == 1
    known["measurements"].loc[lost, ["metric", "validation_metric", "cost"]] = np.nan
    known["settling"] = known["settling"][known["settling"]["seed"] != 1]
    lost = known["detections"]["seed"] == 1
    known["detections"].loc[lost, ["settled", "reached"]] = np.nan
    for claim in claims(known).values():
        assert (claim.n, claim.unmeasured, claim.verdict) == (2, 1, "inconclusive"), claim


def test_claims_of_settling_say_how_far_apart_masks_are_by_chance() -> None:
    words = "Channel masks settle in the first fifth of training, with 50%"
    expected = "; independent masks with as many channels of each layer differ in 25%"
    assert about(words).effect.endswith(expected)
    known = tables()
    known["detections"]["independent"] = 0.095
    assert about(words, known).effect.endswith("differ in 9.5%, less than twice 0.1, so that to settle says little")
    known["detections"]["independent"] = np.nan  # all of them diverged
    assert about(words, known).effect.endswith("never settle)")
