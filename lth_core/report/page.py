"""The report: one self-contained HTML page of claims, figures and provenance. Pure: facts in, text out."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lth_core.analysis.corrections import expected_false_verdicts
from lth_core.analysis.divergence import Line
from lth_core.config import HOW_TO_COMPUTE, Config, Method, Recipe, Task, seeds_of
from lth_core.metrics import counted
from lth_core.report.costs import CostLine
from lth_core.report.images import LARGEST_PLAIN, PACKED, packed
from lth_core.report.methods import choice_words, method_words
from lth_core.report.numbers import claim_numbers, decimals, interval_bar, number, ratio, values_by_seed
from lth_core.report.overview import VERDICTS, anchored, some, sorted_marks, study_names, trained_words

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class FigureEntry:
    """A figure as the page shows it.

    `name` is that of its files, `alt` says in words what is seen, `image` is a data URI, `links` lead to the files by
    extension; `width` is in pixels, 0 where it is not known.
    """

    name: str
    title: str
    caption: str
    alt: str
    image: str
    links: Mapping[str, str]
    width: int = 0

    @property
    def is_packed(self) -> bool:
        """Tell whether the page's script has to unpack the image."""
        return self.image.startswith(PACKED)


@dataclass(frozen=True)
class StudyEntry:
    """A study as the page shows it.

    `claims` are rows of claims.csv, each with its `replicates` from effects.csv; `tables` link by name and extension.
    """

    name: str
    title: str
    citation: str
    claims: Sequence[Mapping[str, Any]]
    figures: Sequence[FigureEntry]
    tables: Mapping[str, Mapping[str, str]]

    @property
    def label(self) -> str:
        """Return the name by which lists call the study."""
        return study_names(self.citation, self.title)[0]

    @property
    def besides(self) -> str:
        """Return what lists say beside it."""
        return study_names(self.citation, self.title)[1]


def render(
    config: Config,
    tasks: Mapping[str, Task],
    methods: Mapping[str, Method],
    studies: Sequence[StudyEntry],
    sources: Mapping[str, str],
    provenance: Sequence[Mapping[str, Any]],
    claims_link: str,
    effects_link: str,
    divergences: Sequence[Line] = (),
    costs: Sequence[CostLine] = (),
    drawn_with: Sequence[str] = (),
    unpruned: Mapping[str, Mapping[str, int]] | None = None,
    batches_of: Mapping[str, str] | None = None,
) -> str:
    """Render the whole page.

    `tasks` are those that were trained; `methods` those by which masks were found, derived ones too; `sources` says in
    a sentence where each data set comes from; `provenance` has one entry per cohort: task, cohort, and what its dense
    run's header says about versions, commit and device; `divergences` are those of all trainings in words; `costs` are
    those of tickets without their pruned filters; `drawn_with` are the library and version that drew the figures;
    `unpruned` gives, by task, the weight matrices that no method prunes, with their sizes; `batches_of`, by data set,
    what its batches are a number of (examples, if it is not given).
    """
    environment = templates()
    environment.filters.update(number=number, by_seed=values_by_seed)
    studies = [replace(study, claims=anchored(study.name, study.claims)) for study in _of_one_page(studies)]
    every_claim = [claim for study in studies for claim in study.claims]
    verdicts, corrected = _counts(every_claim, "verdict"), _counts(every_claim, "verdict_holm")
    counted = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    counted = counted if every_claim else "none could be tested"
    trained = trained_words(tasks.values())
    return environment.get_template("index.html.j2").render(
        tasks=[
            {
                **_task_facts(name, task, config, sources),
                "recipe": _recipe_words(task.train, (batches_of or {}).get(task.dataset, "examples")),
                "unpruned": _unpruned_words((unpruned or {}).get(name, {})),
            }
            for name, task in tasks.items()
        ],
        methods={name: method_words(method) for name, method in methods.items()},
        studies=studies,
        claims_by_task=_claims_by_task,
        claimed_tasks=sorted({claim["task"] for claim in every_claim}),
        sorted_marks=sorted_marks,
        interval_bar=interval_bar,
        decimals=decimals,
        name=config.name,
        trained=trained,
        papers=some([study.label for study in studies], "other papers"),
        facts=json.dumps(
            {
                "trained": trained,
                "papers": [study.label for study in studies],
                "verdicts": verdicts if every_claim else {},
            },
            ensure_ascii=False,
        ),
        description=f"{', '.join(tasks)}. Claims of {', '.join(study.citation for study in studies)}: {counted}.",
        verdicts=verdicts,
        corrected=corrected,
        chance=_chance_words(every_claim),
        claim_numbers=claim_numbers,
        claim_count=len(every_claim),
        claims_link=claims_link,
        effects_link=effects_link,
        provenance=provenance,
        divergences=divergences,
        costs=costs,
        drawn_with=drawn_with,
        ratio=ratio,
        configuration=yaml.safe_dump(_as_written(config), sort_keys=False, allow_unicode=True),
    )


