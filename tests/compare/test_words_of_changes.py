"""How the page of two runs speaks of changes, and of runs that share no claim."""

from __future__ import annotations

from pathlib import Path

import pytest

from lth_core.analysis.changes import change
from lth_core.analysis.claims import Replicate
from lth_core.analysis.scales import DIFFERENCES, PERCENT_MORE, PERCENT_SAVED, RATIOS, Scale
from lth_core.compare.command import compare
from lth_core.compare.page import change_numbers
from tests.support.two_runs import claim, config, write_run


@pytest.mark.parametrize(
    ("unit", "scale", "words"),
    [
        ("% of dense", PERCENT_SAVED, "times as large as in A, as a ratio (2: 50% saved)"),
        ("% of pruned", PERCENT_MORE, "times as large as in A, as a ratio (2: 100% more)"),
        ("times", RATIOS, "times as large as in A"),
        ("points", DIFFERENCES, "points"),
    ],
)
def test_a_factor_says_what_ratio_it_is_of(unit: str, scale: Scale, words: str) -> None:
    first, second = ([Replicate(str(seed), value, scale.name) for seed in (0, 1, 2)] for value in (20.0, 40.0))
    compared = change(first, second)
    assert change_numbers(compared, unit)["unit"] == words
    if scale is PERCENT_SAVED:  # 80% of dense's steps in A, 60% in B: the ratio of dense to ticket rises by a third
        assert compared.estimate == pytest.approx(0.8 / 0.6)


def test_runs_without_a_common_claim_say_so(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "ab"]
    for folder, task in zip(folders, ("letters", "digits"), strict=True):
        settings = config()
        settings["tasks"] = {task: settings["tasks"]["letters"]}
        settings["studies"] = {"frankle2019": {"tasks": {task: "imp"}}}
        write_run(folder, [claim("Tickets win.", [1.0, 2.0, 3.0], task=task)], settings=settings)
    path = compare([str(folder) for folder in folders], [], str(tmp_path / "out"))
    text = " ".join(Path(path).read_text(encoding="utf-8").split())
    assert "No claim is made in both runs" in text
    assert "those of A are about letters, and those of B are about digits" in text
    assert "as its tasks, networks, recipes or options are others" in text
