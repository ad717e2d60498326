"""Claims about warm starts, on results with gaps of known sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.studies.warm_start import WarmStart
from lth_core.studies.warm_start.claims import gap_correlation
from tests.support.warm_start_results import write_files

Known = tuple[WarmStart, Config, dict[str, pd.DataFrame]]
AT_99 = "at the first evaluation with 99% training accuracy."
AT_END = "after equal steps on all examples."


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return write_files(tmp_path_factory.mktemp("results"))


def about(known: Known, begins: str, ends: str = "") -> Claim:
    study, config, tables = known
    claims = study.claims(config, tables)
    (claim,) = (one for one in claims if one.claim.startswith(begins) and one.claim.endswith(ends))
    return claim


@pytest.mark.parametrize(
    ("stop", "gap"),
    [(AT_99, 2.0 + 2.0), ("after equal steps in total.", 2.0 + 2.0), (AT_END, 2.0)],  # two evaluations of one point
)
def test_the_dense_gap_is_theta_0_minus_the_warm_start(known: Known, stop: str, gap: float) -> None:
    claim = about(known, "A dense network that was trained on 50% of the examples first is worse", stop)
    assert claim.estimate == pytest.approx(gap, abs=0.02) and claim.verdict == "supported"
    assert (claim.source, claim.unit, claim.n) == ("Ash & Adams 2020", "percentage points", 4)
    assert claim.effect == f"test accuracy {stop.removesuffix('.')}, theta_0 minus warm start"


def test_no_claim_says_whether_the_gap_grows_with_sparsity(known: Known) -> None:
    study, config, tables = known
    assert not [one for one in study.claims(config, tables) if "grow" in one.claim or "halving" in one.effect]


def test_masks_of_known_examples_match_those_of_all_within_the_tolerance(known: Known) -> None:
    for density in ("50%", "25%"):
        ends = f"(within 0.2 percentage points), with {density} of the weights, {AT_END}"
        claim = about(known, "The mask of the known examples on theta_0 matches that of all examples", ends)
        assert claim.estimate == pytest.approx(-0.1) and claim.margin == -0.2 and claim.verdict == "supported"


def test_shrink_and_perturb_closes_the_gap_of_the_dense_network_and_of_every_ticket(known: Known) -> None:
    for network, source in (
        ("the dense network", "Ash & Adams 2020"),
        ("the mask of the known examples, with 50% of the weights", "Beyond Ash & Adams 2020"),
        ("the mask of the known examples, with 25% of the weights", "Beyond Ash & Adams 2020"),
    ):
        begins = f"For {network}, shrunk and perturbed weights are as good a start as theta_0"
        claim = about(known, begins, AT_END)
        assert claim.estimate == pytest.approx(-0.05) and claim.verdict == "supported" and claim.source == source
        assert about(known, begins, AT_99).estimate == pytest.approx(-0.05 - 1)


def test_warm_starts_are_faster_and_so_is_shrink_and_perturb(known: Known) -> None:
    warm, shrunk = about(known, "A warm start comes to 99%"), about(known, "Shrink-and-perturb keeps the speed")
    assert (warm.estimate, shrunk.estimate, warm.unit) == (40, 20, "steps")
    assert warm.verdict == "inconclusive"  # all seeds alike


def test_gaps_and_barriers_are_correlated_over_networks_within_each_seed(known: Known) -> None:
    claim = about(known, "The gap is wider where the barrier")
    expected = pd.Series([2, 3, 4, 3, 4, 3, 4]).rank().corr(pd.Series([2, 3, 4, 3, 4, 4, 5]).rank())
    assert claim.estimate == pytest.approx(expected) and claim.n == 4
    assert "over 7 networks" in claim.effect


def test_a_correlation_of_equal_values_is_unknown() -> None:
    table = pd.DataFrame({"seed": 0, "mask": list("abcd"), "level": 1, "gap": [1, 2, 3, 4], "barrier_test": 0.5})
    assert np.isnan(gap_correlation(table)[0])


def test_a_gap_of_nothing_is_no_gap_and_a_negative_one_contradicts(known: Known) -> None:
    study, config, tables = known
    table = tables["measurements"]
    cold, warm = table["start"] == "init", table["start"] == "warm"
    swapped = table.assign(start=table["start"].mask(cold, "warm").mask(warm, "init"))
    claim = about((study, config, tables | {"measurements": swapped}), "A dense network", AT_END)
    assert claim.verdict == "contradicted"


def test_trainings_that_never_converge_leave_claims_about_convergence_open(tmp_path: Path) -> None:
    few = write_files(tmp_path, late=lambda network, seed: network.start == "warm" and seed == 1)
    claim = about(few, "A dense network", AT_99)
    assert (claim.n, claim.unmeasured, claim.verdict) == (3, 1, "inconclusive")
    assert about(few, "A dense network", AT_END).verdict == "supported"


def test_claims_that_no_training_comes_to_say_so(tmp_path: Path) -> None:
    never = write_files(tmp_path, late=lambda network, seed: network.start == "warm")
    reason = "in no seed do all compared trainings come to 99% training accuracy"
    for begins, ends in (("A dense network", AT_99), ("A warm start comes to 99%", "")):
        assert about(never, begins, ends).note == f"No replicate could be measured: {reason}."
    assert not about(never, "A dense network", AT_END).note


def test_few_networks_have_no_correlation(tmp_path: Path) -> None:
    study, config, tables = write_files(tmp_path)
    few = tables["barriers"][tables["barriers"]["mask"].isin(["dense", "known"])]
    claims = study.claims(config, tables | {"barriers": few})
    assert not [claim for claim in claims if "barrier" in claim.claim]
