"""The report: one self-contained HTML page of claims, figures and provenance. Pure: facts in, text out."""

from __future__ import annotations

import base64
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lth_core.analysis.corrections import expected_false_verdicts
from lth_core.analysis.divergence import Line
from lth_core.config import HOW_TO_COMPUTE, Choice, Config, Method, Recipe, Task, seeds_of
from lth_core.report.costs import CostLine
from lth_core.report.numbers import claim_numbers, decimals, interval_bar, number, ratio

TEMPLATES = Path(__file__).with_name("templates")
VERDICTS = ("supported", "contradicted", "inconclusive")
LARGEST_SVG = 400_000
"""Bytes above which the page shows a figure's png instead of its svg."""
SHARES = {
    "rates": "one ranking per layer",
    "uniform": "one ranking per layer, each of which keeps the same share",
    "uniform-plus": "one ranking per layer, each of which keeps the same share, but a first convolution everything and "
    "the output layer at least 20% (Gale et al. 2019)",
    "erdos-renyi": "one ranking per layer, each of which keeps its Erdos-Renyi share (Mocanu et al. 2018)",
    "erdos-renyi-kernel": "one ranking per layer, each of which keeps its Erdos-Renyi-kernel share (Evci et al. 2020)",
    "lamp": "one global ranking of scores relative to their layer's (LAMP, Lee et al. 2021)",
}
"""What is ranked, by allocation."""


@dataclass(frozen=True)
class FigureEntry:
    """A figure as the page shows it: image as a data URI, links to its files by extension."""

    name: str
    caption: str
    image: str
    links: Mapping[str, str]


@dataclass(frozen=True)
class StudyEntry:
    """A study as the page shows it: `claims` are rows of claims.csv, `tables` link by name and extension."""

    name: str
    title: str
    citation: str
    claims: Sequence[Mapping[str, Any]]
    figures: Sequence[FigureEntry]
    tables: Mapping[str, Mapping[str, str]]


