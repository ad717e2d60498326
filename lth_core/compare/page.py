"""The page of two runs: claims side by side, curves one over the other, what differs in their configs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from lth_core.analysis.changes import DECIDED, Change
from lth_core.analysis.corrections import expected_false_verdicts
from lth_core.analysis.scales import PERCENT_MORE, PERCENT_SAVED, RATIOS
from lth_core.compare.claims import STATUSES, Pair
from lth_core.metrics import counted
from lth_core.report.numbers import claim_numbers, decimals, number, p_value_words
from lth_core.report.overview import VERDICTS
from lth_core.report.page import templates

FACTOR_WORDS = {
    RATIOS.name: "times as large as in A",
    PERCENT_SAVED.name: "times as large as in A, as a ratio (2: 50% saved)",
    PERCENT_MORE.name: "times as large as in A, as a ratio (2: 100% more)",
}
"""What a factor is of, by scale: of effects in percent the ratio behind them, which rises with the effect."""


@dataclass(frozen=True)
class CurvesEntry:
    """A figure as the page shows it; `image` is a data URI, `width` in pixels."""

    name: str
    title: str
    caption: str
    alt: str
    image: str
    width: int


@dataclass(frozen=True)
class StudyPair:
    """A study that both runs have: how lists call it, what they say beside it, its claims and figures."""

    name: str
    label: str
    besides: str
    pairs: Sequence[Pair]
    figures: Sequence[CurvesEntry]


@dataclass(frozen=True)
class Side:
    """One of the runs: where it lies, what made it, what it cost, its studies that the other one has not."""

    letter: str
    results: str
    name: str
    made: Mapping[str, str]
    cost: Mapping[str, int]
    other_studies: Sequence[str]


def render(sides: Sequence[Side], settings: Sequence[tuple[str, Any, Any]], studies: Sequence[StudyPair]) -> str:
    """Render the page of two `sides`, A and B, whose configs differ in `settings`: dotted key, value in A, in B."""
    matched = [pair for study in studies for pair in study.pairs]
    environment = templates()
    environment.filters.update(number=number)
    shown = [
        {"study": study, "pair": pair, "id": f"{study.name}-claim-{index}"}
        for study in studies
        for index, pair in enumerate(study.pairs, 1)
    ]
    return environment.get_template("compare.html.j2").render(
        sides=sides,
        settings=[(key, setting_words(first), setting_words(second)) for key, first, second in settings],
        studies=studies,
        shown=shown,
        claimed_tasks=sorted({pair.claim["task"] for pair in matched}),
        groups={status: _ordered([one for one in shown if one["pair"].status == status]) for status in STATUSES},
        of_study=lambda name: [one for one in shown if one["study"].name == name],
        verdicts=VERDICTS,
        table=verdict_table(matched),
        chance=chance_words(matched),
        claim_numbers=claim_numbers,
        change_numbers=change_numbers,
        costs=sorted({name: None for side in sides for name in side.cost}),
        made=_made(sides),
    )


def _ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Order claims: opposite verdicts first, then changes that are decided, each by its p-value."""

    def rank(row: Mapping[str, Any]) -> tuple[bool, bool, float]:
        pair = row["pair"]
        either = {claim["verdict"] for claim in (pair.first, pair.second) if claim}
        p = pair.change.p if pair.change else math.nan
        return either != {"supported", "contradicted"}, pair.word not in DECIDED, 2.0 if math.isnan(p) else p

    return sorted(rows, key=rank)


def verdict_table(matched: Sequence[Pair]) -> dict[str, dict[str, int]]:
    """Count the claims of both runs by verdict in A, then by verdict in B."""
    both = [(pair.first["verdict"], pair.second["verdict"]) for pair in matched if pair.first and pair.second]
    return {first: {second: both.count((first, second)) for second in VERDICTS} for first in VERDICTS}


def chance_words(matched: Sequence[Pair]) -> list[str]:
    """Say how many verdicts and effects would differ by chance alone, beside how many do."""
    said = []
    if matched and not any(pair.first and pair.second for pair in matched):
        sides = [pair.first for pair in matched], [pair.second for pair in matched]
        tasks = [sorted({claim["task"] for claim in side if claim}) for side in sides]
        said.append(
            "No claim is made in both runs (claims are the same where study, task and sentence are): "
            f"{_claims_about('A', tasks[0])}, and {_claims_about('B', tasks[1])}"
        )
    known = [pair for pair in matched if math.isfinite(pair.chance)]
    if known:
        differing = sum(pair.status == STATUSES[0] for pair in known)
        expected = number(sum(pair.chance for pair in known), 1)
        said.append(
            f"{differing} of {counted(len(known), 'claims')} with intervals in both runs {_have(differing)} another "
            f"verdict in B. Two runs that differ in nothing but their seeds would give about {expected} of them "
            "another verdict, as computed from the spreads of these runs; two with the same seeds fewer"
        )
    tested = [pair for pair in matched if pair.change and math.isfinite(pair.change.p)]
    if tested:
        decided = sum(pair.word in DECIDED for pair in tested)
        left = sum(pair.word_holm in DECIDED for pair in tested)
        expected = number(expected_false_verdicts(len(tested)), 1)
        said.append(
            f"{decided} of {counted(len(tested), 'claims')} whose change has a p-value {_have(decided)} a larger or "
            f"smaller effect in B; chance alone would give {expected}. Corrected for that (Holm, over all of them): "
            f"{left}"
        )
    return said


def _claims_about(run: str, tasks: Sequence[str]) -> str:
    return f"those of {run} are about {', '.join(tasks)}" if tasks else f"{run} makes none"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def change_numbers(change: Change, unit: str) -> dict[str, str]:
    """Write the numbers of a change: a signed difference in the claim's unit, or a factor."""
    digits = decimals({"low": change.low, "high": change.high, "estimate": change.estimate, "margin": 0.0})
    digits = max(digits, 2) if change.is_factor else digits
    sign = "+" if change.estimate > 0 and not change.is_factor else ""
    interval = f"[{number(change.low, digits)}, {number(change.high, digits)}]"
    paired = change.pairing == "paired"
    how = f"{counted(change.n, 'seeds')} paired" if paired else counted(change.n, "independent replicates")
    return {
        "estimate": f"{sign}{number(change.estimate, digits)}",
        "interval": "" if math.isnan(change.low) else interval,
        "unit": FACTOR_WORDS[change.scale] if change.is_factor else unit,
        "p": p_value_words(change.p),
        "how": how if change.pairing else "",
    }


def setting_words(value: Any) -> str:
    """Write a value of a config on one line; a dash where a run does not set it."""
    if value is None:
        return "–"
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=math.inf).removesuffix("...\n").strip()


def _made(sides: Sequence[Side]) -> list[tuple[str, list[str], bool]]:
    """List what made the runs: name, its value in A and B, and whether these differ."""
    names = dict.fromkeys(name for side in sides for name in side.made)
    listed = [(name, [side.made.get(name, "–") for side in sides]) for name in names]
    return [(name, values, len({*values}) > 1) for name, values in listed]
