"""A sheet of claims: collects what a study claims about one task, in the unit of the task's metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from lth_core.analysis.claims import Claim, evaluate_claim
from lth_core.analysis.cut_off import CutOff, with_cut_off
from lth_core.analysis.scales import DIFFERENCES, PERCENT_MORE, PERCENT_SAVED, RATIOS, Scale
from lth_core.config import Config
from lth_core.metrics import Metric, amount, percent_text
from lth_core.report.numbers import claim_numbers
from lth_core.studies.base import Drawing, Study
from lth_core.studies.captions import listing
from lth_core.studies.task_tables import TaskTables

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class ClaimSheet:
    """Collect the claims of one study about one task in `claims`.

    Every effect is a series with one value per seed (`analysis.measurements.seed_means` averages draws), positive where
    the sentence holds: nan where a training diverged, which leaves the claim inconclusive. Sentences come without their
    full stop. `source` names the paper, and its section or figure.
    """

    study: str
    task: str
    metric: Metric
    """What the task is measured by."""
    claims: list[Claim] = field(default_factory=list)
    table: str = ""
    figure: str = ""
    unmeasured_because: str = ""
    """Why nothing can be measured for the next claims, where that is known: words after "because"."""

    def read_from(self, table: str, kind: str = "", of: str | None = None) -> None:
        """Say from which table the next claims are read, and which figure shows them, if there is one.

        Figures are named by their kind and what they are `of`: the task, unless it is given (empty: nothing).
        """
        of = self.task if of is None else of
        self.table, self.figure = table, f"{kind}-{of}" if kind and of else kind

    def add(
        self,
        sentence: str,
        source: str,
        effect: str,
        values: pd.Series,
        *,
        unit: str | None = None,
        margin: float = 0.0,
        scale: Scale = DIFFERENCES,
        controls: Mapping[str, pd.Series] | None = None,
        subject: str = "tickets",
    ) -> None:
        """Claim that an effect is above `margin`; both are in `unit`, which is the metric's unless given.

        `Metric.gain` gives the difference of two networks in the metric's unit. Means are taken on the `scale`: for
        ratios there are `ratio`, `saved` and `excess`. `controls`: the same effect of what is no `subject` of the
        sentence, by what sentences call it. A claim that is supported says of which of them it holds as well.
        """
        common: dict[str, Any] = {
            "study": self.study,
            "task": self.task,
            "claim": f"{sentence[0].upper()}{sentence[1:]}.",
            "source": source,
            "effect": effect,
            "unit": self.metric.unit if unit is None else unit,
            "margin": margin,
            "scale": scale,
            "table": self.table,
            "figure": self.figure,
            "unmeasured_because": self.unmeasured_because,
        }
        claim = evaluate_claim(values.to_numpy(), **common, seeds=values.index)
        others = {name: evaluate_claim(one.to_numpy(), **common) for name, one in (controls or {}).items()}
        self.claims.append(replace(claim, remark=_also_holds(claim, others, subject)))

    def match(
        self,
        sentence: str,
        source: str,
        effect: str,
        gain: pd.Series,
        controls: Mapping[str, pd.Series] | None = None,
        subject: str = "tickets",
    ) -> None:
        """Claim that a gain, in the metric's unit, is no loss: at most `metric.matching` below 0; see `add`."""
        margin = -self.metric.matching
        self.add(sentence, source, effect, gain, margin=margin, controls=controls, subject=subject)

    def ratio(self, sentence: str, source: str, effect: str, values: pd.Series, *, above: float = 1.0) -> None:
        """Claim that a ratio is larger than `above`."""
        self.add(sentence, source, effect, values, unit="times", margin=above, scale=RATIOS)

    def note_cut_off(self, what: str, *sides: CutOff) -> None:
        """Let the last claim, which is about steps, conclude only what runs allow that training cut off."""
        self.claims[-1] = with_cut_off(self.claims[-1], what, sides)

    def saved(self, sentence: str, source: str, effect: str, ratio: pd.Series, *, of: str) -> None:
        """Claim that a ratio is below 1, in percent `of` what it divides by: the ratio 0.4 saves 60%."""
        self.add(sentence, source, effect, 100 * (1 - ratio), unit=f"% of {of}", scale=PERCENT_SAVED)

    def excess(self, sentence: str, source: str, effect: str, ratio: pd.Series, *, of: str) -> None:
        """Claim that a ratio is above 1, in percent `of` what it divides by: the ratio 1.3 is 30% more."""
        self.add(sentence, source, effect, 100 * (ratio - 1), unit=f"% of {of}", scale=PERCENT_MORE)


@dataclass(frozen=True)
class TaskSheet(TaskTables):
    """Collects the claims of one study about one task from its tables; each method of a subclass adds some."""

    name: ClassVar[str]
    """The study's."""

    @cached_property
    def sheet(self) -> ClaimSheet:
        """Return the claims so far, and what adds to them."""
        return ClaimSheet(self.name, self.task, self.metric)

    def fill(self) -> None:
        """Add all claims about the task."""
        raise NotImplementedError

    @classmethod
    def of_all_tasks(cls, study: Study, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Make the claims about every task of a study."""
        sheets = [cls(study, config, tables, task) for task in study.tasks]
        for one in sheets:
            one.fill()
        return [claim for one in sheets for claim in one.sheet.claims]


def _also_holds(claim: Claim, controls: Mapping[str, Claim], subject: str) -> str:
    """Say of which controls a supported claim holds, too, so that it does not tell its subject from them."""
    if claim.verdict != "supported":
        return ""
    same = []
    for name, one in controls.items():
        if one.verdict == "supported":
            numbers = claim_numbers(vars(one) | {"p_holm": one.p})
            measured = amount(numbers["estimate"], one.unit), numbers["interval"]
            same.append(f"{name} ({', '.join(filter(None, measured))})")
    return f"The same holds for {listing(same)}: it does not tell {subject} from them." if same else ""


def with_remarks(drawings: Sequence[Drawing], claims: Sequence[Claim]) -> list[Drawing]:
    """Add to captions what figures show and their claims remark: with the claim that each remark is on."""
    remarks: dict[str, list[str]] = {}
    for claim in claims:
        if claim.remark:
            remarks.setdefault(claim.figure, []).append(f"{claim.claim} {claim.remark}")
    return [replace(one, caption=" ".join([one.caption, *remarks.get(one.name, [])])) for one in drawings]


def with_weights(*densities: float, of: str = "the weights") -> str:
    """Return how sentences name densities: "with 10.7% of the weights", or "with 21% to 3.5% of the weights"."""
    return f"with {spanned(*densities)} of {of}"


def spanned(*densities: float) -> str:
    """Return densities from most to fewest weights: "10.7%", or "21% to 3.5%"."""
    first, last = (f"{percent_text(density)}%" for density in (max(densities), min(densities)))
    return first if first == last else f"{first} to {last}"
