"""Claims about tickets under any objective, on tables with planted effects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.studies.yu2019 import Yu2019
from lth_core.studies.yu2019.study import RANDOM, REINIT
from tests.support.yu2019_results import IMAGES, POLE, SWING, TEXT, known

Known = tuple[Yu2019, Config, dict[str, pd.DataFrame]]


@pytest.fixture(scope="module")
def three() -> Known:
    return known()


def about(known: Known, task: str, start: str) -> Claim:
    study, config, tables = known
    (claim,) = (one for one in study.claims(config, tables) if one.task == task and one.claim.startswith(start))
    return claim


def sentences(known: Known, task: str) -> list[str]:
    study, config, tables = known
    return [claim.claim for claim in study.claims(config, tables) if claim.task == task]


# ---------------------------------------------------------------- which way is better, and where


COMPARED = [
    ("Tickets beat random tickets", 5, "random ticket", "ticket"),
    ("Tickets beat the same masks on fresh weights", 3, "mask on fresh weights", "ticket"),
    ("Late rewinding (step 10) beats resetting to step 0", 1, "reset", "rewound"),
    ("Tickets that are reset to step 0 beat random tickets", 4, "random ticket", "reset"),
    ("Iterative pruning beats one-shot pruning", 2, "one-shot", "iterative"),
]
"""Sentence, planted effect per level (in hundredths of what dense training gains), the worse and the better."""


@pytest.mark.parametrize(("sentence", "effect", "worse", "better"), COMPARED)
def test_fewer_bits_are_better_and_levels_go_down_from_a_fifth_of_the_weights(
    three: Known, sentence: str, effect: int, worse: str, better: str
) -> None:
    claim = about(three, "text", sentence)
    assert claim.claim == f"{sentence}, with 12.5% to 3.1% of the weights."
    assert claim.estimate == pytest.approx(effect * 0.04 * np.mean([3, 4, 5]))
    assert (
        claim.effect == f"test bits per character at the end of training, {worse} minus {better}, mean over 3 densities"
    )
    assert (claim.unit, claim.n, claim.verdict) == ("bits per character", 3, "supported")


@pytest.mark.parametrize(("sentence", "effect", "worse", "better"), COMPARED)
def test_more_return_is_better_and_levels_of_control_go_down_from_a_tenth(
    three: Known, sentence: str, effect: int, worse: str, better: str
) -> None:
    claim = about(three, "pole", sentence)
    assert claim.claim == f"{sentence}, with 6.2% to 3.1% of the weights."
    assert claim.estimate == pytest.approx(effect * 2 * np.mean([4, 5]))
    assert claim.effect == f"test return at the end of training, {better} minus {worse}, mean over 2 densities"
    assert (claim.unit, claim.n, claim.verdict) == ("points of return", 3, "supported")


def test_images_are_compared_as_text_is_in_their_metric() -> None:
    claim = about(known({"digits": IMAGES}), "digits", "Tickets beat random tickets, with 12.5% to 3.1%")
    assert claim.estimate == pytest.approx(5 * 0.8 * np.mean([3, 4, 5])) and claim.unit == "percentage points"


def test_a_ticket_that_is_worse_is_contradicted(three: Known) -> None:
    study, config, tables = three
    table = tables["measurements"]
    turned = table["branch"].map({"ticket": RANDOM, RANDOM: "ticket"}).fillna(table["branch"])
    swapped = (study, config, tables | {"measurements": table.assign(branch=turned)})
    for task in ("text", "pole"):
        assert about(swapped, task, "Tickets beat random tickets").verdict == "contradicted"


def test_only_levels_that_both_have_are_compared() -> None:
    some = known(control_levels=[1, 4], one_shot_levels=[5])
    beat, one_shot = about(some, "text", "Tickets beat random"), about(some, "text", "Iterative")
    assert beat.claim == "Tickets beat random tickets, with 6.2% of the weights."
    assert beat.estimate == pytest.approx(5 * 0.04 * 4) and "mean over" not in beat.effect
    assert one_shot.claim.endswith(", with 3.1% of the weights.")


def test_what_is_not_sparse_enough_is_not_claimed() -> None:
    assert sentences(known(control_levels=[1, 2], one_shot_levels=[1], resetting=False, embeddings=False), "text") == []


def test_what_the_config_leaves_out_is_not_claimed() -> None:
    assert sentences(known(controls=[], one_shot=False, resetting=False), "pole") == []
    only = known(controls=[REINIT], one_shot=False)
    claims = [sentence.partition(", with")[0] for sentence in sentences(only, "pole")]
    assert claims == [
        "Tickets beat the same masks on fresh weights",
        "Late rewinding (step 10) beats resetting to step 0",
    ]


def test_a_seed_that_diverged_leaves_its_claims_open(three: Known) -> None:
    study, config, tables = three
    table = tables["measurements"].copy()
    lost = (table["task"] == "text") & (table["seed"] == 1) & (table["level"] == 5) & (table["branch"] == REINIT)
    table.loc[lost, "metric"] = np.nan
    holed = (study, config, tables | {"measurements": table})
    claim = about(holed, "text", "Tickets beat the same masks")
    assert (claim.n, claim.unmeasured, claim.verdict) == (2, 1, "inconclusive")
    assert about(holed, "text", "Tickets beat random").verdict == "supported"


# ---------------------------------------------------------------- a third of the weights


def with_a_third(task: dict[str, Any], shift: float, branches: tuple[str, ...] = ("ticket",)) -> Claim | None:
    study, config, tables = known({"task": task})
    table = tables["measurements"].copy()
    table["density"] = table["density"].replace(0.25, 0.33)
    of_dense = table[(table["task"] == "task") & (table["level"] == 0)].set_index("seed")["metric"]
    ticket = (
        (table["task"] == "task") & (table["level"] == 2) & table["branch"].isin(branches) & (table["method"] == "imp")
    )
    noise = 1e-5 * (table["seed"] - 1)
    table.loc[ticket, "metric"] = table["seed"].map(of_dense)[ticket] + shift + noise[ticket]
    claims = study.claims(config, tables | {"measurements": table})
    return next((claim for claim in claims if claim.claim.startswith("Two thirds")), None)


@pytest.mark.parametrize(("shift", "verdict"), [(-0.1, "supported"), (0.009, "supported"), (0.02, "contradicted")])
def test_a_third_of_the_weights_may_be_a_hundredth_of_a_bit_worse(shift: float, verdict: str) -> None:
    claim = with_a_third(TEXT, shift)
    assert claim and claim.verdict == verdict and claim.margin == -0.01
    assert claim.estimate == pytest.approx(-shift)
    assert claim.effect == "test bits per character at the end of training, dense minus ticket"
    assert "(within 0.01 bits per character): tickets with 33% of the weights match or undercut the" in claim.claim


def test_a_third_of_the_weights_says_of_which_controls_the_same_holds() -> None:
    alone, both = with_a_third(TEXT, 0.0), with_a_third(TEXT, 0.0, ("ticket", RANDOM))
    assert alone and both and not alone.remark
    assert both.remark.startswith("The same holds for random tickets (") and "fresh weights" not in both.remark


def test_a_third_of_the_weights_is_not_claimed_of_control_nor_without_such_a_level(three: Known) -> None:
    assert with_a_third(POLE, 0.0) is None
    assert not [sentence for sentence in sentences(three, "text") if sentence.startswith("Two thirds")]


# ---------------------------------------------------------------- embeddings


def test_embeddings_are_compared_at_equal_numbers_of_all_weights(three: Known) -> None:
    claim = about(three, "text", "Embeddings are better left alone")
    left = 0.9 * 0.5 ** np.arange(2, 6) + 0.1  # level 1 has more than half of all weights
    pruned = [np.interp(np.log(at), np.log(0.5 ** np.arange(5, -1, -1)), np.arange(5, -1, -1)) for at in left]
    wanted = np.mean([0.04 * (2 * there - here) for there, here in zip(pruned, range(2, 6), strict=True)])
    assert claim.estimate == pytest.approx(wanted)
    assert "with 32.5% to 12.8% of all weights, embeddings included, tickets that keep" in claim.claim
    assert claim.effect.endswith("embeddings pruned minus embeddings kept (interpolated), mean over 4 densities")


def test_weights_that_only_kept_embeddings_leave_are_not_compared(three: Known) -> None:
    study, config, tables = three
    table = tables["measurements"]
    few = (table["task"] == "text-embeddings") & (table["level"] > 2)  # down to a quarter of all weights
    claim = about((study, config, tables | {"measurements": table[~few]}), "text", "Embeddings are better left alone")
    assert "with 32.5% of all weights" in claim.claim and claim.n == 3


def test_embeddings_are_said_to_go_first_where_they_do(three: Known) -> None:
    claim = about(three, "text", "Where embeddings are pruned, too")
    assert claim.estimate == pytest.approx(10, rel=1e-3) and claim.verdict == "supported"
    assert "where 25% of the weights are left in all" in claim.effect and claim.unit == "percentage points"


def test_tasks_without_embeddings_have_no_claims_of_them(three: Known) -> None:
    assert not [sentence for task in ("pole", "swing") for sentence in sentences(three, task) if "mbedding" in sentence]


# ---------------------------------------------------------------- two control tasks

DIFFER = "Control tasks differ: tickets are ahead of random tickets by more in"


def test_two_control_tasks_are_compared_by_shares_of_what_training_gains(three: Known) -> None:
    claim = about(three, "pole", f"{DIFFER} pole than in swing.")
    assert claim.estimate == pytest.approx(np.mean([20 - 10, 25 - 12.5])) and claim.verdict == "supported"
    turned = about(known({"swing": SWING, "text": TEXT, "pole": POLE}), "pole", f"{DIFFER} pole than in swing.")
    assert turned.estimate == pytest.approx(claim.estimate)  # in the paper Acrobot is the one with little difference


def test_a_dense_network_that_learns_nothing_leaves_no_share(three: Known) -> None:
    study, config, tables = three
    table = tables["measurements"].copy()
    dense = (table["task"] == "swing") & (table["level"] == 0)
    table.loc[dense & (table["seed"] == 2), "untrained"] = 900.0
    claim = about((study, config, tables | {"measurements": table}), "pole", DIFFER)
    assert (claim.n, claim.unmeasured, claim.verdict) == (2, 1, "inconclusive")


def test_control_tasks_are_compared_on_the_seeds_of_both() -> None:
    claim = about(known({"pole": POLE, "swing": SWING | {"cohorts": ["0-1"]}}), "pole", DIFFER)
    assert (claim.n, claim.unmeasured) == (2, 0)


@pytest.mark.parametrize("options", [{"tasks": {"pole": POLE, "text": TEXT}}, {"controls": [REINIT]}])
def test_one_control_task_or_no_random_tickets_is_no_comparison(options: dict[str, Any]) -> None:
    study, config, tables = known(**options)
    assert not [claim for claim in study.claims(config, tables) if claim.claim.startswith(DIFFER)]
