"""Claims about tickets of networks that make images, on tables with planted effects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from tests.support.generative_results import WORTH, config, study, tables


def claims(task: str, changed: dict[str, pd.DataFrame] | None = None, **options: Any) -> list[Claim]:
    made = study(**options).claims(config(**options), tables(**options) | (changed or {}))
    return [claim for claim in made if claim.task == task]


IN_PROPORTION = (
    "1 nat, which still matches, is 40% of the difference between the dense network (25) and the mean test image in "
    "place of every image (27.5)."
)
EXPECTED = [
    ("Tickets match the dense network's {label} (within {tolerance}), with 25% of the weights.", -0.1 * 2, "supported"),
    (
        "Tickets have a lower {label} than random masks{margin}, with 12.5% of the weights.",
        (0.8 - 0.1) * 3,
        "supported",
    ),
    ("Tickets have a lower {label} than their masks on fresh weights, with 12.5% of the weights.", 0.9, "supported"),
    (
        "Tickets that are reset to step 0 match those rewound to step 5 (within {tolerance}), with 12.5% of",
        0.3,
        "supported",
    ),
]


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("vae", {"label": "negative ELBO", "tolerance": "1 nat", "margin": " by more than 1 nat"}),
        ("diffusion", {"label": "denoising loss", "tolerance": "0.005 squared noise", "margin": ""}),
    ],
)
def test_lower_is_better_and_each_kind_of_network_has_its_margin(task: str, words: dict[str, str]) -> None:
    made = claims(task)
    assert len(made) == len(EXPECTED) + 1
    for claim, (sentence, effect, verdict) in zip(made, EXPECTED, strict=False):
        assert claim.claim.startswith(sentence.format(**words))
        assert claim.estimate == pytest.approx(effect * WORTH[task], rel=1e-6)
        assert claim.verdict == verdict


def test_matching_says_which_controls_match_as_well() -> None:
    """With 25% of the weights fresh weights are worse by 0.8 of what matches, and random masks by 1.6."""
    of_vae, of_diffusion = claims("vae")[0].remark, claims("diffusion")[0].remark
    fresh = "The same holds for masks on fresh weights (−0.8000 nats, [−0.8020, −0.7980])"
    assert of_vae == f"{fresh}: it does not tell tickets from them. {IN_PROPORTION}"
    assert of_diffusion.startswith("The same holds for masks on fresh weights (−0.004000 squared noise, ")
    measured = tables()["measurements"]
    random, ticket = measured["branch"] == "random-mask", measured["branch"] == "ticket"
    both = claims("vae", {"measurements": measured.assign(metric=measured["metric"] - random)})[0].remark
    assert both.startswith("The same holds for random masks (−0.6000 nats, [−0.6040, −0.5960]) and masks")
    worse = claims("vae", {"measurements": measured.assign(metric=measured["metric"] + ticket)})[0]
    assert worse.verdict == "contradicted" and worse.remark.startswith("1 nat, which still matches, is ")
    assert claims("vae", controls=["random-mask"])[0].remark == IN_PROPORTION
    assert not any("The same holds" in claim.remark for claim in claims("vae")[1:])


def test_claims_with_a_margin_say_how_much_of_what_the_dense_network_gains_it_is() -> None:
    """Each stands in tables without the captions of its figures, which have that once."""
    for task, margins in (("vae", 3), ("diffusion", 2)):
        made = claims(task)
        said = [claim for claim in made if "which still matches, is " in claim.remark]
        assert said == [claim for claim in made if claim.margin] and len(said) == margins
    (tickets, *_) = study().figures(config(), tables())
    assert tickets.caption.count("which still matches, is ") == 1


def test_images_of_tickets_are_nearer_to_real_ones() -> None:
    claim = claims("vae")[-1]
    assert (
        claim.claim
        == "Images of tickets are nearer to test images than those of random masks, with 12.5% of the weights."
    )
    assert claim.estimate == pytest.approx(0.05 * (0.8 - 0.1) * 3) and claim.verdict == "supported"


def test_a_small_lead_over_random_masks_is_enough_for_diffusion_alone() -> None:
    measured = tables()["measurements"]
    change = {task: 1.6 * worth for task, worth in WORTH.items()}
    nearer = measured["metric"] - measured["task"].map(change) * (measured["branch"] == "random-mask")
    changed = {"measurements": measured.assign(metric=nearer)}  # 2.1 less 1.6 of what matches
    assert claims("vae", changed)[1].verdict == "contradicted"
    assert claims("diffusion", changed)[1].verdict == "supported"


def test_images_that_diverged_leave_their_claim_open() -> None:
    samples = tables()["samples"]
    lost = (samples["branch"] == "ticket") & (samples["level"] == 3) & (samples["seed"] == 1)
    claim = claims("vae", {"samples": samples.assign(test_distance=samples["test_distance"].mask(lost))})[-1]
    assert (claim.n, claim.unmeasured, claim.verdict) == (2, 1, "inconclusive")


def test_what_the_config_leaves_out_is_not_claimed() -> None:
    assert [claim.claim.partition(" (")[0] for claim in claims("vae", controls=[], rewind_step=0)] == [
        "Tickets match the dense network's negative ELBO"
    ]


def test_seeds_do_not_all_agree_by_themselves() -> None:
    assert all(np.isfinite(claim.low) and claim.low < claim.high for claim in claims("vae"))
