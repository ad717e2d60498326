"""The claims about tickets of networks that make images, tested per task on the study's tables.

Every effect is one number per seed (draws are averaged within their seed). Tickets are compared with the dense network
at 20% of the weights and with the controls at 10%: at the levels whose densities are nearest. How much better than a
random mask a ticket must be depends on the kind of network: an autoencoder's by what still matches, others' by nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lth_core.analysis.measurements import level_densities, nearest_level, per_seed, seed_means, select, select_dense
from lth_core.studies.captions import better
from lth_core.studies.claim_sheet import TaskSheet, with_weights
from lth_core.studies.generative_tickets.study import RANDOM, REINIT, Design

NOUNS = {RANDOM: "random masks", REINIT: "masks on fresh weights"}
"""What sentences call controls."""
SOURCES = {"vae": "Kalibhat et al. 2021", "diffusion": "Jiang et al. 2023"}
"""Objective -> the paper that found tickets under it."""
MATCHING, SPARSE, NEAR = 0.2, 0.1, 1.35
"""The densities that are compared, and the factor by which a level's may differ from them."""
BY_WHAT_MATCHES = ("vae",)
"""Objectives whose tickets must be better than random masks by more than what still matches."""


@dataclass(frozen=True)
class TaskClaims(TaskSheet):
    """Collects the claims about one task; each method adds to the sheet what can be tested."""

    name: ClassVar[str] = "generative-tickets"
    shows_distances: ClassVar[str] = "tickets"
    """The kind of figure that shows the energy distances of images, or the images."""
    study: Design

    def fill(self) -> None:
        """Add all claims about the task."""
        self.sheet.read_from("measurements", "tickets")
        self.against_dense()
        self.against_random()
        self.against_reinit()
        self.of_rewinding()
        self.of_images()

    # ------------------------------------------------------------ reading the tables

    @property
    def objective(self) -> str:
        """Return the name of the task's objective."""
        return self.config.tasks[self.task].objective.name

    @property
    def source(self) -> str:
        """Return the paper that found tickets of such networks."""
        return SOURCES.get(self.objective, "Kalibhat et al. 2021")

    @property
    def label(self) -> str:
        """Return the name of the metric, as effects have it."""
        return f"test {self.metric.label} at the end of training"

    def rows(self, branch: str = "ticket", method: str | None = None, table: str = "measurements") -> pd.DataFrame:
        """Return the rows of one curve, without the dense network."""
        return select(self.tables[table], self.task, method or self.study.tasks[self.task], branch)

    def level(self, density: float) -> int | None:
        """Return the level next to a density, if one is near."""
        return nearest_level(self.rows(), density, within=NEAR)

    def at(self, level: int) -> str:
        """Say what part of the weights tickets of a level have."""
        return with_weights(level_densities(self.rows())[level])

    # ------------------------------------------------------------ claims

    def against_dense(self) -> None:
        """Claim that tickets match the dense network with a fifth of the weights."""
        level = self.level(MATCHING)
        if level is None:
            return
        dense = seed_means(select_dense(self.tables["measurements"], self.task), "metric")
        self.sheet.match(
            f"Tickets match the dense network's {self.metric.label} (within {self.metric.tolerance}), {self.at(level)}",
            self.source,
            f"{self.label}, {self.metric.minus('ticket', 'dense')}",
            self.metric.gain(per_seed(self.rows(), "metric")[level], dense),
            {
                NOUNS.get(name, f"branch '{name}'"): self.metric.gain(per_seed(self.rows(name), "metric")[level], dense)
                for name in self.study.controls
            },
        )

    def against_random(self) -> None:
        """Claim that tickets are better than random masks with a tenth of the weights."""
        level = self.level(SPARSE)
        if level is None or RANDOM not in self.study.controls:
            return
        visible = self.objective in BY_WHAT_MATCHES
        by = f" by more than {self.metric.tolerance}" if visible else ""
        self.sheet.add(
            f"Tickets {better(self.metric)} than random masks{by}, {self.at(level)}",
            self.source,
            f"{self.label}, {self.metric.minus('ticket', 'random mask')}",
            self._gain(level, RANDOM),
            margin=self.metric.matching if visible else 0.0,
        )

    def against_reinit(self) -> None:
        """Claim that tickets are better than their masks on fresh weights, with a tenth of the weights."""
        level = self.level(SPARSE)
        if level is not None and REINIT in self.study.controls:
            self.sheet.add(
                f"Tickets {better(self.metric)} than their masks on fresh weights, {self.at(level)}",
                self.source,
                f"{self.label}, {self.metric.minus('ticket', 'mask on fresh weights')}",
                self._gain(level, REINIT),
            )

    def of_rewinding(self) -> None:
        """Claim that resetting is no worse than rewinding, in networks as small as these."""
        level, method = self.level(SPARSE), self.study.rewound_method(self.config, self.task)
        if level is None or method is None:
            return
        rewound = per_seed(self.rows(method=method), "metric")
        sentence = f"Tickets that are reset to step 0 match those rewound to step {self.study.rewind_step}"
        self.sheet.match(
            f"{sentence} (within {self.metric.tolerance}), {self.at(level)}",
            self.source,
            f"{self.label}, {self.metric.minus('reset', 'rewound')}",
            self.metric.gain(per_seed(self.rows(), "metric")[level], rewound[level]),
        )

    def of_images(self) -> None:
        """Claim that the images of tickets are nearer to real ones than those of random masks."""
        self.sheet.read_from("samples", self.shows_distances)
        level = self.level(SPARSE)
        if level is None or RANDOM not in self.study.controls:
            return
        ticket, random = (
            per_seed(self.rows(branch, table="samples"), "test_distance")[level] for branch in ("ticket", RANDOM)
        )
        self.sheet.add(
            f"Images of tickets are nearer to test images than those of random masks, {self.at(level)}",
            self.source,
            "energy distance of drawn images to test images, random mask minus ticket",
            random - ticket,
            unit="points of energy distance",
        )

    def _gain(self, level: int, control: str) -> pd.Series:
        ticket, other = (per_seed(self.rows(branch), "metric")[level] for branch in ("ticket", control))
        return self.metric.gain(ticket, other)
