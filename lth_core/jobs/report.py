"""Write the page: rule `report`.

Input: claims and their effects by seed, figures, captions, divergence, costs, and the headers of data and dense runs.
Output: the page of the config, reports/NAME/index.html.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lth_core.analysis.divergence import lines
from lth_core.config import Config, Method, Task
from lth_core.data.kinds import counted_by_batches
from lth_core.jobs.support.command import command
from lth_core.jobs.support.loading import load, parser, read_claims, read_effects
from lth_core.report.costs import cost_line, shrunk_tickets
from lth_core.report.images import image_uri, width_of
from lth_core.report.overview import figure_titles
from lth_core.report.page import FigureEntry, StudyEntry, drawing_library, render
from lth_core.storage.files import read_bytes, write_text
from lth_core.storage.paths import (
    FIGURE_FORMATS,
    captions_file,
    claims_file,
    data_file,
    divergence_file,
    effects_file,
    figure_file,
    page_file,
    table_file,
)
from lth_core.storage.runs import Run
from lth_core.storage.tables import read_rows
from lth_core.storage.tensors import read_header
from lth_core.studies.base import Study


@command
def main() -> None:
    options = parser(__doc__).parse_args()
    config, studies = load(options.spec)
    claims = read_claims(claims_file(config.results, config.name))
    effects = read_effects(effects_file(config.results, config.name))
    claims = [row | {"replicates": effects.get((row["study"], row["task"], row["claim"]), [])} for row in claims]
    tasks, methods = trained_tasks(config, studies), used_methods(config, studies)
    runs = [run for study in studies.values() for run in study.runs(config)]
    data = {task.dataset: read_header(data_file(config.results, task.dataset)) for task in tasks.values()}
    drawn = [
        figure_file(config.reports, config.name, name, figure, "svg")
        for name, study in studies.items()
        for figure in study.figure_names(config)
    ]
    page = render(
        config,
        tasks,
        methods,
        [study_entry(config, name, study, claims) for name, study in studies.items()],
        sources={name: facts["source"] for name, facts in data.items()},
        batches_of={name: counted_by_batches(facts) for name, facts in data.items()},
        provenance=[
            {"task": name, "cohort": cohort, **read_header(Run(name, cohort).trained(config.results))["provenance"]}
            for name, task in tasks.items()
            for cohort in task.cohorts
        ],
        unpruned={
            name: read_header(Run(name, task.cohorts[0]).trained(config.results)).get("unpruned", {})
            for name, task in tasks.items()
        },
        claims_link=link(config, claims_file(config.results, config.name)),
        effects_link=link(config, effects_file(config.results, config.name)),
        costs=[cost_line(ticket, read_rows(ticket.costs(config.results))) for ticket in shrunk_tickets(runs, methods)],
        drawn_with=sorted({drawing_library(read_bytes(path)) for path in drawn} - {""}),
        divergences=lines(
            [row for name in studies for row in read_rows(divergence_file(config.results, config.name, name))]
        ),
    )
    write_text(page_file(config.reports, config.name), page)


def trained_tasks(config: Config, studies: dict[str, Study]) -> dict[str, Task]:
    """Select the tasks of studies, and those derived ones whose dense networks they train."""
    dense = {run.task for study in studies.values() for run in study.runs(config) if run == Run(run.task, run.cohort)}
    used = dense.union(*(study.tasks for study in studies.values()))
    return {name: task for name, task in config.tasks.items() if name in used}


def used_methods(config: Config, studies: dict[str, Study]) -> dict[str, Method]:
    """Select the methods of the studies' tasks and tickets, and add those that the studies derive from them."""
    used = {method for study in studies.values() for method in study.tasks.values()}
    used |= {run.method for study in studies.values() for run in study.runs(config)}
    configured = {name: method for name, method in config.methods.items() if name in used}
    return configured | {name: method for study in studies.values() for name, method in study.methods(config).items()}


def study_entry(config: Config, name: str, study: Study, claims: list[dict[str, Any]]) -> StudyEntry:
    """Collect a study's part of the page. Raises ArtifactError when a figure or the captions cannot be read."""
    captions = json.loads(read_bytes(captions_file(config.reports, config.name, name)))
    names, figures = study.figure_names(config), []
    titles = figure_titles(names, [*config.tasks, *getattr(study, "groups", [])])
    for figure in names:
        paths = {
            extension: figure_file(config.reports, config.name, name, figure, extension) for extension in FIGURE_FORMATS
        }
        svg = read_bytes(paths["svg"])
        image = image_uri(svg, read_bytes(paths["png"]))
        links = {extension: link(config, path) for extension, path in paths.items()}
        said = captions[figure]
        figures.append(FigureEntry(figure, titles[figure], said["caption"], said["seen"], image, links, width_of(svg)))
    tables = {
        table: table_links(config, table_file(config.results, config.name, name, table)) for table in study.table_names
    }
    of_study = [claim for claim in claims if claim["study"] == name]
    return StudyEntry(name, study.title, study.citation, of_study, figures, tables)


def table_links(config: Config, path: str) -> dict[str, str]:
    """Link to a table and to its provenance."""
    return {"csv": link(config, path), "json": link(config, Path(path).with_suffix(".json").as_posix())}


def link(config: Config, path: str) -> str:
    """Return the address of a file as seen from the page."""
    return quote(Path(os.path.relpath(path, Path(page_file(config.reports, config.name)).parent)).as_posix())


if __name__ == "__main__":
    main()