def render(
    config: Config,
    tasks: Mapping[str, Task],
    methods: Mapping[str, Method],
    studies: Sequence[StudyEntry],
    sources: Mapping[str, str],
    provenance: Sequence[Mapping[str, Any]],
    claims_link: str,
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
    environment.filters.update(number=number)
    every_claim = [claim for study in studies for claim in study.claims]
    verdicts, corrected = _counts(every_claim, "verdict"), _counts(every_claim, "verdict_holm")
    counted = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    counted = counted if every_claim else "none could be tested"
    return environment.get_template("index.html.j2").render(
        tasks=[
            {
                **_task_facts(name, task, config, sources),
                "recipe": _recipe_words(task.train, (batches_of or {}).get(task.dataset, "examples")),
                "unpruned": _unpruned_words((unpruned or {}).get(name, {})),
            }
            for name, task in tasks.items()
        ],
        methods={name: _method_words(method) for name, method in methods.items()},
        studies=studies,
        claims_by_task=_claims_by_task,
        interval_bar=interval_bar,
        decimals=decimals,
        name=config.name,
        description=f"{', '.join(tasks)}. Claims of {', '.join(study.citation for study in studies)}: {counted}.",
        verdicts=verdicts,
        corrected=corrected,
        chance=_chance_words(every_claim),
        claim_numbers=claim_numbers,
        claim_count=len(every_claim),
        claims_link=claims_link,
        provenance=provenance,
        divergences=divergences,
        costs=costs,
        drawn_with=drawn_with,
        ratio=ratio,
        configuration=yaml.safe_dump(_as_written(config), sort_keys=False, allow_unicode=True),
    )


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
    return (
        f"{tested} have an interval: if every effect were equal to its margin, {expected} would get a verdict by chance"
    )


def _as_written(config: Config) -> dict[str, Any]:
    """Return the config in the form of its file: `fractions` are a map, not the ordered pairs of specs."""
    values = config.model_dump(mode="json", exclude=HOW_TO_COMPUTE)
    for method in values["methods"].values():
        method["fractions"] = dict(method["fractions"])
    return values


def templates() -> Environment:
    """Open the templates of the pages, which escape everything that is put into them."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def image_uri(svg: bytes, png: bytes) -> str:
    """Encode a figure as a data URI: sharp lines (svg) unless that is large."""
    kind, content = ("svg+xml", svg) if len(svg) <= LARGEST_SVG else ("png", png)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def drawing_library(svg: bytes) -> str:
    """Find what an svg says that drew it, such as "Matplotlib v3.10.3"; empty where it says nothing."""
    match = re.search(rb"<dc:title>([^<,]+)", svg)
    return match[1].decode().strip() if match else ""


def _claims_by_task(study: StudyEntry) -> list[tuple[str, list[Mapping[str, Any]]]]:
    ordered = sorted(study.claims, key=lambda claim: claim["task"])
    return [(task, list(claims)) for task, claims in groupby(ordered, key=lambda claim: claim["task"])]


def _choice(choice: Choice) -> str:
    options = ", ".join(f"{key} {value}" for key, value in choice.options.items())
    return f"{choice.name} ({options})" if options else choice.name


def _task_facts(name: str, task: Task, config: Config, sources: Mapping[str, str]) -> dict[str, Any]:
    seeds = [seed for cohort in task.cohorts for seed in seeds_of(cohort)]
    methods = {study["tasks"][name] for study in config.studies.values() if name in study.get("tasks", {})}
    return {
        "name": name,
        "data": sources[task.dataset],
        "model": _choice(task.model),
        "seeds": f"{len(seeds)} ({', '.join(task.cohorts)})",
        "methods": sorted(methods),
    }


def _recipe_words(recipe: Recipe, unit: str) -> str:
    """Describe a recipe in short; `unit` is what its batches are a number of."""
    schedule = "" if recipe.schedule.name == "constant" else f", {recipe.schedule.name} schedule"
    warmup = f", warmup of {recipe.schedule.warmup_steps:,} steps" if recipe.schedule.warmup_steps else ""
    return (
        f"{recipe.steps:,} steps of {recipe.batch_size} {unit}, {recipe.optimizer.name} at "
        f"{recipe.optimizer.learning_rate:g}{schedule}{warmup}"
    )


def _unpruned_words(unpruned: Mapping[str, int]) -> str:
    """Name the matrices that no method prunes; empty where there are none."""
    if not unpruned:
        return ""
    named = ", ".join(f"{name} ({size:,})" for name, size in unpruned.items())
    return f"never pruned: {named}; densities are of the other weights that have two or more axes"


def _method_words(method: Method) -> str:
    """Describe a method in one sentence."""
    kind = "iterative" if method.iterative else "one-shot"
    k = method.rewind.step
    starts = {
        "reset": "reset",
        "rewind": f"rewind to step {k}",
        "rewind-low-rate": f"rewind to step {k}, at the last learning rate",
        "lr-rewind": f"training continues, learning rate from step {k}",
        "fine-tune": f"training continues from step {k} at the last learning rate",
    }
    treated = f"; each ticket treated: {_choice(method.treatment)}" if method.treatment else ""
    excluded = _exclusions(method) if method.exclude else ""
    return (
        f"{kind}, {_choice(method.criterion)}, {_ranking_and_rates(method)}; "
        f"{starts[method.rewind.policy]}{treated}{excluded}"
    )


def _exclusions(method: Method) -> str:
    """Say what is left of the layers that a method excludes."""
    named = ", ".join(method.exclude)
    if method.granularity in ("filter", "channel"):
        return f"; excluded: {named} (filters there stay; only their inputs from removed filters go)"
    return f"; never pruned: {named}"


def _ranking_and_rates(method: Method) -> str:
    """Describe what is ranked, and how much of it a round prunes."""
    levels = "1 level" if method.levels == 1 else f"{method.levels} levels"
    if method.granularity == "filter":
        fractions = ", ".join(f"{fraction:.0%} in {pattern}" for pattern, fraction in method.fractions.items())
        return (
            f"whole filters (neurons) ranked per layer; {levels}, each pruning a fraction of the remaining filters: "
            f"{fractions}; other layers keep their own"
        )
    if method.granularity == "channel":
        return _channels(method, levels)
    if method.n_of_m:
        kept = ", ".join(map(str, method.n_of_m.n))
        return f"every {method.n_of_m.m} consecutive inputs of an output ranked; {levels} keeping {kept} of them"
    if method.block:
        blocks = f"blocks of {method.block.height} x {method.block.width} weights by their mean score"
        left = _left_by_levels(method).replace("weights", "blocks")
        return f"{blocks}: {_ranking(method)}; {levels} {left}"
    return f"{_ranking(method)}; {levels} {_left_by_levels(method)}"


def _channels(method: Method, levels: str) -> str:
    """Describe what is ranked of channels, and how many a round prunes."""
    ranked = "all together" if method.scope == "global" else "per group"
    scored = f", by the {method.channel_score} over the layers that compute them"
    left = _left_by_levels(method).replace("weights", "channels")
    if method.fractions:
        fractions = ", ".join(f"{fraction:.0%} in {pattern}" for pattern, fraction in method.fractions.items())
        left = f"each pruning a fraction of the remaining channels: {fractions}"
    return f"whole channels ranked {ranked}{scored}; {levels} {left}"


def _ranking(method: Method) -> str:
    """Say which weights are ranked together, and how layers share what is left."""
    return "one global ranking" if method.scope == "global" else SHARES[method.allocation]


def _left_by_levels(method: Method) -> str:
    """Say what the levels prune, or keep."""
    if method.densities:
        return f"keeping {', '.join(f'{100 * density:.3g}%' for density in method.densities)} of the weights"
    rates = "".join(f", {kind} {rate:.0%}" for kind, rate in method.rate_by_kind.items())
    return f"at {method.rate:.0%} of the surviving weights per round{rates}"
