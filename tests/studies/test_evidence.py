"""Claims name tables and figures that their studies have."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import lth_core.studies
from lth_core import registry
from lth_core.metrics import ACCURACY
from lth_core.studies.claim_sheet import ClaimSheet

STUDIES = Path(lth_core.studies.__file__).parent


def calls(path: Path) -> list[list[str]]:
    """The text of the first two arguments of every `read_from` in a file, where they are plain strings."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    every_call = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    named = [node.args[:2] for node in every_call if node.func.attr == "read_from"]
    return [[one.value for one in arguments if isinstance(one, ast.Constant)] for arguments in named]


@pytest.mark.parametrize("name", sorted(set(registry.study.names()) - {"hardware-costs"}))
def test_every_claim_says_what_it_is_read_from(name: str) -> None:
    study = registry.study.get(name)
    folder = STUDIES / name.replace("-", "_")
    named = [call for path in folder.glob("*claims.py") for call in calls(path) if call]
    drawn = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py") if "claims" not in path.name)
    assert named
    for table, *kinds in named:
        assert table in study.table_names
        assert all(f'"{kind}' in drawn for kind in kinds), f"no figure {kinds} in {name}"


def test_figures_are_named_by_kind_and_task_unless_they_are_of_something_else() -> None:
    sheet = ClaimSheet("study", "digits", ACCURACY)
    for arguments, figure in (
        (("curves", "fig03"), "fig03-digits"),
        (("curves", "fig07", "halves"), "fig07-halves"),
        (("curves", "advantage", ""), "advantage"),
        (("curves",), ""),
    ):
        sheet.read_from(*arguments)
        assert (sheet.table, sheet.figure) == ("curves", figure)


@pytest.mark.parametrize("name", sorted(registry.study.names()))
def test_claims_cite_the_year_that_the_study_does(name: str) -> None:
    folder = STUDIES / name.replace("-", "_")
    cited = re.findall(
        r'^PAPER(?:, \w+)? = "[^"]*?(\d{4})', "\n".join(p.read_text() for p in folder.glob("*.py")), re.M
    )
    assert all(year in registry.study.get(name).citation for year in cited)
