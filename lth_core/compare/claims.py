"""Claims of two runs, matched by study, task and sentence, and how their verdicts and effects differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lth_core.analysis.changes import DECIDED, Change, chance_of_other_verdict, change
from lth_core.analysis.claims import CONFIDENCE
from lth_core.analysis.corrections import holm
from lth_core.compare.runs import ClaimKey, RecordedRun

STATUSES = ("verdict differs", "effect differs", "no clear difference", "equal in every seed", "only in A", "only in B")
"""What became of a claim, in the order of the page."""
COLUMNS = ("study", "task", "claim", "status")
OF_RUN = ("verdict", "estimate", "low", "high", "n", "unit", "margin", "effect")
OF_CHANGE = ("estimate", "low", "high", "n", "unmeasured", "pairing", "is_factor", "p", "note")


@dataclass(frozen=True)
class Pair:
    """A claim in the first run and in the second; None where a run does not make it."""

    first: Mapping[str, Any] | None
    second: Mapping[str, Any] | None
    change: Change | None = None
    p_holm: float = math.nan
    """The p-value of the change, corrected over all changes (Holm)."""
    chance: float = math.nan
    """How likely the verdicts would differ without any change, with other seeds."""

    @property
    def claim(self) -> Mapping[str, Any]:
        """Return the claim as one of the runs words it."""
        return self.first or self.second or {}

    @property
    def status(self) -> str:
        """Return one of STATUSES."""
        if self.first is None or self.second is None:
            return "only in B" if self.first is None else "only in A"
        if self.first["verdict"] != self.second["verdict"]:
            return "verdict differs"
        if self.word == "equal":
            return "equal in every seed"
        return "effect differs" if self.word in DECIDED else "no clear difference"

    @property
    def is_changed(self) -> bool:
        """Tell whether both runs make the claim, with another verdict or effect."""
        return self.status in STATUSES[:2]

    @property
    def word(self) -> str:
        """Return what the change says of the effect: larger, smaller, equal, undecided."""
        return self.change.word if self.change else "undecided"

    @property
    def word_holm(self) -> str:
        """Return the same after correction for many claims."""
        is_left = self.p_holm < 1 - CONFIDENCE or self.word not in DECIDED
        return self.word if is_left else "undecided"


def pairs(first: RecordedRun, second: RecordedRun) -> list[Pair]:
    """Match the claims of the studies that both runs have, in the order of the first run."""
    common = {*first.studies} & {*second.studies}
    claims = [{_key(claim): claim for claim in run.claims if claim["study"] in common} for run in (first, second)]
    keys = [*claims[0], *(key for key in claims[1] if key not in claims[0])]
    matched = [Pair(claims[0].get(key), claims[1].get(key)) for key in keys]
    matched = [_compared(pair, first, second) if pair.first and pair.second else pair for pair in matched]
    corrected = holm([pair.change.p if pair.change else math.nan for pair in matched if pair.change])
    left = iter(corrected)
    return [replace(pair, p_holm=next(left)) if pair.change else pair for pair in matched]


def _key(claim: Mapping[str, Any]) -> ClaimKey:
    return claim["study"], claim["task"], claim["claim"]


def _compared(pair: Pair, first: RecordedRun, second: RecordedRun) -> Pair:
    key = _key(pair.claim)
    replicates = first.effects.get(key, []), second.effects.get(key, [])
    chance = chance_of_other_verdict(*replicates, pair.claim["margin"])
    return replace(pair, change=change(*replicates), chance=chance)


def rows(matched: Sequence[Pair]) -> tuple[list[str], list[list[Any]]]:
    """Return the columns and rows of the table of both runs' claims."""
    columns = [*COLUMNS]
    columns += [f"{name}_{run}" for run in "ab" for name in OF_RUN]
    columns += [*(f"change_{name}" for name in OF_CHANGE), "change", "p_holm", "change_holm", "chance_of_other_verdict"]
    table = []
    for pair in matched:
        row: list[Any] = [pair.claim["study"], pair.claim["task"], pair.claim["claim"], pair.status]
        row += [claim[name] if claim else "" for claim in (pair.first, pair.second) for name in OF_RUN]
        row += [getattr(pair.change, name) if pair.change else "" for name in OF_CHANGE]
        table.append(
            [*row, pair.word if pair.change else "", pair.p_holm, pair.word_holm if pair.change else "", pair.chance]
        )
    return columns, table
