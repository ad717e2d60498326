"""Divergence: where a replicate leaves the finite numbers, it says so, and nothing of its chain is a number again."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core import registry
from lth_core.analysis.divergence import Divergence, divergences, lines
from lth_core.config import Branch, Choice, Method
from lth_core.jobs import prune as prune_job
from lth_core.jobs.branch import stack_tickets
from lth_core.pruning.rounds import ends_chain, next_mask
from lth_core.storage.files import write_text
from lth_core.storage.runs import Run
from lth_core.storage.tensors import Tensors, read_header, read_tensors, write_tensors
from lth_core.tickets.divergence import diverged, without_tickets
from lth_core.tickets.rewinding import Ticket

LAYERS = {"a.weight": "hidden", "b.weight": "output"}
WEIGHTS = {
    "a.weight": np.arange(1, 13, dtype=np.float32).reshape(3, 4),
    "b.weight": np.arange(1, 7, dtype=np.float32).reshape(2, 3),
}


def lost(value: float = np.nan) -> dict[str, np.ndarray]:
    return {**WEIGHTS, "b.weight": np.where(WEIGHTS["b.weight"] == 3, np.float32(value), WEIGHTS["b.weight"])}


def history(*losses: float) -> list[dict[str, float]]:
    return [{"replicate": index % 2, "step": index // 2, "loss": loss} for index, loss in enumerate(losses)]


# ---------------------------------------------------------------- what has diverged


def test_a_replicate_has_diverged_if_ever_its_loss_or_in_the_end_its_weights_are_not_finite() -> None:
    assert diverged(history(0.5, 0.5, 0.4, 0.4), [True, True]) == [False, False]
    assert diverged(history(0.5, np.inf, 0.4, 0.4), [True, True]) == [False, True]  # though it came back
    assert diverged(history(0.5, 0.5, np.nan, 0.4), [True, True]) == [True, False]
    assert diverged([], [True, False]) == [False, True]


# ---------------------------------------------------------------- which chains end


def ends(criterion: str, trained: Tensors, trained_from: Tensors = WEIGHTS, said: bool = False) -> bool:
    method = Method(levels=1, criterion=criterion)
    return ends_chain(method, LAYERS, initial=WEIGHTS, trained_from=trained_from, trained=trained, diverged=said)


@pytest.mark.parametrize("criterion", registry.criterion.names())
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_chain_ends_where_its_criterion_looks_at_what_is_not_finite(criterion: str, value: float) -> None:
    """Scores by rank, or by sign, would be numbers all the same."""
    assert not ends(criterion, WEIGHTS)
    uses = registry.criterion.uses
    assert ends(criterion, lost(value)) == (uses(criterion, "trained") or uses(criterion, "probe"))
    assert ends(criterion, WEIGHTS, lost(value)) == uses(criterion, "trained_from")


def test_a_training_that_diverged_ends_the_chain_even_if_its_weights_are_finite() -> None:
    assert ends("magnitude", WEIGHTS, said=True)
    assert not ends("random", WEIGHTS, said=True) and not ends("random", lost(), said=True)


def test_buffers_may_hold_infinity() -> None:
    assert not ends("magnitude", {**WEIGHTS, "attention": np.array([-np.inf])})


@pytest.mark.parametrize("criterion", ["random", "magnitude-at-init"])
def test_a_criterion_that_looks_at_no_training_needs_none(
    criterion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the mask is the one that it makes beside any training, even one that diverged."""

    def mask(name: str, *training: str) -> dict[str, np.ndarray]:
        method = f'{{"levels": 1, "criterion": "{criterion}", "rate": 0.5}}'
        spec = f'{{"method": {method}, "level": 1, "seeds": [0, 1], "modules": []}}'
        files = ["--initial", str(tmp_path / "initial"), *training, "--output", str(tmp_path / name)]
        monkeypatch.setattr(sys, "argv", ["prune", "--spec", spec, *files])
        prune_job.main()
        assert read_header(tmp_path / name)["diverged"] == [False, False]
        return read_tensors(tmp_path / name)

    both = {name: np.stack([value, value]) for name, value in WEIGHTS.items()}
    write_tensors(tmp_path / "initial", both, {"layers": LAYERS, "consumers": {}})
    write_tensors(
        tmp_path / "trained", {n: np.stack([v, lost()[n]]) for n, v in WEIGHTS.items()}, {"diverged": [False, True]}
    )
    alone, beside = mask("alone"), mask("beside", "--trained", str(tmp_path / "trained"))
    assert alone.keys() == beside.keys() and all(np.array_equal(alone[name], beside[name]) for name in alone)


