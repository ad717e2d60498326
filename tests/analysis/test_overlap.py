"""Overlap of masks: counts by hand, the bounds of the two indices, and chance as a random mask shows it."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.analysis.overlap import Overlap, chance, hamming, indices, jaccard, overlaps
from lth_core.storage.errors import ArtifactError
from lth_core.storage.tensors import write_tensors

MASK = {"a": np.array([[[1, 1, 0], [1, 0, 0]], [[0, 0, 0], [0, 0, 0]]], bool), "b": np.ones((2, 4), bool)}
OTHER = {"a": np.array([[[1, 0, 0], [1, 1, 0]], [[1, 0, 0], [0, 0, 0]]], bool), "b": np.zeros((2, 4), bool)}


def test_counts_by_hand() -> None:
    assert list(overlaps(MASK, OTHER, ["a", "b"], [5, 6])) == [
        Overlap(seed=5, layer="a", weights=6, kept=3, kept_other=3, common=2),
        Overlap(seed=6, layer="a", weights=6, kept=0, kept_other=1, common=0),
        Overlap(seed=5, layer="b", weights=4, kept=4, kept_other=0, common=0),
        Overlap(seed=6, layer="b", weights=4, kept=4, kept_other=0, common=0),
    ]


def test_indices_by_hand() -> None:
    assert jaccard(3, 3, 2) == 2 / 4
    assert hamming(6, 3, 3, 2) == 2 / 6
    assert chance(6, 3, 3) == 1.5
    assert jaccard(3, 3, chance(6, 3, 3)) == pytest.approx(1.5 / 4.5)


def test_layers_of_other_shapes_and_missing_layers_are_left_out() -> None:
    other = OTHER | {"a": np.ones((2, 2, 5), bool)}
    assert {row.layer for row in overlaps(MASK, other, ["a", "b"], [0, 1])} == {"b"}
    assert {row.layer for row in overlaps(MASK, {"a": OTHER["a"]}, ["a", "b"], [0, 1])} == {"a"}


def test_masks_of_other_seeds_are_refused() -> None:
    with pytest.raises(ArtifactError, match="'b': masks of 2 and 2 replicates, but 3 seeds"):
        list(overlaps(MASK, OTHER, ["b"], [0, 1, 2]))


masks = st.integers(0, 2**30).map(lambda seed: np.random.default_rng(seed).random((1, 40)) < 0.3)


@given(masks, masks)
def test_both_indices_are_symmetric_and_bounded(first: np.ndarray, second: np.ndarray) -> None:
    (there,) = overlaps({"w": first}, {"w": second}, ["w"], [0])
    (back,) = overlaps({"w": second}, {"w": first}, ["w"], [0])
    assert jaccard(*there[3:]) == jaccard(*back[3:]) and 0 <= jaccard(*there[3:]) <= 1
    assert hamming(*there[2:]) == hamming(*back[2:]) == np.mean(first != second)


@given(masks)
def test_equal_masks_overlap_wholly(mask: np.ndarray) -> None:
    (same,) = overlaps({"w": mask}, {"w": mask.copy()}, ["w"], [0])
    assert hamming(*same[2:]) == 0 and jaccard(*same[3:]) == (1 if mask.any() else pytest.approx(np.nan, nan_ok=True))


@pytest.mark.parametrize(("weights", "kept", "kept_other"), [(6, 3, 2), (7, 7, 4), (5, 0, 3), (6, 1, 1)])
def test_chance_is_the_mean_over_all_masks_of_these_counts(weights: int, kept: int, kept_other: int) -> None:
    fixed = set(range(kept))
    placed = [len(fixed & set(positions)) for positions in combinations(range(weights), kept_other)]
    assert chance(weights, kept, kept_other) == pytest.approx(np.mean(placed))
    distances = [hamming(weights, kept, kept_other, common) for common in placed]
    expected = hamming(weights, kept, kept_other, chance(weights, kept, kept_other))
    assert expected == pytest.approx(np.mean(distances))


def test_the_jaccard_index_by_chance_is_that_of_large_random_masks() -> None:
    random = np.random.default_rng(0)
    first, second = random.random((1, 100_000)) < 0.1, random.random((1, 100_000)) < 0.2
    (row,) = overlaps({"w": first}, {"w": second}, ["w"], [0])
    assert jaccard(*row[3:]) == pytest.approx(jaccard(*row[3:5], chance(*row[2:5])), rel=0.03)


def test_columns_of_a_table_go_in_and_nothing_kept_gives_nan() -> None:
    kept, other, common = (pd.Series(counts) for counts in ([3.0, 0.0], [3, 0], [2, 0]))
    assert jaccard(kept, other, common)[0] == 0.5 and np.isnan(jaccard(kept, other, common)[1])


def test_the_job_writes_the_layers_of_the_mask_in_network_order(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.safetensors" for name in ("initial", "mask", "other")}
    layers = {"z": "conv", "excluded": "hidden", "a": "output"}
    tensors = {
        "initial": {"z": np.zeros(2)},
        "mask": {"a": MASK["a"], "z": MASK["b"]},
        "other": {"a": OTHER["a"], "z": OTHER["b"]},
    }
    for name, path in files.items():
        write_tensors(path, tensors[name], {"layers": layers, "diverged": [False, False]})
    arguments = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    command = [sys.executable, "-X", "importtime", "-m", "lth_core.jobs.overlap", "--cohort", "5-6", *arguments]
    done = subprocess.run([*command, "--output", str(tmp_path / "x.csv")], check=True, capture_output=True, text=True)
    assert (tmp_path / "x.csv").read_text().splitlines() == [
        "seed,layer,weights,kept,kept_other,common",
        "5,z,4,4,0,0",
        "6,z,4,4,0,0",
        "5,a,6,3,3,2",
        "6,a,6,0,1,0",
    ]
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "pandas", "matplotlib", "scipy"}  # a light job


COUNTS = pd.DataFrame(
    [
        *[("a", 0, "z", 100, 10, 20, 5), ("a", 0, "y", 10, 5, 4, 3)],
        *[("a", 1, "z", 100, 10, 20, 0), ("a", 1, "y", 10, 5, 4, 0)],
    ],
    columns=["task", *Overlap._fields],
)


def test_indices_of_a_network_come_from_the_sums_of_its_layers() -> None:
    actual = indices(COUNTS, ["task", "seed"]).set_index("seed")
    assert actual.loc[0, "jaccard"] == 8 / (15 + 24 - 8) and actual.loc[1, "jaccard"] == 0
    assert actual.loc[0, "hamming"] == (15 + 24 - 16) / 110
    assert list(actual["jaccard_by_chance"]) == pytest.approx([4 / (39 - 4)] * 2)  # 2 by chance in each layer
    assert list(actual["hamming_by_chance"]) == pytest.approx([(39 - 8) / 110] * 2)


def test_indices_of_layers_are_their_own() -> None:
    actual = indices(COUNTS, ["task", "layer", "seed"])
    first = actual[(actual["layer"] == "y") & (actual["seed"] == 0)].iloc[0]
    assert (first["jaccard"], first["jaccard_by_chance"]) == (3 / 6, 2 / 7)
