"""What to compare tickets with: counterfactuals of their trainings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt, model_validator

from lth_core.config.sections import Choice, Name, Section, Step


class StartingWeights(Section):
    """The weights of another task's network at some step of its training."""

    task: Name
    """The other task."""
    step: PositiveInt
    """The step of its training."""
    branch: Name | None = None
    """A branch of that task at the same method and level; by default its dense run."""


class Branch(Section):
    """A counterfactual: a treated ticket, trained beside the real one."""

    treatment: Choice
    """The registered treatment and its options."""
    draws: PositiveInt = 1
    """Number of independent draws of the treatment per seed."""
    order: Step = 0
    """Number of the data order to train on. The ticket itself is trained on order 0."""
    order_from: Step = 0
    """The step at which `order` begins. Before it the data order is 0."""
    source: Name | None = None
    """Another task. Its ticket of the same method and level is used: mask, starting weights and theta_0."""
    part: Annotated[str, Field(min_length=1)] | None = None
    """With `source`: pattern of the names of weights, such as `generator.*`, that alone come from the other task, whose
    network and objective may be others. The rest is this task's own theta_0, and not pruned."""
    weights: StartingWeights | None = None
    """Weights from another task's training to start from, in place of theta_0 or theta_k."""

    @model_validator(mode="after")
    def _order_begins_after_0(self) -> Branch:
        if self.order_from and not self.order:
            raise ValueError("order_from needs a data order to begin with: set order to 1 or more")
        return self

    @model_validator(mode="after")
    def _part_of_a_source(self) -> Branch:
        if self.part and (self.source is None or self.weights):
            raise ValueError("part says what comes from another task's ticket: it needs source, and no weights")
        return self
