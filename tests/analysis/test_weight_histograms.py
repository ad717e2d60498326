"""Histograms of weights in and out of a ticket: counts by hand, shared bins, the job's CSV."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.weights import BINS, Bin, weight_histograms
from lth_core.storage.tensors import write_tensors

INITIAL = {"a.weight": np.array([[[-2.0, 0.1], [0.5, 1.0]], [[0.3, 0.4], [2.0, -0.5]]], np.float32)}
DENSE = {"a.weight": INITIAL["a.weight"] + np.array([0.5, 1.0], np.float32).reshape(2, 1, 1)}
MASK = {"a.weight": np.array([[[True, False], [False, True]], [[True, True], [True, False]]])}


def histograms(initial=INITIAL, dense=DENSE, mask=MASK) -> pd.DataFrame:
    return pd.DataFrame(weight_histograms(initial, dense, mask, ["a.weight"], [7, 8]), columns=Bin._fields)


def test_every_weight_is_counted_once_in_its_group():
    counts = histograms().groupby(["quantity", "seed", "group"])["count"].sum()
    assert counts["initial", 7].to_dict() == {"kept": 2, "pruned": 2}
    assert counts["distance", 8].to_dict() == {"kept": 3, "pruned": 1}


def test_counts_lie_where_the_values_are():
    table = histograms()
    seed_7 = table[(table["seed"] == 7) & (table["count"] > 0)]
    kept = seed_7[(seed_7["quantity"] == "initial") & (seed_7["group"] == "kept")]
    assert [(low <= value <= high) for low, high, value in zip(kept["left"], kept["right"], [-2.0, 1.0], strict=True)]
    (left, right) = seed_7.loc[seed_7["quantity"] == "distance", ["left", "right"]].drop_duplicates().to_numpy()[0]
    assert left <= 0.5 <= right  # all weights of seed 7 moved by 0.5


def test_totals_give_means_that_no_bin_rounds():
    sums = histograms().groupby(["quantity", "seed", "group"])[["total", "count"]].sum()
    means = sums["total"] / sums["count"]
    assert means["initial", 7].to_dict() == pytest.approx({"kept": (-2 + 1) / 2, "pruned": (0.1 + 0.5) / 2})
    assert means["distance", 8].to_dict() == pytest.approx({"kept": 1, "pruned": 1})


def test_bins_do_not_depend_on_the_mask():
    other = {"a.weight": ~MASK["a.weight"]}
    edges = ["layer", "quantity", "seed", "left", "right"]
    assert histograms()[edges].equals(histograms(mask=other)[edges])
    assert histograms().groupby(["quantity", "group", "seed"]).size().eq(BINS).all()


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_of_a_diverged_seed_nothing_is_counted_and_the_others_have_their_counts(lost: float):
    dense = {"a.weight": DENSE["a.weight"].copy()}
    dense["a.weight"][1].flat[0] = lost  # though the other weights are numbers
    table = histograms(dense=dense)
    assert table["total"].isna().equals(table["seed"] == 8)
    counts = table.groupby(["quantity", "seed"])["count"]
    assert counts.sum()[:, 7].to_dict() == {"distance": 4, "initial": 4}
    assert counts.count()[:, 8].to_dict() == {"distance": 0, "initial": 0}


def test_of_a_chain_that_ended_nothing_is_counted_and_bins_stay_those_of_other_levels():
    rows = weight_histograms(INITIAL, DENSE, MASK, ["a.weight"], [7, 8], ended=[False, True])
    table, whole = pd.DataFrame(rows, columns=Bin._fields), histograms()
    assert table["count"].isna().equals(table["seed"] == 8)
    assert table[table["seed"] == 7].equals(whole[whole["seed"] == 7].astype({"count": float}))
    assert table[["left", "right"]].equals(whole[["left", "right"]])


def test_a_layer_that_never_moved_has_bins_too():
    table = histograms(dense=INITIAL)
    moved = table[table["quantity"] == "distance"]
    assert (moved["right"] > moved["left"]).all() and moved["count"].sum() == 8


def test_the_job_writes_the_layers_of_the_mask_in_network_order(tmp_path: Path):
    files = {name: tmp_path / f"{name}.safetensors" for name in ("initial", "dense", "mask")}
    layers = {"z.weight": "hidden", "a.weight": "output"}
    bias = {"z.bias": np.zeros((2, 2), np.float32)}
    tensors = {
        "initial": dict.fromkeys(layers, INITIAL["a.weight"]) | bias,
        "dense": dict.fromkeys(layers, DENSE["a.weight"]) | bias,
        "mask": dict.fromkeys(layers, MASK["a.weight"]),
    }
    for name, path in files.items():
        write_tensors(path, tensors[name], {"layers": layers, "diverged": [False, False]})
    arguments = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    output = tmp_path / "out.csv"
    command = [sys.executable, "-X", "importtime", "-m", "lth_core.jobs.weight_histograms", "--cohort", "7-8"]
    finished = subprocess.run(
        [*command, *arguments, "--output", str(output)], check=True, capture_output=True, text=True
    )
    table = pd.read_csv(output)
    assert table["layer"].unique().tolist() == ["z.weight", "a.weight"] and table["seed"].unique().tolist() == [7, 8]
    pd.testing.assert_frame_equal(
        table[table["layer"] == "a.weight"].reset_index(drop=True), histograms(), check_exact=False
    )
    imported = {line.rpartition("|")[2].strip() for line in finished.stderr.splitlines()}
    assert not imported & {"torch", "pandas", "matplotlib"}  # a light job
