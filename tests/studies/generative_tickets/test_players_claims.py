"""Claims about GANs and passed on generators, on tables with planted effects."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from lth_core.analysis.claims import Claim, why_unmeasured
from lth_core.report.numbers import claim_numbers
from tests.support.players_results import BOTH, FARTHER, SPREAD, config, study, tables


def claims(task: str, changed: dict[str, pd.DataFrame] | None = None, **options) -> dict[str, Claim]:
    made = study().claims(config(), tables(**options) | (changed or {}))
    return {claim.claim: claim for claim in made if claim.task == task}


EXPECTED = {
    "Images of tickets are nearer to test images than those of random masks, with 12.5% of": (4 - 0.5) * 3,
    "Images of tickets match those of dense networks within the spread of seeds, with 25% of": -0.5 * 2,
    "Images of tickets are nearer to real ones than those of random masks by more than the spread of seeds, with 25%":
        (4 - 0.5) * 2,
    "Images of tickets are nearer to real ones than those of random masks by more than the spread of seeds, with 12.5%":
        (4 - 0.5) * 3,
    "Images of tickets are nearer to real ones than those of their masks on fresh weights": (2 - 0.5) * 3,
    "Images of tickets are spread more evenly over the classes than those of random masks": 0.1 * (4 - 0.5) * 3,
    "Pruning the discriminator, too, costs no more than the spread of seeds": (0.5 - BOTH) * 3,
    "Images of tickets are nearer to real ones if the discriminator starts trained": (0.5 - 0.2) * 3,
    "Images of tickets are farther from real ones if the discriminator starts afresh": (0.9 - 0.5) * 3,
    "Tickets of the generator of 'vae' are better than random masks, with 12.5% of the generator's": (3 - 1) * 3,
}  # fmt: skip


def test_every_claim_measures_what_it_says() -> None:
    made = claims("gan")
    assert len(made) == len(EXPECTED)
    for (sentence, claim), (expected, effect) in zip(made.items(), EXPECTED.items(), strict=True):
        assert sentence.startswith(expected)
        assert claim.estimate == pytest.approx(effect, rel=1e-6), sentence


def test_claims_are_read_from_the_table_and_the_figure_that_have_them() -> None:
    drawn = study().figure_names(config())
    read = {claim.claim.split(",")[0]: (claim.table, claim.figure) for claim in claims("gan").values()}
    assert all(figure in drawn for _, figure in read.values())
    judged = {sentence: figure for sentence, (table, figure) in read.items() if table == "judged"}
    assert judged["Images of tickets match those of dense networks within the spread of seeds"] == "tickets-gan"
    assert judged["Pruning the discriminator"] == "players-gan"
    assert judged["Tickets of the generator of 'vae' are better than random masks"] == "transfer-gan"
    assert len(read) - len(judged) == 1  # the energy distance
    (passed,) = (one for name, one in claims("vae").items() if name.startswith("Tickets of the generator"))
    assert (passed.table, passed.figure) == ("measurements", "transfer-vae")


def test_random_masks_must_be_worse_by_more_than_the_spread_of_seeds() -> None:
    judged = tables()["judged"]
    random = (judged["branch"] == "random-mask") & (judged["level"] == 3)
    planted = FARTHER["random-mask"] - FARTHER[None]
    sentence = "Images of tickets are nearer to real ones than those of random masks by more than the spread of seeds"

    def verdict(by: float) -> str:
        moved = judged["frechet_distance"] - random * (planted * 3 - by + 0.01 * judged["seed"])
        made = claims("gan", {"judged": judged.assign(frechet_distance=moved)})
        return next(claim.verdict for name, claim in made.items() if name.startswith(f"{sentence}, with 12.5%"))

    assert verdict(1.1 * SPREAD) == "supported" and verdict(0.9 * SPREAD) == "contradicted"


@pytest.mark.parametrize(
    ("accuracy", "reason"),
    [
        (
            0.89,
            "the classifier of task 'judge' classifies 89% of validation images correctly, less than the 90% that a "
            "judge needs",
        ),
        (float("nan"), "the training of the classifier of task 'judge' diverged"),
    ],
)
def test_a_judge_that_is_not_fit_measures_no_claim_but_energy_distances(accuracy: float, reason: str) -> None:
    """Each stays in the list, and says why."""
    fit, (distance, *judged) = claims("gan"), claims("gan", accuracy=accuracy).values()
    assert [distance.claim, *(claim.claim for claim in judged)] == list(fit)
    assert distance.effect == "energy distance of drawn images to test images, random mask minus ticket"
    assert (distance.n, distance.unmeasured) == (3, 0)
    for claim in judged:
        assert (claim.n, claim.unmeasured, claim.verdict) == (0, 3, "inconclusive")
        assert claim.note == f"No replicate could be measured: {reason}." and why_unmeasured(claim) == reason


def test_a_spread_that_an_unfit_judge_has_not_measured_is_no_margin() -> None:
    unfit = {sentence: one for sentence, one in claims("gan", accuracy=0.5).items() if "spread of seeds" in sentence}
    assert len(unfit) == 4 and all(math.isnan(claim.margin) for claim in unfit.values())
    assert (
        claim_numbers(vars(next(iter(unfit.values()))) | {"p_holm": math.nan})["requirement"]
        == "must exceed a margin that is not known"
    )


def test_matching_within_the_spread_of_seeds_says_which_controls_match_as_well() -> None:
    judged = tables()["judged"]
    controls = judged["branch"].isin(["ticket", "random-mask"]) & (judged["level"] == 2)
    nearer = judged["frechet_distance"].mask(controls, 10.5 + 0.9 * (judged["seed"] - 1))
    (claim,) = (
        one
        for name, one in claims("gan", {"judged": judged.assign(frechet_distance=nearer)}).items()
        if "match" in name
    )
    assert claim.verdict == "supported" and claim.remark == (
        "The same holds for random masks (−0.50 points of Fréchet distance, [−0.75, −0.25]): it does not tell tickets "
        "from them. The spread of dense networks over seeds, 1 point, which still matches, is 14.3% of the difference "
        "between the dense network (10) and real images in place of drawn ones (3)."
    )


def test_transfers_are_compared_with_random_masks_in_both_directions_at_both_densities() -> None:
    both = study(transfer_levels=[2, 3])
    made = both.claims(config(transfer_levels=[2, 3]), tables(transfer_levels=[2, 3]))
    passed = [(one.task, one.claim, one.estimate) for one in made if one.figure.startswith("transfer")]
    said = "Tickets of the generator of '{}' are better than random masks, with {}% of the generator's weights."
    assert passed == [
        (task, said.format(source, density), pytest.approx(worth * level))
        for task, source, worth in (("gan", "vae", 2), ("vae", "gan", 2))
        for level, density in ((2, "25"), (3, "12.5"))
    ]


def test_a_transfer_that_is_worse_than_random_masks_is_contradicted() -> None:
    judged = tables()["judged"]
    by = (50 + 0.01 * judged["seed"]) * (judged["branch"] == "generator-from-vae")
    made = claims("gan", {"judged": judged.assign(frechet_distance=judged["frechet_distance"] + by)})
    (claim,) = (claim for claim in made.values() if claim.figure == "transfer-gan")
    assert claim.verdict == "contradicted"


def test_an_autoencoder_is_compared_by_its_metric() -> None:
    *_, (sentence, claim) = claims("vae").items()
    assert sentence.startswith("Tickets of the generator of 'gan' are better than random masks")
    assert claim.estimate == pytest.approx((2.5 - 0.5) * 3) and claim.unit == "nats"
