"""Structured tickets: what is trained, what is counted, what is compared at equal parameters, and what is drawn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.storage.runs import Run
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import write_tensors
from lth_core.studies.structured_tickets import StructuredTickets
from lth_core.studies.structured_tickets.study import is_early
from lth_core.studies.structured_tickets.tables import COLUMNS, measurements

RECIPE = {
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "batch_size": 10,
    "steps": 100,
    "evaluate_every": 50,
}
TASK = {"dataset": "digits", "model": "resnet-8", "train": RECIPE, "cohorts": ["0-2"]}
CHANNELS = {"granularity": "channel", "densities": [0.5], "levels": 1}
METHODS = {
    "imp": {"scope": "global", "rate": 0.5, "levels": 2, "rewind": {"policy": "rewind", "step": 10}},
    "channel-imp": CHANNELS,
    "early": {
        **CHANNELS,
        "criterion": "batch-norm-scale",
        "iterative": False,
        "prune_at": 20,
        "rewind": {"policy": "rewind", "step": 20},
    },
}
SEEDS = (0, 1, 2)


def config(results: str = "results", **methods: Any) -> Config:
    known = {name: {**method, **methods.get(name, {})} for name, method in METHODS.items()}
    given = {"tasks": {"mini": TASK}, "methods": known, "studies": {"structured-tickets": {}}}
    return Config.model_validate({"results": results, **given})


def study(**options: Any) -> StructuredTickets:
    given = {"tasks": {"mini": "imp"}, "compare": {"mini": ["channel-imp", "early"]}} | options
    return StructuredTickets.model_validate(given)


# ---------------------------------------------------------------- what is asked for


def test_every_ticket_is_trained_with_its_own_and_with_fresh_weights() -> None:
    runs = study().runs(config())
    assert len(runs) == len(set(runs)) == 1 + 2 * (2 + 1 + 1)
    counted = Counter((run.method, run.branch) for run in runs)
    assert counted["imp", None] == counted["imp", "reinit"] == 2
    assert counted["early", None] == counted["early", "reinit"] == counted["dense", None] == 1
    methods = config().methods
    assert [name for name in METHODS if is_early(methods[name])] == ["early"]


@pytest.mark.parametrize(
    ("options", "methods", "problem"),
    [
        ({"compare": {}}, {}, "compare: task 'mini' needs methods that prune whole channels"),
        ({"compare": {"other": ["early"]}}, {}, "compare: unknown task of this study 'other'"),
        ({"compare": {"mini": ["erly"]}}, {}, "compare.mini: unknown method 'erly'"),
        ({"compare": {"mini": ["imp"]}}, {}, "compare.mini: method 'imp' must prune whole channels"),
        ({"tasks": {"mini": "early"}}, {}, "tasks.mini: method 'early' must prune single weights iteratively"),
        ({}, {"imp": {"iterative": False}}, "tasks.mini: method 'imp' must prune single weights iteratively"),
        ({}, {"early": {"treatment": "random-channels"}}, "method 'early' must have no treatment"),
    ],
)
def test_what_cannot_be_compared_is_refused(options: dict, methods: dict, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        study(**options).runs(config(**methods))


# ---------------------------------------------------------------- what is counted


def write_results(the_config: Config, runs: list[Run]) -> None:
    """A network of two layers: 100 weights of 10 operations each, and 100 of one. Masks keep of every seed alike."""
    kept = {("imp", 1): (50, 50), ("imp", 2): (25, 25), ("channel-imp", 1): (10, 40), ("early", 1): (20, 40)}
    header = {
        "layers": {"a.weight": "conv", "b.weight": "output"},
        "flops_per_weight": {"a.weight": 10.0, "b.weight": 1.0},
        "cost": {"flops": 1100.0},
    }
    folder = Path(the_config.results)
    initial = {name: np.zeros((3, 10, 10), np.float32) for name in header["layers"]}
    write_tensors(folder / "mini/0-2/init.safetensors", initial, header)
    for run in runs:
        rows = [
            (seed, 0, at, split, 0.1, 0.9 - 0.01 * run.level - 0.02 * bool(run.branch))
            for seed in SEEDS
            for at in (50, 100)
            for split in ("train", "validation", "test")
        ]
        Path(run.history(the_config.results)).parent.mkdir(parents=True, exist_ok=True)
        write_table(run.history(the_config.results), ("seed", "draw", "step", "split", "loss", "accuracy"), rows)
        if run.level:
            first, second = kept[run.method, run.level]
            counts = {"kept": {"a.weight": [first] * 3, "b.weight": [second] * 3}, "density": (first + second) / 200}
            write_tensors(run.mask(the_config.results), {"a.weight": np.ones(1, bool)}, counts)


def test_parameters_operations_and_costs_of_every_seed(tmp_path: Path) -> None:
    the_config, the_study = config(str(tmp_path)), study()
    write_results(the_config, the_study.runs(the_config))
    table = measurements(the_study, the_config)
    assert list(table) == list(COLUMNS) and len(table) == 3 * 9
    rows = table[table["seed"] == 1].set_index(["method", "network", "level"])
    for column in ("density", "operations", "cost"):
        assert rows.loc[("dense", "dense", 0), column] == 1
    assert rows.loc[("imp", "ticket", 2), "density"] == 0.25
    assert rows.loc[("channel-imp", "ticket", 1), "density"] == 0.25
    assert rows.loc[("channel-imp", "ticket", 1), "operations"] == pytest.approx(140 / 1100)
    # the dense training, then 90 steps at half of the operations, then 90 at a quarter
    assert rows.loc[("imp", "ticket", 2), "cost"] == pytest.approx(1 + 0.9 * 0.5 + 0.9 * 0.25)
    assert rows.loc[("early", "ticket", 1), "cost"] == pytest.approx(0.2 + 0.8 * 240 / 1100)
    assert rows.loc[("early", "reinit", 1), "cost"] == pytest.approx(0.2 + 240 / 1100)
    assert rows.loc[("imp", "reinit", 2), "metric"] == pytest.approx(0.86)


# ---------------------------------------------------------------- claims and figures


def table() -> pd.DataFrame:
    """Single weights lose a point per level and four more by fresh weights; channels are worse, and lose none."""
    rows = [("mini", "dense", "dense", 0, 1.0, 1.0, seed, 0.95 + 0.001 * seed, 1.0) for seed in SEEDS]
    levels = {
        "imp": [(0.5, 0.94, 0.90, 1.5), (0.25, 0.93, 0.89, 1.8)],
        "channel-imp": [(0.25, 0.91, 0.909, 1.4)],
        "early": [(0.125 * 8**0.5, 0.90, 0.90, 0.5)],  # between the levels of single weights
    }
    for method, known in levels.items():
        for level, (density, ticket, reinit, cost) in enumerate(known, start=1):
            for seed in SEEDS:
                for network, metric in (("ticket", ticket), ("reinit", reinit)):
                    value = metric + 0.001 * seed
                    rows.append(("mini", method, network, level, density, density, seed, value, cost))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def claims(measured: pd.DataFrame | None = None) -> dict[str, Claim]:
    made = study().claims(config(), {"measurements": table() if measured is None else measured})
    assert len({claim.claim for claim in made}) == len(made)
    return {claim.claim: claim for claim in made}


@pytest.mark.parametrize(
    ("words", "estimate"),
    [
        ("Tickets of single weights with as many parameters are more accurate than tickets of 'channel-imp'", 2.0),
        ("Tickets of single weights with as many operations are more accurate than tickets of 'early'", 3.5),
        ("A fresh initialization is nearly as good for tickets of 'channel-imp'", -0.1),
        (
            "Tickets of single weights with as many parameters lose more by a fresh initialization than tickets of 'ch",
            3.9,
        ),
        ("To find and train tickets of 'early', with 35.4% of the weights, costs less", 100 * (1 - 0.5 / 1.65)),
    ],
)
def test_effects(words: str, estimate: float) -> None:
    (claim,) = [claim for sentence, claim in claims().items() if sentence.startswith(words)]
    assert claim.estimate == pytest.approx(estimate)


def test_near_is_within_a_point_of_accuracy() -> None:
    measured = table()
    at = (measured["method"] == "early") & (measured["network"] == "reinit")
    verdicts = []
    for lost in (0.009, 0.011):
        measured.loc[at, "metric"] = [0.90 + 0.001 * seed - lost * (1 + 0.001 * seed) for seed in SEEDS]
        (claim,) = [
            c for sentence, c in claims(measured).items() if "nearly as good for tickets of 'early'" in sentence
        ]
        verdicts.append(claim.verdict)
    assert verdicts == ["supported", "contradicted"]


def test_each_seed_is_compared_at_what_its_own_channels_keep() -> None:
    measured = table()
    early = (measured["method"] == "early") & (measured["seed"] == 1)
    measured.loc[early, ["density", "operations"]] = 0.5
    other = next(
        claim
        for sentence, claim in claims(measured).items()
        if "parameters are more" in sentence and "early" in sentence
    )
    assert other.estimate == pytest.approx((3.5 + 4.0 + 3.5) / 3)


def test_nothing_is_extrapolated_beyond_the_last_level_of_single_weights() -> None:
    measured = table()
    measured.loc[measured["method"] == "channel-imp", ["density", "operations"]] = 0.1
    about = [sentence for sentence in claims(measured) if "'channel-imp'" in sentence]
    assert len(about) == 1 and about[0].startswith("A fresh initialization")


def test_figures_are_drawn_with_their_captions() -> None:
    the_study = study()
    drawings = the_study.figures(config(), {"measurements": table()})
    assert [drawing.name for drawing in drawings] == the_study.figure_names(config()) == ["equals-mini", "reinit-mini"]
    for drawing in drawings:
        assert "'imp' prunes single weights" in drawing.caption and "Data: digits" in drawing.caption
    figure = drawings[0].draw()
    lines = {str(line.get_label()): np.asarray(line.get_xdata()) for line in figure.axes[0].get_lines()}
    assert list(lines["imp"]) == [0.25, 0.5] and list(lines["channel-imp"]) == [0.25]
    fresh = drawings[1].draw().axes[0]
    assert {"imp", "fresh initialization", "dense network"} <= {str(line.get_label()) for line in fresh.get_lines()}
