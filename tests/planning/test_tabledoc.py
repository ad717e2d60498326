"""The reference of files and tables: what it takes from the code."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

from lth_core import registry
from lth_core.planning import tabledoc
from lth_core.planning.markdown import table


def test_bars_and_line_breaks_stay_inside_a_table() -> None:
    assert table(("a", "b"), [("x | y", "two\nlines")]) == "| a | b |\n| --- | --- |\n| x \\| y | two lines |"


def test_every_study_says_what_its_tables_hold() -> None:
    text = tabledoc.tables()
    for name in registry.study.names():
        if registry.study.get(name).__module__.startswith("lth_core."):  # other tests register some, too
            section = text.partition(f"### {name}\n")[2].partition("\n### ")[0]
            assert all(f"`{table}`" in section for table in registry.study.get(name).table_names), name
            assert len(section.split()) > 20, name


def test_paths_have_a_name_for_each_part_that_varies() -> None:
    text = tabledoc.tables()
    assert "| `<results>/tables/<config>/claims.csv` |" in text
    assert "| `<results>/<task>/<cohort>/<method>/level_<level>` |" in text


def test_claims_are_listed_with_the_meanings_of_their_fields() -> None:
    section = tabledoc.tables().partition("## Claims\n")[2].partition("\n## ")[0]
    assert "`estimate`, `low`, `high`, `n`" in section and re.search(r"- `seeds_needed`: How many", section)


def test_columns_are_listed_under_the_table_that_their_name_resembles(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("columns")
    source = 'COLUMNS = ("seed", "metric", "draw")\n"""Of the first."""\n'
    source += 'GAP_COLUMNS = ("seed", "step", "gap")\nSIZES = (1, 2, 3)\n'
    exec(source, module.__dict__)  # noqa: S102 (the source above)
    monkeypatch.setattr(tabledoc.inspect, "getsource", lambda _: source)
    assert tabledoc._constants(module, ["measurements", "gaps"]) == [
        "- `measurements`: `seed`, `metric`, `draw`. Of the first.",
        "- `gaps`: `seed`, `step`, `gap`",
    ]
