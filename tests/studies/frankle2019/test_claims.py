"""Claims of Frankle & Carbin 2019, on synthetic artifacts with effects of known sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.stats import gmean

from lth_core.storage.runs import Run
from tests.support import frankle2019_results
from tests.support.frankle2019_results import (
    LEVELS,
    accuracy_of,
    make_config,
    make_study,
    read_back,
    task,
    write_artifacts,
)

results = frankle2019_results.results  # a fixture


def claims_of(results, task: str) -> dict[str, Any]:
    config, study, tables = results
    return {claim.claim: claim for claim in study.claims(config, tables) if claim.task == task}


def find(claims: dict[str, Any], words: str) -> Any:
    (claim,) = (claim for sentence, claim in claims.items() if words in sentence)
    return claim


def test_the_advantage_over_reinitialization_is_a_paired_t_interval_over_seeds(results):
    claim = find(claims_of(results, "plain"), "tickets beat the same masks reinitialized, with 21%")
    level = 7  # 0.8**7 = 21%
    pairs = [
        accuracy_of(Run("plain", "0-2", "imp", level), seed, 0)
        - np.mean([accuracy_of(Run("plain", "0-2", "imp", level, "reinit"), seed, draw) for draw in (0, 1)])
        for seed in range(3)
    ]
    expected = stats.ttest_1samp(100 * np.array(pairs), 0).confidence_interval(0.95)
    assert (claim.estimate, claim.low, claim.high) == pytest.approx((100 * np.mean(pairs), expected.low, expected.high))
    assert (claim.n, claim.unit, claim.margin) == (3, "percentage points", 0)
    assert "at 21% density" in claim.effect


def test_every_claim_of_the_paper_is_tested_on_a_plain_task(results):
    claims = claims_of(results, "plain")
    assert len(claims) == 13
    verdicts = {
        "51.2% to 10.7% of the weights match (within 0.2 percentage points) or exceed": "supported",
        "learn faster than the dense network.": "supported",
        "(steps to the dense network's validation accuracy)": "inconclusive",  # all of them at step 20
        "reinitialized, with 5.5%": "supported",
        "grows as fewer weights remain": "supported",
        "learn slower than the dense": "supported",
        "fall below the dense": "supported",
        "beat random masks, with 5.5%": "supported",
        "beats one-shot": "supported",
        "Resetting the weights": "supported",
        "farther than the pruned": "supported",
    }
    assert {words: find(claims, words).verdict for words in verdicts} == verdicts


def test_effects_have_the_sizes_that_were_put_in(results):
    claims = claims_of(results, "plain")
    saved = 100 * (1 - gmean([20 / 30, 20 / 30, 30 / 40]))
    assert find(claims, "learn faster than the dense network.").estimate == pytest.approx(saved)
    assert find(claims, "learn slower").estimate == pytest.approx(100 * (gmean([40 / 30, 40 / 30, 50 / 40]) - 1))
    assert find(claims, "51.2% to 10.7%").margin == -0.2
    assert "51.2% to 10.7%" in find(claims, "51.2% to 10.7%").effect
    assert find(claims, "grows").estimate == pytest.approx(100 * 0.004 * 6, abs=0.3)  # from level 7 to level 13
    moved = find(claims, "farther")
    kept = [(0.1 + 0.6 * (3 + seed)) / (4 + seed) for seed in range(3)]  # not the means of the bins' centres
    assert moved.estimate == pytest.approx(100 * (gmean(kept) / 0.225 - 1))


def with_changes(results, *changes: tuple[str, str, Any]) -> dict[str, Any]:
    """The claims about the plain task, after setting a column of the measurements to values where a query holds."""
    config, study, tables = results
    table = tables["measurements"].copy()
    for query, column, values in changes:
        table.loc[table.query(f"task == 'plain' and {query}").sort_values("seed").index, column] = values
    claims = study.claims(config, tables | {"measurements": table})
    return {claim.claim: claim for claim in claims if claim.task == "plain"}


def test_that_tickets_match_says_of_which_controls_the_same_holds(results):
    words = "match (within 0.2 percentage points)"
    assert not find(claims_of(results, "plain"), words).remark
    equal = [("branch in ('ticket', 'random-mask')", "test_metric_early_stop", 1.0)]
    remark = find(with_changes(results, *equal), words).remark
    assert remark.startswith("The same holds for random masks (") and "reinitialized" not in remark
    config, study, tables = results
    # random masks at some densities of the claim only
    fewer = tables["measurements"].query("branch != 'random-mask' or level < 5").copy()
    fewer.loc[fewer["branch"] != "dense", "test_metric_early_stop"] = 1.0
    remarks = [one.remark for one in study.claims(config, tables | {"measurements": fewer}) if words in one.claim]
    assert remarks and all("reinitialized" in one and "random" not in one for one in remarks)


TICKET_7 = "method == 'imp' and branch == 'ticket' and level == 7"


def test_claims_on_early_stopping_conclude_only_what_trainings_allow_that_are_best_at_the_end(results):
    untouched = claims_of(results, "plain")
    assert not any(claim.remark for claim in untouched.values())
    reinit = "method == 'imp' and branch == 'reinit' and level == 7"
    ticket_stops = (TICKET_7, "early_stop_step", [60, 60, 60])
    dense = (("branch == 'dense'", "early_stop_step", steps) for steps in ([30, 31, 32], [30, 31, 60]))
    reinit_stops = (reinit, "early_stop_step", [60] * 5 + [50])
    stronger, left_open = (with_changes(results, ticket_stops, stops, reinit_stops) for stops in dense)
    ending = "Validation loss was still falling at the last step in"
    faster, slower = "faster than the dense network.", "learn slower"
    assert find(stronger, faster).verdict == "contradicted"
    assert find(stronger, faster).remark.startswith(f"{ending} 3 of 3 ticket runs: those steps are later than counted")
    assert find(stronger, slower).verdict == "supported"
    assert find(stronger, slower).remark.startswith(f"{ending} 5 of 6 reinitialized runs: those steps are later")
    assert find(left_open, slower).verdict == find(left_open, faster).verdict == "inconclusive"
    assert find(left_open, slower).remark.startswith(f"{ending} 5 of 6 reinitialized runs and 1 of 3 dense runs")


def test_learning_speed_is_also_measured_by_the_step_that_matches_the_dense_network(results):
    words = "(steps to the dense network's validation accuracy)"
    steps_of_dense = ("branch == 'dense'", "steps_to_dense", [40, 40, 50])
    claim = find(with_changes(results, (TICKET_7, "steps_to_dense", [20, 10, 20]), steps_of_dense), words)
    assert claim.estimate == pytest.approx(100 * (1 - gmean([20 / 40, 10 / 40, 20 / 50]))) and not claim.remark
    assert (claim.table, claim.figure) == ("measurements", "fig03-training-plain")
    claim = find(with_changes(results, (TICKET_7, "steps_to_dense", [20, 10, np.nan]), steps_of_dense), words)
    assert claim.estimate == pytest.approx(100 * (1 - gmean([20 / 40, 10 / 40, 60 / 50])))  # never: the last step
    assert "This was not reached by the last step in 1 of 3 ticket runs" in claim.remark


def test_tickets_that_never_come_to_the_dense_network_count_against_that_they_learn_faster(results):
    words = "(steps to the dense network's validation accuracy)"
    steps_of_dense = ("branch == 'dense'", "steps_to_dense", 60)
    decided = find(with_changes(results, (TICKET_7, "steps_to_dense", [20, 21, 22]), steps_of_dense), words)
    assert decided.verdict == "supported"
    never = find(with_changes(results, (TICKET_7, "steps_to_dense", [20, np.nan, 22]), steps_of_dense), words)
    assert never.verdict == "inconclusive"
    dense_first = ("branch == 'dense'", "steps_to_dense", [20, 21, 22])
    slower = find(with_changes(results, (TICKET_7, "steps_to_dense", np.nan), dense_first), words)
    assert slower.verdict == "contradicted" and "only strengthen" in slower.remark


def test_claims_on_early_stopping_name_the_figure_that_draws_it_if_there_is_one(results):
    words = "learn faster than the dense network."
    assert find(claims_of(results, "plain"), words).figure == "fig04-tickets-plain"
    short = with_changes(results, ("level >= 0", "early_stop_step", 60))
    assert [find(short, one).figure for one in (words, "learn slower")] == ["", ""]


def test_a_diverged_ticket_is_not_one_that_never_matches(results):
    lost = (TICKET_7, "steps_to_dense", np.nan), (TICKET_7, "diverged", True)
    claim = find(with_changes(results, *lost), "(steps to the dense network's validation accuracy)")
    assert np.isnan(claim.estimate) and claim.unmeasured == 3 and "not reached" not in claim.remark


def test_iterative_and_one_shot_pruning_are_compared_at_equal_densities(results):
    config, study, tables = results
    table = tables["measurements"].copy()
    once = (table["method"] == "imp-one-shot") & (table["branch"] == "ticket")
    iterative = (table["method"] == "imp") & (table["branch"] == "ticket")
    table.loc[once, "density"] = 0.82 ** table["level"]
    loss = {seed: 0.02 + seed / 1000 for seed in range(3)}
    table["test_metric_early_stop"] = 1 + 0.05 * np.log10(table["density"]) - once * table["seed"].map(loss)
    claims = {c.claim: c for c in study.claims(config, tables | {"measurements": table}) if c.task == "plain"}
    claim = find(claims, "beats one-shot")
    assert claim.estimate == pytest.approx(100 * np.mean(list(loss.values())))
    assert "13.7% to 5.1% left by one-shot pruning (iterative pruning leaves 10.7% to 3.5%" in claim.effect
    assert (table[iterative].groupby("level")["density"].first() < 0.82 ** np.arange(1, LEVELS + 1)).all()


def test_equal_densities_need_no_interpolation(results):
    effect = find(claims_of(results, "plain"), "beats one-shot").effect
    assert effect.endswith("iterative minus one-shot, mean over 7 densities, 13.4% to 3.5%")


def test_a_contradiction_is_reported(results):
    config, study, tables = results
    table = tables["measurements"].copy()
    worse = (table["branch"] == "ticket") & (table["method"] == "imp")
    table.loc[worse, "test_metric_early_stop"] -= 0.2
    claims = {c.claim: c for c in study.claims(config, tables | {"measurements": table}) if c.task == "plain"}
    assert find(claims, "match (within").verdict == "contradicted"
    assert find(claims, "reinitialized, with 21%").verdict == "contradicted"


def test_a_diverged_seed_leaves_its_claims_open(results):
    config, study, tables = results
    table = tables["measurements"].copy()
    lost = (table["branch"] == "reinit") & (table["level"] == 7) & (table["seed"] == 0) & (table["draw"] == 1)
    table.loc[lost, "test_metric_early_stop"] = np.nan
    claims = {c.claim: c for c in study.claims(config, tables | {"measurements": table}) if c.task == "plain"}
    open_claim = find(claims, "reinitialized, with 21%")
    assert (open_claim.verdict, open_claim.n, open_claim.unmeasured) == ("inconclusive", 2, 1)
    assert find(claims, "reinitialized, with 5.5%").verdict == "supported"


def test_claims_about_levels_that_were_not_trained_are_not_made(tmp_path: Path):
    config = make_config(str(tmp_path), levels=4)  # down to 41% density
    study = make_study(config)
    write_artifacts(config, study)
    assert study.claims(config, read_back(study.tables(config))) == []


def test_collapse_is_claimed_where_it_was_looked_for(tmp_path: Path):
    config = make_config(str(tmp_path), levels=18)  # down to 1.8%
    study = make_study(config, controls=[], one_shot=False, continued=False, histogram_levels=[])
    write_artifacts(config, study)
    claims = {claim.claim: claim for claim in study.claims(config, read_back(study.tables(config)))}
    assert len(claims) == 4 and "at 1.8% density" in find(claims, "Tickets with 1.8% of the weights").effect


def test_learning_rates_that_fall_in_steps_are_compared_with_each_other(results):
    assert set(claims_of(results, "fast")) == {
        "Training moves the weights of the winning ticket farther than the pruned ones."
    }
    slow = claims_of(results, "slow")
    gap, change = find(slow, "tickets beat"), find(slow, "need a lower learning rate")
    assert gap.verdict == "supported" and "final" not in change.effect
    assert change.estimate == pytest.approx(0, abs=1e-9) and change.verdict != "supported"  # equal by construction


def test_what_the_paper_finds_on_its_lenet_is_not_claimed_of_one_that_is_trained_in_another_way(tmp_path: Path):
    optimizer = {"optimizer": {"name": "sgd", "learning_rate": 0.05}}
    config = make_config(str(tmp_path), plain=task(), other=task(recipe=optimizer))
    study = make_study(config, one_shot=False, continued=False, histogram_levels=[])
    write_artifacts(config, study)
    claims = study.claims(config, read_back(study.tables(config)))
    assert {claim.task for claim in claims if "on LeNet" in claim.claim} == {"plain"}
    assert {claim.task for claim in claims} == {"plain", "other"}
