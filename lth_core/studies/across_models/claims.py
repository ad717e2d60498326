"""The claims across kinds of models, tested per task on the study's tables.

Every effect is one number per seed (draws are averaged within their seed), on test data at the end of training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lth_core.analysis.claims import remarked
from lth_core.analysis.matching import matching_halvings
from lth_core.analysis.measurements import nearest_level
from lth_core.metrics import Metric
from lth_core.studies.across_models.study import FIGURE, RANDOM, REINIT, Design
from lth_core.studies.across_models.tables import UNLEARNED, View, unlearned_note
from lth_core.studies.claim_sheet import TaskSheet, with_weights
from lth_core.studies.judges import ACCURACY, why_unfit
from lth_core.studies.proportions import in_proportion

SURVEY = "after Liu et al. 2024 (arXiv 2403.04861), research question 3"
HALF = 0.5
"""A ticket that matches with as many of the weights, at the level next to it, is called one."""
NOUNS = {RANDOM: ("random masks", "random mask"), REINIT: ("the same masks on fresh weights", "mask on fresh weights")}
"""What sentences call controls, and one of them."""


@dataclass(frozen=True)
class TaskClaims(TaskSheet):
    """Collects the claims about one task; each method adds to the sheet what can be tested."""

    name: ClassVar[str] = "across-models"
    study: Design

    def fill(self) -> None:
        """Add all claims about the task."""
        self.sheet.read_from("measurements", FIGURE, "")
        if self.task in self.study.gans(self.config):
            accuracy = float(self.of_task("lowest")[ACCURACY].iloc[0])
            self.sheet.unmeasured_because = why_unfit(self.config, self.task, accuracy)
        self.of_existence()
        for control in self.study.controls:
            self.against(control)
        self.of_learning()

    @property
    def metric(self) -> Metric:
        """Return what the task is measured by."""
        return self.view.metric

    @property
    def tolerance(self) -> str:
        """Say how much worse still matches."""
        return "the spread of seeds" if self.sheet.unmeasured_because else self.metric.tolerance

    @property
    def view(self) -> View:
        """Return the task's curves."""
        return View(self.study, self.config, self.tables, self.task)

    def of_existence(self) -> None:
        """Claim that tickets with half of the weights match the dense network."""
        level = nearest_level(self.view.rows("ticket"), HALF)
        if level is None:
            return
        values, densities = self.view.curve("ticket")
        controls = {self.nouns(name)[0]: self.view.curve(name)[0][level] for name in self.study.controls}
        self.sheet.match(
            f"Winning tickets exist: {with_weights(densities[level])}, tickets match the dense network's "
            f"{self.metric.label} (within {self.tolerance})",
            SURVEY,
            f"test {self.metric.label} at the end of training, {self.metric.minus('ticket', 'dense')}",
            self.metric.gain(values[level], self.view.dense),
            {noun: self.metric.gain(one, self.view.dense) for noun, one in controls.items()},
        )
        row = self.of_task("lowest").iloc[0]
        margin = in_proportion(self.config, self.task, self.metric, row["dense"], row["simplest"])
        self.sheet.claims[-1] = remarked(self.sheet.claims[-1], margin)

    def of_learning(self) -> None:
        """Remark on every claim how many dense networks learned nothing."""
        row = self.of_task("lowest").iloc[0]
        if row[UNLEARNED] > 0:
            said = f"{unlearned_note(row)}, which nearly every network matches."
            self.sheet.claims[:] = [remarked(claim, said) for claim in self.sheet.claims]

    def nouns(self, control: str) -> tuple[str, str]:
        """Return what sentences call a control, and one of its networks."""
        return NOUNS.get(control, (f"branch {control}", control))

    def against(self, control: str) -> None:
        """Claim that tickets match the dense network with fewer weights than a control does."""
        ticket, other = (
            matching_halvings(values, self.view.dense, densities, self.metric)
            for values, densities in (self.view.curve("ticket"), self.view.curve(control))
        )
        several, one = self.nouns(control)
        self.sheet.add(
            f"Tickets match the dense network with fewer weights than {several}",
            SURVEY,
            "halvings of the weights over which a seed's network matches its dense network (test "
            f"{self.metric.label} within {self.tolerance}), ticket minus {one}",
            ticket - other,
            unit="halvings",
        )
