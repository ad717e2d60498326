"""What a run replaces of another config's: files under the same names, made from other settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from glob import escape, glob
from pathlib import Path
from typing import Any

from lth_core.planning.configerrors import at
from lth_core.storage.paths import method_folder


def replaced(name: str, settings: Mapping[str, Any], tasks: Iterable[str], results: str) -> list[str]:
    """Name, one line each, what another config with tables in this folder means otherwise by the same name.

    Trainings lie under the names of task, cohort and method: configs share what they mean alike, and each makes anew
    what it means otherwise.

    Args:
        name: of the config.
        settings: those of the config, as specs have them.
        tasks: those of which this run makes something.
        results: the folder.
    """
    lines = {}
    for other, theirs in sorted(_with_tables(results).items()):
        if other == name:
            continue
        shared = {task: cohorts for task in tasks if (cohorts := _cohorts(settings, task) & _cohorts(theirs, task))}
        entries = [("tasks", task) for task in shared]
        entries += [("datasets", settings["tasks"][task]["dataset"]) for task in shared]
        entries += [
            ("methods", method) for method in settings.get("methods", {}) if _has_files(method, shared, results)
        ]
        for section, entry in entries:
            mine, its = (_meaning(one.get(section, {}).get(entry)) for one in (settings, theirs))
            if mine and its and mine != its:
                replaces = (
                    f"means something else in config '{other}', whose files of it in {results}/ this run replaces"
                )
                lines[
                    at((section, entry), f"{replaces}; to keep both, choose another name here, or other `results`")
                ] = None
    return list(lines)


def _with_tables(results: str) -> dict[str, dict[str, Any]]:
    """The settings of the configs that have tables in this folder, by name; what cannot be read is left out."""
    known: dict[str, dict[str, Any]] = {}
    for path in sorted(glob(f"{escape(results)}/tables/*/*/*.json")):
        try:
            settings = json.loads(Path(path).read_text(encoding="utf-8"))["spec"]["config"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        known[Path(path).parent.parent.name] = settings
    return known


def _cohorts(settings: Mapping[str, Any], task: str) -> set[str]:
    return set(settings.get("tasks", {}).get(task, {}).get("cohorts", []))


def _has_files(method: str, shared: Mapping[str, set[str]], results: str) -> bool:
    """Whether a method has pruned one of the tasks: the other config may use it for other ones."""
    folders = (method_folder(results, task, cohort, method) for task, cohorts in shared.items() for cohort in cohorts)
    return any(Path(folder).is_dir() for folder in folders)


def _meaning(entry: Any) -> Any:
    """What files depend on; those of one cohort do not depend on the others."""
    return {key: value for key, value in entry.items() if key != "cohorts"} if isinstance(entry, dict) else entry
