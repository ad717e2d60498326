"""Claims about tickets of pre-trained networks, on tables with planted effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.studies.pretrained_tickets import PretrainedTickets
from tests.support.pretrained_tickets_results import OF_OTHERS, OF_PRETRAINING, known, task

Known = tuple[PretrainedTickets, Config, dict[str, pd.DataFrame]]


@pytest.fixture(scope="module")
def whole() -> Known:
    return known()


def about(known: Known, task: str, start: str) -> Claim:
    study, config, tables = known
    (claim,) = (one for one in study.claims(config, tables) if one.task == task and one.claim.startswith(start))
    return claim


def changed(
    known: Known, where: str, shift: float, columns: tuple[str, ...] = ("metric", "validation_metric")
) -> Known:
    study, config, tables = known
    table = tables["measurements"].copy()
    table.loc[table.query(where).index, list(columns)] += shift
    return study, config, {"measurements": table}


def test_pretraining_is_worth_what_fresh_weights_need_more(whole: Known) -> None:
    claim = about(whole, "words", "Pre-training helps")
    assert claim.estimate == pytest.approx(0.5) and claim.verdict == "supported"
    assert claim.effect == "test bits per character at the end of training, dense, fresh minus pre-trained"


@pytest.mark.parametrize(("shift", "verdict"), [(-0.1, "supported"), (0.009, "supported"), (0.02, "contradicted")])
def test_tickets_match_with_60_percent_of_the_weights_within_a_hundredth_of_a_bit(
    whole: Known, shift: float, verdict: str
) -> None:
    shifted = whole
    for seed in range(3):
        where = f"task == 'words' and level == 4 and branch == 'ticket' and seed == {seed}"
        shifted = changed(shifted, where, shift + 1e-5 * (seed - 1))
    claim = about(shifted, "words", "Matching tickets exist: with 60% of the weights they match")
    assert claim.estimate == pytest.approx(-shift, abs=1e-5) and claim.margin == -0.01
    assert claim.verdict == verdict


def test_matching_says_which_controls_match_as_well(whole: Known) -> None:
    """The random masks that are planted lose a tenth of a bit, fresh and permuted weights more."""
    sentences = {"Matching tickets exist: with 60%": "tickets", "The mask of the pre-training transfers": "that mask"}
    assert not any(about(whole, "words", sentence).remark for sentence in sentences)
    same = whole
    for seed in range(3):
        random = f"task == 'words' and branch == 'random-mask' and seed == {seed}"
        same = changed(same, random, -0.1 + 4e-4 * seed)
        same = changed(same, f"task == 'words' and branch == 'ticket' and seed == {seed}", 2e-4 * seed)
    for sentence, subject in sentences.items():
        remark = about(same, "words", sentence).remark
        assert remark.startswith("The same holds for random masks (") and "fresh" not in remark
        assert remark.endswith(f"]): it does not tell {subject} from them.")


@pytest.mark.parametrize(
    ("sentence", "lost"),
    [("random masks", 0.1), ("the same masks on fresh weights", 0.5), ("permuted pre-trained weights", 0.3)],
)
def test_controls_are_compared_with_the_fewest_weights_that_match(whole: Known, sentence: str, lost: float) -> None:
    claim = about(whole, "code", f"Tickets beat {sentence}, with 40% of the weights (the fewest, of those compared")
    assert claim.estimate == pytest.approx(lost) and claim.verdict == "supported"


def test_validation_data_decide_which_weights_these_are(whole: Known) -> None:
    other = changed(whole, "task == 'code' and level > 6 and branch == 'ticket'", -0.05, ("validation_metric",))
    assert about(other, "code", "Tickets beat random masks, with 10% of the weights (the fewest")
    test_only = changed(whole, "task == 'code' and level > 6 and branch == 'ticket'", -0.05, ("metric",))
    assert about(test_only, "code", "Tickets beat random masks, with 40% of the weights (the fewest")


def test_where_no_ticket_matches_controls_are_compared_with_60_percent_of_the_weights(whole: Known) -> None:
    lost = changed(whole, "task == 'code' and level > 0 and branch == 'ticket'", 0.5)
    claim = about(
        lost, "code", "Tickets beat random masks, with 60% of the weights (no ticket matches on validation data)"
    )
    assert claim.verdict == "contradicted"


def test_only_levels_of_controls_are_compared() -> None:
    assert about(
        known(control_levels=[5, 8], transfer_levels=[8]), "code", "Tickets beat random masks, with 50% of the weights"
    )


def test_the_mask_of_the_pretraining_transfers_and_those_of_tasks_do_so_less(whole: Known) -> None:
    claim = about(whole, "words", "The mask of the pre-training transfers: with 30% of the weights")
    assert claim.estimate == pytest.approx(-OF_PRETRAINING) and claim.verdict == "supported"
    lost = changed(whole, "task == 'words' and mask_of == 'base-again' and branch == 'ticket'", 0.1)
    assert about(lost, "words", "The mask of the pre-training").verdict == "contradicted"
    less = about(whole, "words", "Masks of other tasks transfer less than that of the pre-training, with 30%")
    assert less.estimate == pytest.approx(OF_OTHERS - OF_PRETRAINING) and less.verdict == "supported"


def test_masks_of_tasks_cost_the_pretraining_objective_something(whole: Known) -> None:
    claim = about(whole, "base-again", "Masks of tasks do not serve the pre-training objective as well as its own")
    assert claim.estimate == pytest.approx(OF_OTHERS) and claim.effect.endswith("own mask, mean over 2 of these")


def test_a_single_task_has_no_masks_of_others() -> None:
    study, config, tables = known({"words": task("words")})
    sentences = [claim.claim for claim in study.claims(config, tables) if claim.task == "words"]
    assert len(sentences) == 6 and not [sentence for sentence in sentences if "other tasks" in sentence]


def test_networks_built_with_pretrained_weights_have_claims_of_tickets_only() -> None:
    tasks = {name: task(name, initialization={"weights": "as-built"}) for name in ("words", "code")}
    study, config, tables = known(tasks, controls=["random-mask"])
    sentences = [claim.claim.partition(",")[0] for claim in study.claims(config, tables) if claim.task == "words"]
    assert sentences == [
        "Matching tickets exist: with 60% of the weights they match the dense network",
        "Tickets beat random masks",
    ]


def test_a_seed_that_diverged_leaves_its_claims_open(whole: Known) -> None:
    holed = changed(whole, "task == 'words' and level == 6 and seed == 1 and branch == 'reinit'", np.nan)
    claim = about(holed, "words", "Tickets beat the same masks on fresh weights")
    assert (claim.n, claim.unmeasured, claim.verdict) == (2, 1, "inconclusive")
