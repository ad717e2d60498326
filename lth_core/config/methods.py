"""How masks are found, and what their tickets are compared with: methods and branches."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import PositiveInt, field_serializer, field_validator, model_validator

from lth_core.config.sections import Choice, Kind, Name, Rate, Section, Step
from lth_core.registry import suggestion

MAX_LEVELS = 200
"""Snakemake follows a chain of jobs by recursion: it fails at about 230 levels of two jobs each."""


class Rewind(Section):
    """The weights and the learning rate that a ticket is trained with."""

    policy: Literal["reset", "rewind", "rewind-low-rate", "lr-rewind", "fine-tune"] = "reset"
    """Weights of theta_0 (`reset`), of step k (`rewind`, `rewind-low-rate`) or trained (`lr-rewind`, `fine-tune`)."""
    step: Step = 0
    """The step k that the schedule goes back to; `rewind-low-rate` and `fine-tune` keep its last rate instead."""

    @model_validator(mode="after")
    def _reset_is_to_step_0(self) -> Rewind:
        if self.policy == "reset" and self.step:
            raise ValueError("policy 'reset' goes back to step 0: use 'rewind' for another step")
        return self

    @property
    def keeps_trained(self) -> bool:
        """Whether tickets start from trained weights."""
        return self.policy in ("lr-rewind", "fine-tune")

    @property
    def last_rate(self) -> bool:
        """Whether they are trained at the schedule's last rate."""
        return self.policy in ("fine-tune", "rewind-low-rate")


class Method(Section):
    """How masks are found."""

    criterion: Choice = Choice(name="magnitude")
    """What scores a weight; the lowest scores are pruned."""
    scope: Literal["layer", "global"] = "layer"
    """One ranking per layer, or one over all prunable weights."""
    rate: Rate = 0.2
    """The fraction of the surviving weights removed per round."""
    rate_by_kind: dict[Kind, Rate] = {}
    """Other rates for convolutions, linear layers or the last linear layer (scope `layer` only)."""
    granularity: Literal["weight", "filter"] = "weight"
    """Prune single weights, or whole filters (neurons of linear layers) by the sum of their weights' scores."""
    fractions: dict[str, Rate] = {}
    """Patterns of weight names, the first match counts -> the fraction of the filters left removed per round."""
    exclude: list[str] = []
    """Kinds (conv, hidden, output) or patterns of weight names (`*.shortcut.*`) that are never pruned."""
    iterative: bool = True
    """True: one round per level. False: one-shot, every level pruned straight from the dense network."""
    levels: PositiveInt
    """Number of pruning rounds."""
    rewind: Rewind = Rewind()
    """The weights and the learning rate that each ticket starts from."""
    treatment: Choice | None = None
    """A treatment (as of branches) of every level's ticket before it is trained, and the next mask is made from it."""

    @field_validator("levels")
    @classmethod
    def _can_be_chained(cls, levels: int) -> int:
        if levels > MAX_LEVELS:
            raise ValueError(
                f"{levels} levels make a longer chain of jobs than Snakemake can follow: at most {MAX_LEVELS}"
            )
        return levels

    @field_validator("exclude")
    @classmethod
    def _kinds_or_patterns(cls, exclude: list[str]) -> list[str]:
        for word in exclude:
            if word not in get_args(Kind) and not set(word) & set("*?[."):
                near = suggestion(word, get_args(Kind))
                raise ValueError(f"'{word}' is neither a kind of weight nor a pattern of weight names{near}")
        return exclude

    @field_validator("fractions", mode="before")
    @classmethod
    def _from_pairs(cls, fractions: Any) -> Any:
        return dict(fractions) if isinstance(fractions, list) else fractions

    @field_serializer("fractions")
    def _as_pairs(self, fractions: dict[str, float]) -> list[tuple[str, float]]:
        """Their order counts, and keys of maps are sorted where specs are compared."""
        return list(fractions.items())

    @model_validator(mode="after")
    def _consistent(self) -> Method:
        if self.scope == "global" and self.rate_by_kind:
            raise ValueError("rate_by_kind needs scope 'layer': a global ranking has one rate")
        if (self.granularity == "filter") != bool(self.fractions):
            raise ValueError("fractions belong to granularity 'filter', which needs one for every layer that it prunes")
        other_rates = self.rate_by_kind or self.rate != Method.model_fields["rate"].default
        if self.granularity == "filter" and (self.scope == "global" or other_rates):
            raise ValueError("granularity 'filter' has fractions per layer: drop scope 'global', rate and rate_by_kind")
        return self


class StartingWeights(Section):
    """Weights of another task's network, trained for some steps."""

    task: Name
    """The other task."""
    step: PositiveInt
    """The step of its training."""
    branch: Name | None = None
    """A branch of that task at the same method and level; its dense run by default."""


class Branch(Section):
    """A counterfactual retraining of a ticket."""

    treatment: Choice
    """The registered treatment and its options."""
    draws: PositiveInt = 1
    """Independent draws of the treatment per seed."""
    order: Step = 0
    """Which data order to train with; 0 is the ticket's own."""
    order_from: Step = 0
    """The training step from which on `order` counts; before it the data order is 0."""
    source: Name | None = None
    """A task whose ticket of the same method and level is taken: its mask, starting weights and theta_0."""
    weights: StartingWeights | None = None
    """Starting weights from the training of another task, in place of theta_0 or theta_k."""

    @model_validator(mode="after")
    def _order_begins_after_0(self) -> Branch:
        if self.order_from and not self.order:
            raise ValueError("order_from needs another data order: give order")
        return self
