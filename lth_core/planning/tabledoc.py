"""The reference of files and tables, generated from the code that names and fills them: docs/reference/tables.md."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

from lth_core import registry
from lth_core.planning.markdown import table
from lth_core.storage import paths

JOBS = Path(__file__).resolve().parents[1] / "jobs"

TOP = """# Files and tables

Every file that a run makes, and what the columns of its tables mean. `python -m lth_core reference` generates this page
from the code. [Artifacts](artifacts.md) shows the folders of the default run; the [glossary](../glossary.md) defines
the words.

Tables are CSV files with a header. `seed` names a replicate, and `draw` one of several draws of a random treatment.
Densities and accuracies are fractions; other metrics have the unit of the task's objective.
"""
REPLICATES = """Many tables have columns that name a run, or one replicate of it:

- {run}: a run. `branch` is `dense` at level 0, and `ticket` where the ticket itself is trained.
- {replicate}: a replicate, with the density at which it is trained.

What is measured of a replicate:"""
STUDIES = """## Tables of studies

Each lies in `<results>/tables/<config>/<study>/`. Columns that a table shares with others are explained under
[Replicates](#replicates). `metric` is what the task is measured by, on test data unless something else is said.
"""
CORRECTED = "`p_holm`, `verdict_holm`: what is left of both after Holm's correction over the claims of the study."


def tables() -> str:
    """Markdown: where files are, the columns that many tables have, the tables of every study, what jobs measure."""
    kinds: dict[str, Any] = {name: registry.study.get(name) for name in registry.study.names()}
    built_in = {name: kind for name, kind in kinds.items() if kind.__module__.startswith("lth_core.")}
    studies = [f"### {name}\n\n{_study(kind)}" for name, kind in built_in.items()]
    parts = [
        f"{TOP}\n## Where files are\n\n{table(('file', 'what it holds'), _files())}",
        f"## Replicates\n\n{_replicates()}",
        f"## Claims\n\n{_claims()}",
        STUDIES.rstrip(),
        *studies,
        f"## Jobs\n\nWhat each job reads and writes; the tables of studies are made of it.\n\n{_jobs()}",
    ]
    return "\n\n".join(parts) + "\n"


def _files() -> list[tuple[str, str]]:
    """The pattern of every path that `lth_core.storage.paths` makes, and what lies there."""
    rows = []
    for name, locate in inspect.getmembers(paths, inspect.isfunction):
        if locate.__module__ == paths.__name__ and name.endswith(("_file", "_files", "_folder")) and name != "sum_file":
            options = inspect.signature(locate).parameters.values()
            where = locate(*(f"<{option.name}>" for option in options if option.default is option.empty))
            meaning = " ".join((locate.__doc__ or "").partition("\n\n")[0].split()).removeprefix("Locate ")
            if isinstance(where, dict):  # whose docstring names each of them in brackets
                said = re.findall(r"([^()]+) \(`(\w+)`\)", meaning)
                rows += [(f"`{where[key]}`", _sentence(text.strip(" ,").removeprefix("and "))) for text, key in said]
            else:
                rows.append((f"`{where}`", _sentence(meaning)))
    return sorted(rows)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _replicates() -> str:
    from lth_core.analysis.measurements import REPLICATE, RUN, measure

    measured = (inspect.getdoc(measure) or "").partition("Args:")[0].partition("\n\n")[2].strip()
    return f"{REPLICATES.format(run=_listed(RUN), replicate=_listed(REPLICATE))}\n\n{measured}"


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


def _claims() -> str:
    """The fields of a claim, as `claims.csv` has them."""
    from lth_core.analysis import folds
    from lth_core.analysis.claims import CLAIM_COLUMNS, Claim

    definition = ast.parse(inspect.getsource(Claim)).body[0]
    assert isinstance(definition, ast.ClassDef)
    names = ", ".join(f"`{name}`" for name in CLAIM_COLUMNS)
    meanings = [f"`{name}`: {meaning}" for name, meaning in _meanings(definition.body).items() if name in CLAIM_COLUMNS]
    text = (inspect.getdoc(Claim) or "").partition("\n\n")[2]
    further = ", ".join(f"`{name}`" for name in folds.EXAMPLE_COLUMNS)
    said = _meanings(ast.parse(inspect.getsource(folds)).body)["EXAMPLE_COLUMNS"]
    lines = "\n".join(f"- {line}" for line in [*meanings, CORRECTED, f"{further}: {said}"])
    head = (
        f"`claims.csv` has {names}, `p_holm` and `verdict_holm`; where tasks have `test_folds`, also {further}. "
        "`low` and `high` bound the 95% interval."
    )
    effects = (
        "`effects.csv` has `study`, `task`, `claim`, `seed`, `value` (the effect, in the claim's unit) and `scale` "
        "(the numbers that are averaged: differences, or logarithms of ratios)."
    )
    return f"{head}\n\n{text}\n\n{lines}\n\n{effects}"


def _study(study: Any) -> str:
    """A line for each table of a study, with what it says of it and its columns, and what it says of several."""
    module = importlib.import_module(f"{study.__module__.removesuffix('.study')}.tables")
    names = study.table_names
    function = getattr(module, "tables", None) or getattr(module, names[0])
    said, general = _by_table(inspect.getdoc(function) or "", names)
    columns = _columns(module, names)
    lines = [f"- `{name}`: {' '.join([*said.get(name, []), *columns.get(name, [])])}" for name in names]
    return "\n\n".join(["\n".join(lines), *general])


def _by_table(said: str, names: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Take a docstring apart: what follows the name of a table and a colon, by table; paragraphs about all of them."""
    name = re.compile(rf"(?:^|(?<=\. )|(?<=Make ))`?({'|'.join(names)})`?: ")
    by_table: dict[str, list[str]] = {}
    general = []
    for paragraph in said.split("\n\n"):
        before, *parts = name.split(" ".join(paragraph.split()))
        for table_name, text in zip(parts[::2], parts[1::2], strict=True):
            by_table.setdefault(table_name, []).append(_sentence(text.strip()))
        if before and not before.startswith("Make "):
            general.append(before.strip())
    return by_table, general


def _columns(module: ModuleType, tables: Sequence[str]) -> dict[str, list[str]]:
    """By table: its columns, from the constant of its name, and what the string below says of them.

    A constant is named after one row of the table, or all of them, or `COLUMNS`: that is the first table.
    """
    body = ast.parse(inspect.getsource(module)).body
    meanings, by_table = _meanings(body), {}
    for name in _assigned(body):
        value = getattr(module, name)
        if name.isupper() and isinstance(value, tuple | list) and len(value) > 2 and all(map(_is_column, value)):
            one = name.removesuffix("COLUMNS").strip("_").lower()
            of = {one, f"{one}s", f"{one[:-1]}ies"}.intersection(tables) if one else tables[:1]
            by_table |= {table_name: [f"Columns: {_listed(value)}.", *_meaning(meanings, name)] for table_name in of}
    return by_table


def _meaning(meanings: dict[str, str], name: str) -> list[str]:
    return [meanings[name]] if name in meanings else []


def _is_column(value: Any) -> bool:
    return isinstance(value, str) and value.isidentifier() and value.islower()


def _assigned(body: Sequence[ast.stmt]) -> Iterator[str]:
    for statement in body:
        for target in statement.targets if isinstance(statement, ast.Assign) else []:
            yield from [target.id] if isinstance(target, ast.Name) else []


def _meanings(body: Sequence[ast.stmt]) -> dict[str, str]:
    """Name -> the string below its definition."""
    meanings = {}
    for statements in pairwise(body):
        match statements:
            case (
                ast.Assign(targets=[*_, ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(meaning))),
            ):
                meanings[name] = " ".join(meaning.split())
    return meanings


def _jobs() -> str:
    rows = []
    for path in sorted(JOBS.glob("[a-z]*.py")):
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if "Output" in said:
            rows.append((f"`{path.stem}`", said))
    return "\n\n".join(f"### {name}\n\n{text}" for name, text in rows)
