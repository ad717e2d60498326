"""What a log says of replicates that diverged or of claims without a value, and what a run says of these at its end."""

from __future__ import annotations

import os
from pathlib import Path

from lth_core.runtime.missing import divergence_line, summary, unmeasured_line


def test_a_log_names_the_seeds_once_however_many_draws_each_has() -> None:
    assert divergence_line([False, True, False], [3, 4, 5]) == "diverged: 1 of 3 replicates (seed 4)"
    assert divergence_line([True, True, False, True], [3, 4], draws=2) == "diverged: 3 of 4 replicates (seeds 3, 4)"


def write(log: Path, text: str, when: float) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)
    os.utime(log, (when, when))


def test_a_run_says_how_many_trainings_lost_replicates_and_which_log_to_read(tmp_path: Path) -> None:
    write(tmp_path / "a/dense.log", "step 40/40, 0.1 s\n" + divergence_line([True, True], [0, 1]) + "\n", when=200)
    write(tmp_path / "b/retrain.log", divergence_line([True, False], [0, 1]) + "\n", when=200)
    write(tmp_path / "c/dense.log", divergence_line([True, False], [0, 1]) + "\n", when=50)  # of an earlier run
    write(tmp_path / "d/dense.log", "step 40/40, 0.1 s\n", when=200)
    assert summary(str(tmp_path), began=100) == [
        "warning: replicates diverged in 2 trainings (all replicates in 1 of them): see 'Divergence' on the page, and "
        f"{tmp_path}/a/dense.log"
    ]


def test_trainings_of_which_nothing_is_left_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path / "a/dense.log", divergence_line([True, True], [0, 1]) + "\n", when=200)
    assert summary(str(tmp_path), began=100)[0].startswith(
        "warning: replicates diverged in 1 training (all replicates): see"
    )
    write(tmp_path / "b/dense.log", divergence_line([True, True], [0, 1]) + "\n", when=200)
    assert summary(str(tmp_path), began=100)[0].startswith(
        "warning: replicates diverged in 2 trainings (all replicates in each): see"
    )


def test_images_that_diverged_and_claims_without_a_value_have_lines_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "a/dense.log", divergence_line([True, False], [0, 1]) + "\n", when=200)
    write(tmp_path / "b/samples.log", divergence_line([True, False], [0, 1], sampling=True) + "\n", when=200)
    write(tmp_path / "c/samples.log", divergence_line([False, True], [0, 1], sampling=True) + "\n", when=200)
    write(tmp_path / "claims.log", unmeasured_line(3, "A") + "\n" + unmeasured_line(1, "B") + "\n", when=200)
    page = "see 'Divergence' on the page, and"
    assert summary(str(tmp_path), began=100) == [
        f"warning: replicates diverged in 1 training: {page} {tmp_path}/a/dense.log",
        f"warning: replicates diverged in 2 samplings: {page} {tmp_path}/b/samples.log",
        "warning: not measured: 3 claims, because A",
        "warning: not measured: 1 claim, because B",
    ]


def test_a_run_that_misses_nothing_says_nothing(tmp_path: Path) -> None:
    write(tmp_path / "dense.log", "step 40/40, 0.1 s\n", when=200)
    assert summary(str(tmp_path), began=100) == []
