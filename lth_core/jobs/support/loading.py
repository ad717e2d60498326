"""What the jobs of tables, figures, claims and report share: the config and studies of a spec, tables read back."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lth_core import registry
from lth_core.analysis.claims import Replicate
from lth_core.config import Config
from lth_core.jobs.support.command import import_modules
from lth_core.storage.paths import table_file
from lth_core.storage.tables import read_rows, write_table
from lth_core.studies.base import Study, expand

if TYPE_CHECKING:
    import pandas as pd

TEXT_COLUMNS = ("task", "cohort", "method", "branch", "network", "layer", "group", "target", "source", "other")
"""Columns that stay text whatever they look like: a task may be named `1` or `nan`."""

NUMBERS = ("estimate", "low", "high", "margin", "p", "seeds_needed", "detectable", "p_holm")
"""Columns of claims.csv that are numbers."""
EXAMPLE_NUMBERS = ("low_with_examples", "high_with_examples")
"""Those that it has where tasks have folds of test examples."""


def parser(description: str | None) -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--spec", type=json.loads, required=True, help="JSON: the validated config, under `config`")
    return arguments


def load(spec: Mapping[str, Any]) -> tuple[Config, dict[str, Study]]:
    """The config of a spec, with what its studies derive, and the studies that it names, oldest paper first."""
    config = Config.model_validate(spec["config"])
    import_modules(spec["modules"])
    names = sorted(config.studies, key=lambda name: (registry.study.facts(name).get("published", "9999"), name))
    studies = {name: registry.study.get(name)(**config.studies[name]) for name in names}
    return expand(config, studies.values()), studies


def of_study(description: str | None) -> tuple[str, Study, Config, Mapping[str, Any]]:
    """What a job of one study is told on its command line: the study's name, the study, the config and its spec."""
    arguments = parser(description)
    arguments.add_argument("--study", required=True)
    options = arguments.parse_args()
    config, studies = load(options.spec)
    return options.study, studies[options.study], config, options.spec


def read_tables(config: Config, name: str, study: Study) -> dict[str, pd.DataFrame]:
    """A study's tables as they were written. Raises ArtifactError when one cannot be read."""
    return {table: read_table_file(table_file(config.results, config.name, name, table)) for table in study.table_names}


def write_tables(config: Config, name: str, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write a study's tables; what is unknown is empty. Raises ArtifactError when one cannot be written."""
    for table, content in tables.items():
        path = table_file(config.results, config.name, name, table)
        unknown_is_empty = content.astype(object).where(content.notna(), "")
        write_table(path, content.columns, unknown_is_empty.itertuples(index=False, name=None), digits=None)


def read_claims(path: str) -> list[dict[str, Any]]:
    """The rows of claims.csv, numbers as numbers. Raises ArtifactError when they cannot be read."""
    rows = read_rows(path)
    numbers = (*NUMBERS, *(key for key in EXAMPLE_NUMBERS if rows and key in rows[0]))
    return [row | {key: float(row[key]) for key in numbers} for row in rows]


def read_effects(path: str) -> dict[tuple[str, str, str], list[Replicate]]:
    """The replicates of every claim, by study, task and sentence. Raises ArtifactError when they cannot be read."""
    effects: dict[tuple[str, str, str], list[Replicate]] = {}
    for row in read_rows(path):
        replicate = Replicate(row["seed"], float(row["value"]), row["scale"])
        effects.setdefault((row["study"], row["task"], row["claim"]), []).append(replicate)
    return effects


def read_table_file(path: str) -> pd.DataFrame:
    """A study's table as it was written. Raises ArtifactError when it cannot be read."""
    from lth_core.analysis.tables import read_table

    return read_table(path, dtype=dict.fromkeys(TEXT_COLUMNS, str), keep_default_na=False, na_values=[""])
