"""How many seeds a config needs: in how many draws of n seeds each claim is decided, from a pilot run of other seeds.

A claim is decided when its interval lies above or below its margin, whichever, and runs that training cuts off cannot
reverse that. The pilot has every claim's effect for each of its seeds; n of them are drawn with replacement, DRAWS
times, and tested as for the page. The verdicts of the seeds that a config goes on to use are not looked at.

    snakemake --cores all --configfile PILOT.yaml -- results/tables/PILOT/claims.csv
    python -m benchmarks.seeds PILOT.yaml [--seeds 5 10 15 20 25 30]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from lth_core.analysis.claims import Claim, evaluate_claim
from lth_core.analysis.cut_off import CutOff, with_cut_off
from lth_core.jobs.support.loading import read_tables
from lth_core.planning.plan import Plan
from lth_core.randomness import random_generator
from lth_core.studies import claim_sheet

DRAWS = 1000


@dataclass
class PilotClaim:
    """What a claim is tested on: its effect by seed, as what, and the runs in it that training cut off."""

    effect: pd.Series
    about: dict[str, Any]
    sides: Sequence[CutOff] = ()

    @property
    def sentence(self) -> str:
        """Return what is claimed."""
        return self.about["claim"]

    def verdict(self, drawn: Sequence[str]) -> str:
        """Return the verdict on seeds drawn with replacement: each draw counts as a seed of its own."""
        claim = evaluate_claim(self.effect.loc[list(drawn)].to_numpy(), **self.about, seeds=range(len(drawn)))
        if not self.sides:
            return claim.verdict
        sides = [replace(side, runs=_of_seeds(side.runs, drawn)) for side in self.sides]
        return with_cut_off(claim, "cut off", sides).verdict

    def decided(self, seeds: int) -> float:
        """Return the share of draws of `seeds` seeds that decide the claim."""
        rng = random_generator(0, "power", seeds)
        verdicts = [self.verdict(rng.choice(self.effect.index, seeds).tolist()) for _ in range(DRAWS)]
        return 1 - verdicts.count("inconclusive") / DRAWS


def _of_seeds(runs: pd.Series, drawn: Sequence[str]) -> pd.Series:
    """Return the runs of seeds (there may be several of each), under the place of each in the draw."""
    parts = [runs.loc[[seed]].to_numpy() for seed in drawn]
    return pd.Series(np.concatenate(parts), index=np.repeat(range(len(parts)), [len(part) for part in parts]))


def tested(path: str) -> list[PilotClaim]:
    """Return what the claims of a config's studies are tested on, in their order.

    The page, too, says how many seeds a claim needs, for one claim alone and values that are normal on its scale.
    """
    plan = Plan.read([path])
    claims: list[PilotClaim] = []

    def record(differences: Sequence[float], *, seeds: Sequence[str] = (), **about: Any) -> Claim:
        if len(seeds):  # a control of a claim, which says of whom else it holds, has none
            claims.append(PilotClaim(pd.Series(differences, index=list(seeds), dtype=float), about))
        return evaluate_claim(differences, seeds=seeds if len(seeds) else None, **about)

    def record_cut_off(claim: Claim, what: str, sides: Sequence[CutOff]) -> Claim:
        claims[-1].sides = sides
        return with_cut_off(claim, what, sides)

    with (
        mock.patch.object(claim_sheet, "evaluate_claim", record),
        mock.patch.object(claim_sheet, "with_cut_off", record_cut_off),
    ):
        for name, study in plan.studies.items():
            study.claims(plan.config, read_tables(plan.config, name, study))
    return claims


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("config")
    arguments.add_argument("--seeds", type=int, nargs="+", default=[5, 10, 15, 20, 25, 30])
    options = arguments.parse_args()
    shares = []
    print("% of draws that decide the claim, for", *options.seeds, "seeds")
    for claim in tested(options.config):
        shares.append([claim.decided(seeds) for seeds in options.seeds])
        print(*(f"{100 * share:4.0f}" for share in shares[-1]), f"  {claim.sentence}", flush=True)
    print(*(f"{total:4.1f}" for total in np.sum(shares, axis=0)), f"  of {len(shares)} claims are decided, on average")


if __name__ == "__main__":
    main()
