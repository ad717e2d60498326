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


def sections() -> dict[str, str]:
    """The text of every built-in study, by name."""
    parts = tabledoc.tables().partition("## Tables of studies")[2].partition("\n## Jobs")[0].split("\n### ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


def test_every_table_of_every_study_is_described_with_its_columns() -> None:
    built_in = {n for n in registry.study.names() if registry.study.get(n).__module__.startswith("lth_core.")}
    assert sections().keys() == built_in  # other tests register some, too
    for study, text in sections().items():
        lines = dict(re.findall(r"^- `(\w+)`: (.*)$", text, re.MULTILINE))
        assert tuple(lines) == registry.study.get(study).table_names, study
        for name, line in lines.items():
            assert re.match(r"[A-Z`][^:]{9,}.* Columns: `\w+`, `\w+`, `\w+`", line), (study, name)


def test_studies_are_described_without_orders_and_names_of_the_code() -> None:
    for study, text in sections().items():
        assert not re.search(r"\b(Make|Measure|Return)\b|\b[A-Z]+_[A-Z]+\b|\bCOSTS\b|\bPAIR\b|lth_core", text), study


def test_paths_have_a_name_for_each_part_that_varies() -> None:
    text = tabledoc.tables()
    assert "| `<results>/tables/<config>/claims.csv` |" in text
    assert "| `<results>/<task>/<cohort>/<method>/level_<level>` |" in text


def test_several_files_of_a_job_have_a_line_each() -> None:
    text = tabledoc.tables()
    for name, holds in (
        ("evolved", "The performance of evolved"),
        ("topologies", "The nodes of the evolved networks."),
    ):
        assert f"| `<results>/<task>/<cohort>/dense/{name}.csv` | {holds}" in text


def test_claims_are_listed_with_the_meanings_of_their_fields() -> None:
    section = tabledoc.tables().partition("## Claims\n")[2].partition("\n## ")[0]
    assert "`estimate`, `low`, `high`, `n`" in section and re.search(r"- `seeds_needed`: How many", section)


def test_columns_are_those_of_the_constant_that_is_named_after_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("columns")
    source = 'COLUMNS = ("seed", "metric", "draw")\n"""Of the first."""\nDISTANCES = ("near", "far", "farther")\n'
    source += 'GAP_COLUMNS = ("seed", "step", "gap")\nSIZES = (1, 2, 3)\nENTRIES = ["task", "seed", "draw"]\n'
    exec(source, module.__dict__)  # noqa: S102 (the source above)
    monkeypatch.setattr(tabledoc.inspect, "getsource", lambda _: source)
    assert tabledoc._columns(module, ["measurements", "gaps", "entries", "images"]) == {
        "measurements": ["Columns: `seed`, `metric`, `draw`.", "Of the first."],
        "gaps": ["Columns: `seed`, `step`, `gap`."],
        "entries": ["Columns: `task`, `seed`, `draw`."],
    }


def test_a_docstring_is_taken_apart_by_table() -> None:
    said = "Make `gaps`: one row per seed (`k`: the step). runs: all\nof them.\n\nMake it so.\n\nA gap is small."
    by_table, general = tabledoc._by_table(said, ("gaps", "runs"))
    assert by_table == {"gaps": ["One row per seed (`k`: the step)."], "runs": ["All of them."]}
    assert general == ["A gap is small."]
