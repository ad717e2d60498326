"""The reference of files and tables, generated from the code that names and fills them: docs/reference/tables.md."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
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
STUDIES = """## Tables of studies

Each lies in `<results>/tables/<config>/<study>/`. `measurements`, where nothing else is said, has the columns of a
replicate and those listed below [Replicates](#replicates).
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
            meaning = (locate.__doc__ or "").partition("\n")[0].removeprefix("Locate ")
            meaning = meaning[:1].upper() + meaning[1:]
            if isinstance(where, dict):
                rows += [(f"`{file}`", f"{meaning} This is `{key}`.") for key, file in where.items()]
            else:
                rows.append((f"`{where}`", meaning))
    return sorted(rows)


def _replicates() -> str:
    from lth_core.analysis import measurements

    said = inspect.getdoc(measurements.measure) or ""
    listed = "\n".join(_constants(measurements))
    return f"{listed}\n\n{said.partition('Args:')[0].partition(chr(10) * 2)[2].strip()}"


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
    """What a study says of its tables, and the columns that it lists."""
    module = importlib.import_module(f"{study.__module__.removesuffix('.study')}.tables")
    function = getattr(module, "tables", None) or getattr(module, study.table_names[0])
    names = ", ".join(f"`{name}`" for name in study.table_names)
    said = inspect.getdoc(function) or ""
    first, _, rest = said.partition("\n\n")
    text = rest if first.startswith("Make ") and rest and "`" not in first else said
    return "\n\n".join([f"Tables: {names}.", text.strip(), "\n".join(_constants(module, study.table_names))]).strip()


def _constants(module: ModuleType, tables: Sequence[str] = ()) -> list[str]:
    """A line for each tuple or list of column names that a module defines, with the string below it."""
    body = ast.parse(inspect.getsource(module)).body
    meanings, lines = _meanings(body), []
    for name in _assigned(body):
        value = getattr(module, name)
        if name.isupper() and isinstance(value, tuple | list) and len(value) > 2 and all(map(_is_column, value)):
            said = name.removesuffix("COLUMNS").strip("_").lower()
            of = get_close_matches(said, tables, 1, 0.5) if said else tables[:1]
            title = f"`{of[0]}`" if of else f"`{name}`"
            meaning = f". {meanings[name]}" if name in meanings else ""
            lines.append(f"- {title}: {', '.join(f'`{column}`' for column in value)}{meaning}")
    return lines


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