def _of_one_page(studies: Sequence[StudyEntry]) -> Sequence[StudyEntry]:
    """Compress the figures where there are many, so that the page stays small enough to be sent around."""
    if sum(len(figure.image) for study in studies for figure in study.figures) <= LARGEST_PLAIN:
        return studies
    return [
        replace(study, figures=[replace(figure, image=packed(figure.image)) for figure in study.figures])
        for study in studies
    ]


def _counts(claims: Sequence[Mapping[str, Any]], column: str) -> dict[str, int]:
    """Count the verdicts in a column of claims, in the order of VERDICTS."""
    counted = Counter(claim[column] for claim in claims)
    return {verdict: counted[verdict] for verdict in VERDICTS}


def _chance_words(claims: Sequence[Mapping[str, Any]]) -> str:
    """Say how many verdicts chance alone would give; empty where no claim has an interval."""
    tested = sum(math.isfinite(claim["p"]) for claim in claims)
    if not tested:
        return ""
    expected = number(expected_false_verdicts(tested), 1)
    claims_have = "claim has" if tested == 1 else "claims have"
    return (
        f"{tested} {claims_have} a p-value: if every effect were equal to its margin, chance alone would give "
        f"{expected} of them a verdict"
    )


def _as_written(config: Config) -> dict[str, Any]:
    """Return the config in the form of its file: `fractions` are a map, not the ordered pairs of specs."""
    values = config.model_dump(mode="json", exclude=HOW_TO_COMPUTE)
    for method in values["methods"].values():
        method["fractions"] = dict(method["fractions"])
    return values


def templates() -> Environment:
    """Open the templates of the pages, which escape everything that is put into them.

    `script_hash` is what a page's security policy calls this script, so that no other one runs.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = environment.get_template("page.js").render()
    environment.globals["script_hash"] = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment


def drawing_library(svg: bytes) -> str:
    """Find what an svg says that drew it, such as "Matplotlib v3.10.3"; empty where it says nothing."""
    match = re.search(rb"<dc:title>([^<,]+)", svg)
    return match[1].decode().strip() if match else ""


def _claims_by_task(study: StudyEntry) -> list[tuple[str, list[Mapping[str, Any]]]]:
    ordered = sorted(study.claims, key=lambda claim: claim["task"])
    return [(task, list(claims)) for task, claims in groupby(ordered, key=lambda claim: claim["task"])]


def _task_facts(name: str, task: Task, config: Config, sources: Mapping[str, str]) -> dict[str, Any]:
    seeds = [seed for cohort in task.cohorts for seed in seeds_of(cohort)]
    methods = {study["tasks"][name] for study in config.studies.values() if name in study.get("tasks", {})}
    return {
        "name": name,
        "data": sources[task.dataset],
        "model": choice_words(task.model),
        "seeds": f"{len(seeds)} ({', '.join(task.cohorts)})",
        "methods": sorted(methods),
    }


def _recipe_words(recipe: Recipe, unit: str) -> str:
    """Describe a recipe in short; `unit` is what its batches are a number of."""
    schedule = "" if recipe.schedule.name == "constant" else f", {recipe.schedule.name} schedule"
    warmup = f", warmup of {counted(recipe.schedule.warmup_steps, 'steps')}" if recipe.schedule.warmup_steps else ""
    return (
        f"{counted(recipe.steps, 'steps')} of {counted(recipe.batch_size, unit)}, {recipe.optimizer.name} at "
        f"{recipe.optimizer.learning_rate:g}{schedule}{warmup}"
    )


def _unpruned_words(unpruned: Mapping[str, int]) -> str:
    """Name the matrices that no method prunes; empty where there are none."""
    if not unpruned:
        return ""
    named = ", ".join(f"{name} ({size:,})" for name, size in unpruned.items())
    return f"never pruned: {named}; densities are of the other weights that have two or more axes"