@given(st.sampled_from(["layer", "global"]), st.floats(0.1, 0.9))
def test_a_mask_without_a_ticket_keeps_as_many_weights_as_any_other(scope: str, rate: float) -> None:
    method = Method(levels=1, scope=scope, rate=rate)
    mask = {name: np.ones(value.shape, bool) for name, value in WEIGHTS.items()}
    weights = {"initial": WEIGHTS, "trained_from": WEIGHTS}
    sound = next_mask(method, LAYERS, 1, 0, mask, **weights, trained=WEIGHTS, consumers={})
    ended = next_mask(method, LAYERS, 1, 0, mask, **weights, trained=lost(), consumers={}, ended=True)
    assert sum(kept.sum() for kept in ended.values()) == sum(kept.sum() for kept in sound.values())


def run_prune(folder: Path, monkeypatch: pytest.MonkeyPatch, level: int, trained_said: list[bool]) -> None:
    trained = {name: np.stack([value, lost()[name], value]) for name, value in WEIGHTS.items()}
    same = {name: np.stack([value] * 3) for name, value in WEIGHTS.items()}
    write_tensors(folder / "initial", same, {"layers": LAYERS, "consumers": {}})
    write_tensors(folder / "trained", trained if level == 1 else same, {"diverged": trained_said})
    spec = f'{{"method": {{"levels": 3, "rate": 0.5}}, "level": {level}, "seeds": [0, 1, 2], "modules": []}}'
    before = ["--mask", str(folder / f"mask_{level - 1}")] if level > 1 else []
    files = [word for name in ("initial", "trained") for word in (f"--{name}", str(folder / name))]
    output = ["--trained-from", str(folder / "initial"), "--output", str(folder / f"mask_{level}")]
    monkeypatch.setattr(sys, "argv", ["prune", "--spec", spec, *files, *before, *output])
    prune_job.main()


def test_a_chain_that_has_ended_never_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_prune(tmp_path, monkeypatch, 1, [False, True, False])
    assert read_header(tmp_path / "mask_1")["diverged"] == [False, True, False]
    run_prune(tmp_path, monkeypatch, 2, [True, False, False])  # finite again, which cannot be: the header decides
    header, mask = read_header(tmp_path / "mask_2"), read_tensors(tmp_path / "mask_2")
    assert header["diverged"] == [True, True, False]
    assert header["kept"] == {"a.weight": [3, 3, 3], "b.weight": [1, 1, 1]}  # 12, 6, 3 and 6, 3, less round(1.5)
    assert mask["a.weight"][2].nonzero()[0].tolist() == [2, 2, 2]  # the three largest


# ---------------------------------------------------------------- what such a chain trains


def test_where_there_is_no_ticket_all_that_would_be_trained_is_nan() -> None:
    mask = {"a.weight": np.array([[True, False], [True, False]])}
    weights = {"a.weight": np.ones((2, 2), np.float32), "bias": np.ones(2, np.float32), "count": np.array([4, 4])}
    actual = without_tickets(Ticket(weights, mask), [False, True]).weights
    assert {name: value.dtype for name, value in actual.items()} == {name: v.dtype for name, v in weights.items()}
    np.testing.assert_array_equal(actual["a.weight"], [[1, 1], [np.nan, 0]])  # pruned weights are 0 here, too
    np.testing.assert_array_equal(actual["bias"], [1, np.nan])
    np.testing.assert_array_equal(actual["count"], [4, 4])
    assert without_tickets(Ticket(weights, mask), [False, False]).weights == weights


def test_where_training_starts_is_said_by_a_ticket_that_was_treated() -> None:
    ticket = Ticket({"w": np.ones(2, np.float32)}, {"w": np.array([True, False])}, first_step=100)
    treated = replace(ticket, first_step=0)
    branch = Branch(treatment=Choice(name="reinit"))
    stacked = stack_tickets(branch, [ticket, treated], [True, False])
    assert stacked.first_step == 0 and np.isnan(stacked.weights["w"][0][0]) and stacked.weights["w"][1][0] == 1
    assert stack_tickets(branch, [ticket, ticket], [True, True]).first_step == 100


# ---------------------------------------------------------------- what is said of it

RUN = Run("digits", "3-4", "imp", 2, "reinit")


