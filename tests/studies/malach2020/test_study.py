"""Claims and figures about subset sums and constructions, on tables with planted effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.studies.malach2020 import Malach2020
from lth_core.studies.malach2020.fits import bits, explained, needed

STUDY = Malach2020.model_validate({"tasks": {"digits": "imp"}})
TRAIN = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 8, "steps": 4, "evaluate_every": 4}
CONFIG = Config.model_validate(
    {
        "tasks": {"digits": {"dataset": "digits", "model": "lenet", "train": TRAIN, "cohorts": ["0-2"]}},
        "methods": {"imp": {"levels": 1}},
        "construction": {"units": [2, 4, 6]},
        "studies": {"malach2020": {"tasks": {"digits": "imp"}}},
    }
)
SEEDS = range(3)

Tables = dict[str, pd.DataFrame]


def tables(per_value: float = 0.9, last: float = 0.005, neurons: float = 0.5) -> Tables:
    """Errors that fall by `per_value` bits for each value; `last`: the error with the most units."""
    sums = [
        ("digits", seed, values, error := 0.3 * 2 ** (-(per_value + 0.01 * seed) * values), 4 * error)
        for seed in SEEDS
        for values in range(1, 17)
    ]
    networks = []
    for seed in SEEDS:
        networks.append(("digits", seed, "target", 0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.97 + 0.001 * seed))
        for units in (2, 4, 6):
            error = last * 2 ** ((6 - units) * (1 + 0.01 * seed))
            same, width = 1 - 0.01 * (6 - units), 2.0 * units
            metric = 0.97 + 0.0011 * seed - 0.1 * error
            networks.append(("digits", seed, "weights", units, width, 0.1, error, error, error, same, metric))
            agreed = neurons + 0.01 * seed
            networks.append(("digits", seed, "neurons", units, width, 0.1, np.nan, 0.2, 0.9, agreed, agreed))
    columns = ["task", "seed", "pruned", "units", "width", "density", "weight_error"]
    columns += ["mean_error", "largest_error", "agreement", "metric"]
    return {
        "subset_sums": pd.DataFrame(sums, columns=["task", "seed", "values", "mean_error", "largest_error"]),
        "constructions": pd.DataFrame(networks, columns=columns),
    }


def about(start: str, made: Tables) -> Claim:
    (claim,) = (claim for claim in STUDY.claims(CONFIG, made) if claim.claim.startswith(start))
    return claim


def test_each_further_value_brings_the_bits_that_were_planted() -> None:
    claim = about("The error of the best subset sum falls exponentially", tables())
    assert claim.estimate == pytest.approx(0.91) and (claim.unit, claim.verdict) == ("bits", "supported")


def test_the_errors_that_are_expected_are_compared_where_they_were_measured() -> None:
    assert about("With 12 random values", tables()).verdict == "supported"
    slow = tables(per_value=0.3)
    assert about("With 12 random values", slow).verdict == "contradicted"
    assert about("With 15 random values", slow).estimate == pytest.approx(
        -3 - np.log10(0.3) + np.mean([(0.3 + 0.01 * seed) * 15 for seed in SEEDS]) * np.log10(2)
    )


def test_the_values_that_a_precision_needs_are_counted() -> None:
    rows = needed(tables()["subset_sums"])
    one = rows[rows["seed"] == 0].set_index("precision")["values"]
    for precision, values in one.items():
        assert 1.2 * 2 ** (-0.9 * values) <= 0.5**precision < 1.2 * 2 ** (-0.9 * (values - 1))  # 4 times 0.3
    assert about("The number of random values", tables()).verdict == "supported"


def test_lines_explain_what_lies_on_them() -> None:
    x = np.arange(5.0)
    assert explained(x, 3 * x + 1) == pytest.approx(1) and explained(x, (x - 2) ** 2) == pytest.approx(0)
    assert np.isnan(explained(x, np.ones(5)))
    falling = pd.DataFrame({"seed": 0, "n": x, "error": 2.0 ** (-2 * x)})
    assert bits(falling, "n", "error")[0] == pytest.approx(2)


@pytest.mark.parametrize(("last", "verdict"), [(0.005, "supported"), (0.02, "contradicted")])
def test_outputs_must_be_within_epsilon(last: float, verdict: str) -> None:
    made = tables(last=last)
    rows = made["constructions"]
    rows.loc[(rows["units"] == 6) & (rows["pruned"] == "weights"), "largest_error"] += 1e-4 * rows["seed"]
    claim = about("With 6 random units for each weight, all outputs are within 1%", made)
    assert claim.verdict == verdict and claim.estimate == pytest.approx(1 - 100 * (last + 1e-4))


@pytest.mark.parametrize(("neurons", "verdict"), [(0.5, "supported"), (1.2, "contradicted")])
def test_neurons_are_compared_at_the_same_width(neurons: float, verdict: str) -> None:
    claim = about("Pruning neurons alone", tables(neurons=neurons))
    assert claim.verdict == verdict and claim.estimate == pytest.approx(100 * (1 - neurons - 0.01))


def test_a_dense_run_that_diverged_leaves_no_target() -> None:
    made = tables()
    rows = made["constructions"]
    lost = (rows["seed"] == 1) & (rows["pruned"] != "target")
    rows.loc[rows["seed"] == 1, "metric"] = np.nan
    claim = about("A random network of 6 units", made | {"constructions": rows[~lost]})
    assert claim.verdict == "inconclusive" and claim.unmeasured == 1


def test_figures_are_those_that_were_announced_and_say_what_they_show() -> None:
    drawings = STUDY.figures(CONFIG, tables())
    assert [drawing.name for drawing in drawings] == STUDY.figure_names(CONFIG)
    sums, construction = (drawing.draw() for drawing in drawings)
    assert len(sums.axes) == 2 and len(construction.axes) == 3
    assert "200 targets" in drawings[0].caption and "4 to 12 times as wide" in drawings[1].caption
