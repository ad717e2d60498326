"""The two runs that are compared, as their results tell: claims, effects, tables and what made them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lth_core.analysis.claims import Replicate
from lth_core.config import Config
from lth_core.jobs.support.loading import load, read_claims, read_effects, read_table_file
from lth_core.registry import UnknownName, one_line
from lth_core.storage.files import read_bytes
from lth_core.storage.paths import claims_file, divergence_file, effects_file, table_file
from lth_core.studies.base import Study

if TYPE_CHECKING:
    import pandas as pd

ClaimKey = tuple[str, str, str]
"""Study, task and sentence: what tells a claim from others in all runs."""


class CompareError(ValueError):
    """What keeps two runs from being compared, in one line."""


@dataclass(frozen=True)
class RecordedRun:
    """A finished run: the results folder and the name of its config."""

    results: str
    name: str

    @classmethod
    def open(cls, results: str, name: str | None) -> RecordedRun:
        """Look for a run in a results folder. Raises CompareError if there is none, several, or an unfinished one."""
        tables = Path(results, "tables")
        if not Path(results).exists():
            raise CompareError(f"{results}: is not there; name the results folder of a run, such as results")
        if not tables.is_dir():
            raise CompareError(f"{results}: has no tables; name the results folder of a run, such as results")
        names = sorted(path.name for path in tables.iterdir() if path.is_dir())
        listed = ", ".join(names)
        if name is None and len(names) > 1:
            raise CompareError(f"{results}: has the runs of several configs: choose with --config one of {listed}")
        if (name or (names and names[0])) not in names:
            raise CompareError(
                f"{results}: has no run of a config '{name}', only of {listed}"
                if names
                else f"{results}: has no tables yet: let the run finish"
            )
        run = cls(results, name or names[0])
        if not Path(claims_file(results, run.name)).exists() or not run.studies:
            raise CompareError(
                f"{results}: the run of '{run.name}' is not finished: it has no claims yet; run it again"
            )
        if not Path(effects_file(results, run.name)).exists():
            older = "was made by an earlier version of lth, which kept no effects by seed; run it again"
            raise CompareError(f"{results}: the run of '{run.name}' {older}: only its claims are made anew")
        return run

    @cached_property
    def studies(self) -> list[str]:
        """List the studies that have tables."""
        return sorted(path.parent.name for path in Path(self.results, "tables", self.name).glob("*/divergence.csv"))

    def table_names(self, study: str) -> list[str]:
        """List the tables of a study, without its divergence."""
        folder = Path(divergence_file(self.results, self.name, study)).parent
        return sorted(path.stem for path in folder.glob("[!.]*.csv") if path.stem != "divergence")

    def table(self, study: str, name: str) -> pd.DataFrame:
        """Read a table. Raises ArtifactError when it cannot be read."""
        return read_table_file(table_file(self.results, self.name, study, name))

    @cached_property
    def claims(self) -> list[dict[str, Any]]:
        """Read the claims. Raises ArtifactError when they cannot be read."""
        path = claims_file(self.results, self.name)
        try:
            return read_claims(path)
        except (KeyError, ValueError) as error:
            raise CompareError(f"{path}: cannot be read ({one_line(error)}); run the config again") from None

    @cached_property
    def effects(self) -> dict[ClaimKey, list[Replicate]]:
        """Read the effect of every claim by seed."""
        path = effects_file(self.results, self.name)
        try:
            return read_effects(path)
        except (KeyError, TypeError) as error:
            raise CompareError(f"{path}: cannot be read ({one_line(error)}); run the config again") from None

    @cached_property
    def made(self) -> dict[str, dict[str, Any]]:
        """Read what made the tables, by study: spec, versions, commit, plugins."""
        return {study: self._provenance(study) for study in self.studies}

    def _provenance(self, study: str) -> dict[str, Any]:
        path = table_file(self.results, self.name, study, self.table_names(study)[0])
        beside = Path(path).with_suffix(".json")
        try:
            made = json.loads(read_bytes(beside))
            _ = made["spec"]["config"]["studies"][study], made["spec"]["modules"], made["versions"], made["plugins"]
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
            raise CompareError(f"{beside}: cannot be read ({one_line(error)}); run the config again") from None
        return made

    @cached_property
    def loaded(self) -> tuple[Config, dict[str, Study]]:
        """Return the config that the tables were made with, defaults included, and its studies.

        Raises CompareError where this version of lth cannot read it, or a plugin is not here.
        """
        specs = [made["spec"] for made in self.made.values()]
        config = dict(specs[0]["config"])
        config["studies"] = {name: spec["config"]["studies"][name] for name, spec in zip(self.made, specs, strict=True)}
        modules = sorted({module for spec in specs for module in spec["modules"]})
        try:
            return load({"config": config, "modules": modules})
        except ModuleNotFoundError as error:
            where = "compare in the folder where the run's plugins are"
            raise CompareError(f"{self.results}: module '{error.name}' is not here: {where}") from None
        except (ValidationError, UnknownName) as error:
            reason = _first_error(error) if isinstance(error, ValidationError) else str(error)
            raise CompareError(f"{self.results}: this version of lth cannot read its config ({reason})") from None

    @property
    def config(self) -> Config:
        """Return the config with what its studies derive."""
        return self.loaded[0]


def _first_error(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def open_both(results: Sequence[str], names: Sequence[str]) -> tuple[RecordedRun, RecordedRun]:
    """Open the first and the second run. Raises CompareError where they cannot be compared."""
    chosen = [*names, *names][:2] if names else [None, None]
    first, second = (RecordedRun.open(folder, name) for folder, name in zip(results, chosen, strict=True))
    if Path(first.results).resolve() == Path(second.results).resolve() and first.name == second.name:
        raise CompareError(f"{first.results}: both are the run of '{first.name}'; name two runs")
    if not set(first.studies) & set(second.studies):
        listed = f"{', '.join(first.studies)} in the first, {', '.join(second.studies)} in the second"
        raise CompareError(f"the runs have no study in common: {listed}")
    return first, second


def differences(first: Any, second: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """List where nested mappings differ: dotted key, value of the first, of the second; None where there is none."""
    if not (isinstance(first, Mapping) and isinstance(second, Mapping)):
        return [] if first == second else [(path, first, second)]
    keys = [*first, *(key for key in second if key not in first)]
    return [
        difference
        for key in keys
        for difference in differences(first.get(key), second.get(key), f"{path}.{key}" if path else str(key))
    ]
