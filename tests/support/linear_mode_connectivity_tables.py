"""Tables of known numbers for the study of linear mode connectivity, and the claims that it makes of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.storage.runs import DENSE
from lth_core.studies.linear_mode_connectivity import LinearModeConnectivity
from lth_core.studies.linear_mode_connectivity.tables import COLUMNS, PATH_COLUMNS

STEPS, LEVELS, SEEDS = [0, 20, 80], [2, 4], 3
BARRIERS = {DENSE: 0.10, "ticket": 0.06, "random-mask": 0.30, "reinit": 0.20}
"""At k = 0; they fall to a tenth at k = 80."""
ACCURACY = {DENSE: 0.96, "ticket": 0.95, "random-mask": 0.92, "reinit": 0.93}
"""At k = 0; subnetworks gain 0.012 at k = 80."""
OPTIONS = {"tasks": {"digits": "imp"}, "steps": STEPS, "levels": LEVELS}


ADAM = {"name": "adam", "learning_rate": 1.2e-3}
"""What the paper trains LeNet with."""


def config(
    model: str = "resnet-20",
    cohorts: tuple[str, ...] = ("0-2",),
    method: dict | None = None,
    optimizer: dict | None = None,
) -> Config:
    recipe = {"optimizer": optimizer or ADAM, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    task = {"dataset": "digits", "model": model, "train": recipe, "cohorts": list(cohorts)}
    studies = {"linear-mode-connectivity": OPTIONS}
    return Config(tasks={"digits": task}, methods={"imp": {"levels": 4} | (method or {})}, studies=studies)


def study(**options) -> LinearModeConnectivity:
    return LinearModeConnectivity(**OPTIONS | options)


def known_instability(statistics: tuple[str, ...] = ("interpolated",)) -> pd.DataFrame:
    """Every line of the study with known barriers; aligned ones have half the barrier, re-estimated ones 0.8 of it."""
    rows = []
    for pair in study().pairs(config()):
        late = pair.k / 80
        for seed in range(SEEDS):
            spread = (
                1 + (seed - 1) * (1 + pair.k + pair.run.level) / 1e5
            )  # every effect differs a little around its mean
            for matching in ("none", "aligned"):
                for kind in statistics:
                    barrier = {"order": BARRIERS[pair.network] * (1 - 0.9 * late), "level": 0.01, "seed": 0.5}[
                        pair.kind
                    ]
                    barrier *= {"none": 1, "aligned": 0.5}[matching] * {"interpolated": 1, "estimated": 0.8}[kind]
                    barrier *= spread
                    gain = 0.012 * late if pair.network != DENSE else 0
                    accuracy = (ACCURACY[pair.network] + gain) * spread
                    name = ("digits", pair.k, pair.run.level, 0.8**pair.run.level, pair.network, pair.kind, pair.order)
                    barriers = (2 * barrier, barrier, 20 * barrier, 10 * barrier)
                    rows.append((*name, seed, 0, matching, kind, *barriers, 5.0, 0.5, 0.1, 0.2, accuracy, accuracy))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def known_paths(instability: pd.DataFrame) -> pd.DataFrame:
    lines = instability[(instability["pair"] == "order") & (instability["matching"] == "none")]
    lines = lines[lines["network"].isin([DENSE, "ticket"])]
    parts = [
        lines.assign(split=split, alpha=alpha, error=0.04 + (1 - 2 * abs(alpha - 0.5)) * lines[f"barrier_{split}"])
        for split in ("train", "test")
        for alpha in np.linspace(0, 1, 7)
    ]
    return pd.concat(parts)[list(PATH_COLUMNS)]


def claims_by_sentence(
    model: str, table: pd.DataFrame | None = None, optimizer: dict | None = None, **options
) -> dict[str, Claim]:
    table = known_instability() if table is None else table
    claims = study(**options).claims(config(model, optimizer=optimizer), {"instability": table})
    by_sentence = {claim.claim: claim for claim in claims}
    assert len(by_sentence) == len(claims)  # each sentence says what it is about
    return by_sentence
