"""How many seeds a config needs: in how many draws of n seeds each claim is decided, from a pilot run of other seeds.

A claim is decided when its interval lies above or below its margin, whichever. The pilot has every claim's effect for
each of its seeds; n of them are drawn with replacement, DRAWS times, and tested as for the page. The verdicts of the
seeds that a config goes on to use are not looked at.

    snakemake --cores all --configfile PILOT.yaml -- results/tables/PILOT/claims.csv
    python -m benchmarks.seeds PILOT.yaml [--seeds 5 10 15 20 25 30]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np

from lth_core.analysis.claims import Claim, evaluate_claim, mean_interval, verdict
from lth_core.analysis.scales import DIFFERENCES, Scale
from lth_core.jobs.support.loading import read_tables
from lth_core.planning.plan import Plan
from lth_core.randomness import random_generator
from lth_core.studies import claim_sheet

DRAWS = 1000


def effects(path: str) -> Iterator[tuple[Claim, np.ndarray, Scale]]:
    """Go through the claims of a config's studies, with the effect (seeds,) that each is tested on, and on which scale.

    The page, too, says how many seeds a claim needs, for one claim alone and values that are normal on its scale.
    """
    plan = Plan.read([path])
    tested: list[tuple[np.ndarray, Scale]] = []

    def record(differences: Sequence[float], **about: Any) -> Claim:
        tested.append((np.asarray(differences, dtype=float), about.get("scale", DIFFERENCES)))
        return evaluate_claim(differences, **about)

    with mock.patch.object(claim_sheet, "evaluate_claim", record):
        claims = [
            claim
            for name, study in plan.studies.items()
            for claim in study.claims(plan.config, read_tables(plan.config, name, study))
        ]
    for claim, (values, scale) in zip(claims, tested, strict=True):
        yield claim, values, scale


def decided(claim: Claim, values: np.ndarray, scale: Scale, seeds: int) -> float:
    """Return the share of draws of `seeds` seeds that decide a claim."""
    rng = random_generator(0, "power", seeds)
    draws = (rng.choice(values, seeds) for _ in range(DRAWS))
    verdicts = [verdict(*mean_interval(draw, scale)[1:], claim.margin) for draw in draws]
    return 1 - verdicts.count("inconclusive") / DRAWS


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("config")
    arguments.add_argument("--seeds", type=int, nargs="+", default=[5, 10, 15, 20, 25, 30])
    options = arguments.parse_args()
    shares = []
    print("% of draws that decide the claim, for", *options.seeds, "seeds")
    for claim, values, scale in effects(options.config):
        shares.append([decided(claim, values, scale, seeds) for seeds in options.seeds])
        print(*(f"{100 * share:4.0f}" for share in shares[-1]), f"  {claim.claim}", flush=True)
    print(*(f"{total:4.1f}" for total in np.sum(shares, axis=0)), f"  of {len(shares)} claims are decided, on average")


if __name__ == "__main__":
    main()
