"""Claims about pruning before training, on tables with planted effects: they turn with the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.studies.tanaka2020 import Tanaka2020
from tests.support.tanaka2020_results import COMPRESSIONS, conservation, known

Known = tuple[Tanaka2020, Config, dict[str, pd.DataFrame]]


@pytest.fixture(scope="module")
def mini() -> Known:
    return known(smart_ratios=["descending", "ascending"])


def claims(known: Known, **other: pd.DataFrame) -> dict[str, Claim]:
    study, config, tables = known
    made = study.claims(config, tables | other)
    by_sentence = {claim.claim: claim for claim in made}
    assert len(by_sentence) == len(made)
    return by_sentence


def about(known: Known, start: str, **other: pd.DataFrame) -> Claim:
    (claim,) = (claim for sentence, claim in claims(known, **other).items() if sentence.startswith(start))
    return claim


def with_accuracy(known: Known, pruning: str, check: str, change: float) -> pd.DataFrame:
    """The measurements with other accuracies of one way to prune; seeds differ a little in the change, too."""
    table = known[2]["measurements"].copy()
    rows = (table["pruning"] == pruning) & (table["check"] == check)
    table.loc[rows, "metric"] += change * (1 + 1e-3 * table["seed"][rows])
    return table


# ---------------------------------------------------------------- without training


@pytest.mark.parametrize("score", ["SynFlow", "SNIP"])
def test_conservation_is_exact_to_five_digits(mini: Known, score: str) -> None:
    sentence = f"The synaptic saliency of {score} at initialization is conserved at every hidden unit and layer."
    claim = about(mini, sentence)
    assert (claim.unit, claim.margin, claim.verdict) == ("digits", 5.0, "supported")
    assert claim.estimate == pytest.approx(12, abs=0.1)
    assert about(mini, sentence, conservation=conservation(off=1e-4)).verdict == "contradicted"


@pytest.mark.parametrize("column", ["unit_difference", "layer_difference"])
def test_units_and_layers_both_have_to_agree(mini: Known, column: str) -> None:
    table = conservation()
    table.loc[(table["score"] == "snip") & (table["layer"] == "fc2.weight"), column] = 1e-4 * (1 + table["seed"])
    assert about(mini, "The synaptic saliency of SNIP", conservation=table).verdict == "contradicted"


def test_networks_whose_units_several_layers_read_have_no_equal_layers(mini: Known) -> None:
    table = conservation()
    table.loc[table["layer"] == "fc1.weight", "unit_difference"] = np.nan
    table["layer_difference"] = 0.5
    claim = about(mini, "The synaptic saliency of SNIP", conservation=table)
    assert claim.claim.endswith("is conserved at every hidden unit.") and claim.verdict == "supported"


LATER = [
    (
        "SynFlow in many rounds keeps weights in every layer up to a higher compression than in one",
        "synflow",
        "synflow-1",
    ),
    (
        "SNIP keeps weights in every layer up to a higher compression than magnitude at initialization",
        "snip",
        "magnitude",
    ),
    (
        "GraSP keeps weights in every layer up to a higher compression than magnitude at initialization",
        "grasp",
        "magnitude",
    ),
    ("SynFlow keeps weights in every layer up to a higher compression than SNIP", "synflow", "snip"),
    ("SynFlow keeps weights in every layer up to a higher compression than GraSP", "synflow", "grasp"),
]


@pytest.mark.parametrize(("sentence", "first", "second"), LATER)
def test_critical_compressions_are_compared_in_powers_of_ten(
    mini: Known, sentence: str, first: str, second: str
) -> None:
    critical = mini[2]["critical"]
    claim = about(mini, f"{sentence}.")
    wide = np.log10(critical.pivot(index="seed", columns="pruning", values="critical"))
    assert claim.estimate == pytest.approx((wide[first] - wide[second]).mean()) and claim.estimate > 0
    assert (claim.unit, claim.n) == ("powers of ten", 3)
    turned = critical.assign(pruning=critical["pruning"].replace({first: second, second: first}))
    assert about(mini, f"{sentence}.", critical=turned).estimate == pytest.approx(-claim.estimate)


def test_synflow_is_said_to_reach_the_largest_compression_that_is_possible(mini: Known) -> None:
    claim = about(mini, "Iterated SynFlow keeps weights in every layer")
    assert (claim.estimate, claim.margin) == (pytest.approx(0), -0.25)
    critical = mini[2]["critical"]
    early = critical.assign(critical=critical["critical"].where(critical["pruning"] != "synflow", 10.0))
    other = about(mini, "Iterated SynFlow keeps weights in every layer", critical=early)
    assert other.estimate == pytest.approx(1 - np.log10(COMPRESSIONS[-1]))


# ---------------------------------------------------------------- trained networks


@pytest.mark.parametrize(("other", "estimate"), [("SNIP", 2.0), ("GraSP", 3.0)])
def test_magnitude_at_initialization_is_compared_up_to_tenfold_compression(
    mini: Known, other: str, estimate: float
) -> None:
    claim = about(mini, f"Compressed at most 10 times, magnitude at initialization is no worse than {other}")
    assert claim.claim.endswith("(within 0.2 percentage points), with 50% to 10% of the weights.")
    assert claim.estimate == pytest.approx(estimate, rel=1e-2) and claim.margin == -0.2
    worse = with_accuracy(mini, "magnitude", "unchanged", -0.04)
    assert about(mini, claim.claim, measurements=worse).verdict == "contradicted"


@pytest.mark.parametrize("name", ["magnitude at initialization", "SNIP", "GraSP", "SynFlow"])
@pytest.mark.parametrize(
    ("words", "check"), [("Shuffling masks within layers costs", "random-mask"), ("Fresh weights cost", "reinit")]
)
def test_checks_cost_masks_of_theta_0_nothing(mini: Known, name: str, words: str, check: str) -> None:
    sentence = f"{words} {name} no accuracy (within 0.2 percentage points), with 10% to 1% of the weights."
    claim = about(mini, sentence)
    assert claim.estimate == pytest.approx(-0.01, rel=1e-2) and claim.verdict == "supported"
    pruning = name.partition(" ")[0].lower()
    costly = with_accuracy(mini, pruning, check, -0.05)
    assert about(mini, sentence, measurements=costly).verdict == "contradicted"


@pytest.mark.parametrize(
    ("name", "pruning"),
    [
        ("iterative magnitude pruning", "imp"),
        ("one-shot magnitude pruning after training", "magnitude-after"),
    ],
)
@pytest.mark.parametrize(
    ("words", "check", "estimate"),
    [("Shuffling masks within layers harms", "random-mask", 2.0), ("Fresh weights harm", "reinit", 3.0)],
)
def test_checks_harm_pruning_after_training(
    mini: Known, name: str, pruning: str, words: str, check: str, estimate: float
) -> None:
    claim = about(mini, f"{words} {name}, with 10% to 1%")
    assert claim.estimate == pytest.approx(estimate, rel=1e-2) and claim.verdict == "supported"
    helped = with_accuracy(mini, pruning, check, 0.05)
    assert about(mini, claim.claim, measurements=helped).verdict == "contradicted"


def test_inverted_magnitudes_are_compared_from_a_fifth_of_the_weights_on(mini: Known) -> None:
    claim = about(known(check_levels=[1, 2, 4]), "Keeping the smallest magnitudes after training")
    assert claim.claim.endswith("with 10% to 1% of the weights.")
    assert claim.estimate == pytest.approx(50, rel=1e-2)


@pytest.mark.parametrize(("name", "pruning", "estimate"), [("SNIP", "snip", 5.0), ("SynFlow", "synflow", 6.5)])
def test_layerwise_densities_are_what_masks_know(mini: Known, name: str, pruning: str, estimate: float) -> None:
    claim = about(mini, f"Random masks with the layerwise densities of {name} beat uniform random masks")
    assert claim.estimate == pytest.approx(estimate - 0.01, rel=1e-2) and claim.verdict == "supported"
    worse = with_accuracy(mini, pruning, "random-mask", -0.2)
    assert about(mini, claim.claim, measurements=worse).verdict == "contradicted"


def test_smart_ratios_are_claimed_of_convolutions_only(mini: Known) -> None:
    assert not [sentence for sentence in claims(mini) if "deeper they are" in sentence]
    counts = mini[2]["collapse"]
    conv = counts.assign(kind=counts["kind"].replace("hidden", "conv"))
    down = about(mini, "Random masks whose layers keep less the deeper they are beat uniform", collapse=conv)
    up = about(mini, "Uniform random masks beat those whose layers keep more the deeper", collapse=conv)
    for claim in (down, up):
        assert claim.estimate == pytest.approx(4.0, rel=1e-2) and claim.verdict == "supported"
        assert claim.claim.endswith("with 1% of the weights.") and claim.source == "Su et al. 2020"


def test_what_the_config_leaves_out_is_not_claimed() -> None:
    some = claims(known(criteria=["random", "magnitude"], iterations={}, linear=[], also_trained=[], smart_ratios=[]))
    assert not [sentence for sentence in some if "SNIP" in sentence.partition("conserved")[0] and "harm" in sentence]
    assert not [sentence for sentence in some if "in every layer" in sentence]


def test_a_seed_that_diverged_leaves_its_claims_open(mini: Known) -> None:
    table = mini[2]["measurements"].copy()
    table.loc[(table["pruning"] == "imp") & (table["check"] == "reinit") & (table["seed"] == 1), "metric"] = np.nan
    claim = about(mini, "Fresh weights harm iterative magnitude pruning", measurements=table)
    assert (claim.n, claim.unmeasured, claim.verdict) == (2, 1, "inconclusive")


def test_a_mean_over_densities_names_the_effect_at_each(mini: Known) -> None:
    sentence = "Shuffling masks within layers costs SNIP no accuracy"
    table = mini[2]["measurements"].copy()
    shuffled = (table["pruning"] == "snip") & (table["check"] == "random-mask")
    table.loc[shuffled & (table["level"] == 2), "metric"] += 0.03
    table.loc[shuffled & (table["level"] == 4), "metric"] -= 0.5
    said = "The effects are 3.0 with 10%, −50.0 with 1%."
    assert about(mini, sentence, measurements=table).remark == said