def write_run(results: Path, run: Run, losses: dict[tuple[int, int, int], str], header: dict) -> None:
    """A history with a loss of 0.5, but for some by seed, draw and step; evaluated at steps 0, 10 and 20."""
    rows = [
        f"{seed},{draw},{step},{split},{losses.get((seed, draw, step), '0.5')},0.9"
        for step in (0, 10, 20)
        for split in ("train", "validation", "test")
        for seed in (3, 4)
        for draw in (0, 1)
    ]
    write_text(run.history(str(results)), "\n".join(["seed,draw,step,split,loss,accuracy", *rows]) + "\n")
    if run.level:
        write_tensors(run.mask(str(results)), {"w": np.ones(4, bool)}, header)


def test_faults_are_told_of_each_replicate(tmp_path: Path) -> None:
    kept = {"a.weight": [0, 0, 5, 5], "b.weight": [3, 0, 0, 2], "c.weight": [1, 1, 1, 1]}
    header = {"kept": kept, "diverged": [False, True, False, False]}
    losses = {(3, 1, 0): "nan", (4, 1, 10): "inf", (4, 1, 20): "nan"}
    write_run(tmp_path, RUN, losses, header)
    write_run(tmp_path, replace(RUN, branch=None, level=0, method="dense"), {(3, 0, 20): "nan"}, {})
    actual = list(divergences(str(tmp_path), [RUN, Run("digits", "3-4")]))
    named = ("digits", "3-4", "imp", 2, "reinit")
    assert actual == [
        Divergence(*named, 4, 1, "diverged", 10),
        Divergence(*named, 3, 1, "no ticket"),
        Divergence(*named, 3, 0, "layer collapse", layers="a.weight"),
        Divergence(*named, 4, 0, "layer collapse", layers="b.weight"),
        Divergence("digits", "3-4", "dense", 0, "dense", 3, 0, "diverged", 20),
    ]


def test_images_diverge_by_themselves_only_where_the_training_did_not(tmp_path: Path) -> None:
    dense, unseen = Run("digits", "3-4"), replace(RUN, branch=None)
    write_run(tmp_path, dense, {(3, 0, 20): "nan"}, {})
    write_run(tmp_path, unseen, {}, {"kept": {}, "diverged": [False] * 4})
    write_tensors(dense.samples(str(tmp_path)), {"samples": np.ones(4)}, {"diverged": [True, False, False, True]})
    assert list(divergences(str(tmp_path), [dense, unseen], sampled=[dense])) == [
        Divergence("digits", "3-4", "dense", 0, "dense", 3, 0, "diverged", 20),
        Divergence("digits", "3-4", "dense", 0, "dense", 4, 1, "sampling diverged"),
    ]
    assert len(list(divergences(str(tmp_path), [dense, unseen]))) == 1


def row(level: int, kind: str, seed: int = 1, step: str = "", layers: str = "", **other: str) -> dict[str, str]:
    named = {"task": "t", "cohort": "0-4", "method": "imp", "branch": "ticket", "draw": "0"} | other
    return named | {"level": str(level), "seed": str(seed), "kind": kind, "step": step, "layers": layers}


def test_the_page_says_them_in_sentences() -> None:
    rows = [row(3, "diverged", step="40"), *(row(level, "no ticket") for level in (4, 5, 6))]
    rows += [row(level, "layer collapse", seed, layers="fc1 fc2") for level in (5, 6, 9) for seed in (0, 2)]
    rows += [row(0, "diverged", seed=2, step="0", method="dense", branch="dense", draw="1")]
    rows += [row(0, "sampling diverged", seed=3, method="dense", branch="dense")]
    (chain, dense) = lines([*rows, *rows])  # studies share trainings
    assert (chain.task, chain.cohort, chain.method, chain.branch) == ("t", "0-4", "imp", "ticket")
    assert list(chain.words) == [
        "seed 1 diverged at level 3, seen first at step 40",
        "seed 1 has no ticket at levels 4–6: a training that its mask would come from diverged",
        "layer collapse: nothing is left of fc1 at levels 5, 6, 9 (seeds 0, 2)",
        "layer collapse: nothing is left of fc2 at levels 5, 6, 9 (seeds 0, 2)",
    ]
    assert list(dense.words) == [
        "seed 2, draw 1 diverged, seen first at step 0",
        "the images of seed 3 diverged, its training did not",
    ]
    assert lines([]) == []
