"""Compare two runs: read their results, draw, test, and write a page and a table into a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lth_core.compare.claims import Pair, pairs, rows
from lth_core.compare.curves import Curves, figure, shared_curves
from lth_core.compare.page import CurvesEntry, Side, StudyPair, render
from lth_core.compare.runs import CompareError, RecordedRun, differences, open_both
from lth_core.config import HOW_TO_COMPUTE, Config, seeds_of
from lth_core.drawing.figures import images
from lth_core.drawing.words import describe
from lth_core.report.images import image_uri, width_of
from lth_core.report.overview import study_names
from lth_core.storage.files import read_bytes, write_text
from lth_core.storage.tables import write_table
from lth_core.tasks.metrics import metric_of

MARK = '<meta name="generator" content="lth compare">'
"""By which a page that may be written over is known."""
NO_SETTINGS = {"name", "results", "reports"}
"""Keys of a config that change no number."""


def compare(results: Sequence[str], names: Sequence[str], output: str) -> str:
    """Write the page of two runs, and their claims as a table; returns the path of the page.

    Args:
        results: the results folders of the first run and of the second.
        names: the names of their configs: none, one for both, or two.
        output: the folder of `index.html` and `claims.csv`.

    Raises:
        CompareError, ArtifactError: when the runs cannot be compared, or a file cannot be read or written. Nothing is
            written then, but for a full disk.
    """
    refuse_what_is_not_ours(results, output)
    page = Path(output, "index.html")
    runs = open_both(results, names)
    matched = pairs(*runs)
    studies = [study_pair(name, runs, matched) for name in runs[0].studies if name in runs[1].studies]
    others = [sorted({*one.studies} - {*other.studies}) for one, other in (runs, runs[::-1])]
    sides = [side(letter, run, rest) for letter, run, rest in zip("AB", runs, others, strict=True)]
    text = render(sides, differences(settings(runs[0]), settings(runs[1])), studies)
    write_table(Path(output, "claims.csv"), *rows(matched))
    write_text(page, text)
    return str(page)


def refuse_what_is_not_ours(results: Sequence[str], output: str) -> None:
    """Raise CompareError where files would be written among a run's own, or over files that compare did not make."""
    for folder in results:
        if Path(output).resolve().is_relative_to(Path(folder).resolve()):
            raise CompareError(f"{output}: is in {folder}, the results of a run; choose another --output")
    page, table = Path(output, "index.html"), Path(output, "claims.csv")
    if page.is_file() and MARK in read_bytes(page).decode(errors="replace"):
        return
    if there := list(filter(os.path.lexists, (page, table))):
        raise CompareError(f"{there[0]}: is here already and was not made by lth compare; choose another --output")


def study_pair(name: str, runs: Sequence[RecordedRun], matched: Sequence[Pair]) -> StudyPair:
    """Collect what the page shows of a study."""
    config, studies = runs[0].loaded
    study = studies[name]
    curves = [
        one
        for table in runs[0].table_names(name)
        if table in runs[1].table_names(name)
        for one in shared_curves(name, table, runs[0].table(name, table), runs[1].table(name, table))
    ]
    of_study = [pair for pair in matched if pair.claim["study"] == name]
    return StudyPair(name, *study_names(study.citation, study.title), of_study, [drawn(one, config) for one in curves])


def drawn(curves: Curves, config: Config) -> CurvesEntry:
    """Draw a figure for the page."""
    metric = metric_of(config.tasks[curves.task])
    picture = figure(curves, metric)
    contents = images(picture)
    image = image_uri(contents["svg"], contents["png"])
    return CurvesEntry(
        curves.name, curves.title(metric), curves.caption(metric), describe(picture), image, width_of(contents["svg"])
    )


def side(letter: str, run: RecordedRun, other_studies: Sequence[str]) -> Side:
    """Collect what the page says of one run."""
    made = {}
    for study, of_study in run.made.items():
        facts = {f"version of {name}": version for name, version in of_study["versions"].items()}
        facts |= {f"plugin {name}": digest for name, digest in of_study["plugins"].items()}
        facts |= {
            "commit": of_study["git_commit"] or "not a git checkout",
            f"code of {study}'s tables": of_study["spec"]["code"],
        }
        made |= facts
    return Side(letter, run.results, run.name, made, cost(run), other_studies)


def cost(run: RecordedRun) -> dict[str, int]:
    """Count what the studies of a run train: cohorts' trainings, networks in them, and steps of these together."""
    config, studies = run.loaded
    trainings = {one for study in studies.values() for one in study.runs(config)}
    branches = config.branches | {
        name: branch for study in studies.values() for name, branch in study.branches(config).items()
    }
    networks = steps = 0
    for one in trainings:
        draws = branches[one.branch].draws if one.branch in branches else 1
        count = len(seeds_of(one.cohort)) * draws
        networks, steps = networks + count, steps + count * config.tasks[one.task].train.steps
    return {"networks trained": networks, "steps of training, at most": steps}


def settings(run: RecordedRun) -> dict[str, Any]:
    """Return the config as it was written, defaults included, without what changes no number."""
    spec = [made["spec"]["config"] for made in run.made.values()]
    config = Config.model_validate(
        {**spec[0], "studies": {name: one["studies"][name] for name, one in zip(run.made, spec, strict=True)}}
    )
    values = config.model_dump(mode="json", exclude=HOW_TO_COMPUTE)
    return {key: value for key, value in values.items() if key not in NO_SETTINGS}
