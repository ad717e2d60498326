"""How to prune, and how to train what is left."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, get_args

from pydantic import PositiveInt, field_serializer, field_validator, model_serializer, model_validator

from lth_core.config.patterns import Block, NOfM
from lth_core.config.rewinding import Rewind
from lth_core.config.searches import Search
from lth_core.config.sections import Choice, Density, Kind, Rate, Section, Step
from lth_core.metrics import amount
from lth_core.registry import suggestion

MAX_LEVELS = 200
"""Snakemake follows a chain of jobs by recursion and fails at about 230 levels of two jobs each."""

Allocation = Literal["rates", "uniform", "uniform-plus", "erdos-renyi", "erdos-renyi-kernel", "lamp"]


class Method(Section):
    """How to prune, and how to train what is left."""

    criterion: Choice = Choice(name="magnitude")
    """What gives each weight a score. The lowest scores are pruned."""
    keep: Literal["highest", "lowest"] = "highest"
    """`lowest`: prune the highest scores instead, to see whether scores mean anything."""
    prune_at: Step | None = None
    """The step of the dense training whose weights are scored; 0 is theta_0, which waits for no training. By default
    what the criterion's paper scores: theta_0 for `snip`, `grasp` and `synflow`, trained weights for most others."""
    iterations: PositiveInt | None = None
    """Rounds of scoring and pruning that make one level; by default 100 for `synflow` and 1 for others."""
    spacing: Literal["exponential", "linear"] = "exponential"
    """How densities fall over these rounds: by the same factor, or by the same amount."""
    scope: Literal["layer", "global"] = "layer"
    """Rank the weights of each layer on their own, or all prunable weights together."""
    rate: Rate = 0.2
    """Fraction of the remaining weights that a round prunes."""
    rate_by_kind: dict[Kind, Rate] = {}
    """Other rates for convolutions, hidden linear layers, the output layer or kinds that a module declares. With scope
    `global`, all layers of one rate are ranked together."""
    densities: list[Density] = []
    """Level n keeps `densities[n - 1]` of the prunable weights, in place of `rate`: one falling number per level."""
    allocation: Allocation = "rates"
    """How many weights each layer keeps. `rates`: what rates and `scope` leave. `uniform`: the same share in each;
    `uniform-plus`: but all of a first convolution and at least 20% of the output layer. `erdos-renyi`,
    `erdos-renyi-kernel`: shares that fall with a layer's width, or width and kernel size. `lamp`: a global ranking of
    scores relative to their layer's."""
    granularity: Literal["weight", "filter", "channel", "n-of-m", "block"] = "weight"
    """Prune single weights, or whole filters (neurons in linear layers) by the sum of the scores of their weights, or
    channels: filters that live and die together because a residual sum adds them, and attention heads. `filter` leaves
    sums alone. Of channels, `rate`, `scope` and `densities` count channels: per group, or all groups together.
    `n-of-m` keeps the `n` highest scores of every `m` consecutive inputs, `block` whole blocks by their mean score; of
    blocks, `rate`, `scope`, `densities` and `allocation` count blocks."""
    n_of_m: NOfM | None = None
    """The numbers of `n-of-m`. Inputs of a convolution are its channels, at each position of its kernel."""
    block: Block | None = None
    """The size of blocks. Those at the edges of a weight are smaller. A convolution has blocks of output and input
    channels at each position of its kernel."""
    channel_score: Literal["sum", "mean"] = "sum"
    """The score of a channel that several layers compute: the sum, or the mean, of its filters' scores in each. It
    matters for scope `global`, where a sum favours the channels of residual sums."""
    fractions: dict[str, Rate] = {}
    """Pattern of weight names -> fraction of the remaining filters, or channels, that a round prunes. The first pattern
    that matches counts. `filter` needs them; with `channel` they are instead of `rate`."""
    exclude: list[str] = []
    """What is never pruned: kinds of weights (`conv`, `output`, ...) or patterns of their names (`*.shortcut.*`). With
    `filter` and `channel`, such a layer keeps its own filters; its inputs from those that others remove still go."""
    iterative: bool = True
    """`true`: each level prunes the trained ticket of the level before. `false` (one-shot): each level prunes the dense
    network."""
    levels: PositiveInt
    """Number of pruning rounds."""
    rewind: Rewind = Rewind()
    """The weights and the learning rate that each ticket starts from."""
    treatment: Choice | None = None
    """A treatment (see `branches`) of every ticket before it is trained. The next level prunes the treated, trained
    ticket."""
    during: Choice | None = None
    """A sparsifier: masks change while a network trains. Every level is one training from the weights of `rewind`,
    which ends at the level's density; the criterion, by default `random`, makes the mask that a sparse training starts
    with."""
    search: Search | None = None
    """How to learn masks, in place of a criterion. Every level is one search, at the level's density where what is
    trained has one. With `soft-mask` and `iterative: true` it goes on from the mask of the level before; otherwise
    masks are learned from no other mask."""

    @model_validator(mode="before")
    @classmethod
    def _trained_once(cls, values: Any) -> Any:
        """Masks that change in training, or are learned, are made from no level before; the former begin at random."""
        return cls._defaults_of(values) | values if isinstance(values, dict) else values

    @staticmethod
    def _defaults_of(values: dict[str, Any]) -> dict[str, Any]:
        """The defaults that depend on what else a method says."""
        first = {"criterion": "random"} if values.get("during") else {}
        return {"iterative": False, **first} if values.get("during") or values.get("search") else {}

    @model_serializer(mode="wrap")
    def _with_what_is_no_default(self, write: Any, info: Any) -> dict[str, Any]:
        """Write what is a default elsewhere, but not in a method that says what this one says."""
        written = write(self)
        if info.exclude_defaults:
            for name in self._defaults_of(written).keys() - written.keys():
                value = getattr(self, name)
                written[name] = value.model_dump(mode=info.mode) if isinstance(value, Choice) else value
        return written

    @field_validator("levels")
    @classmethod
    def _can_be_chained(cls, levels: int) -> int:
        if levels > MAX_LEVELS:
            raise ValueError(
                f"must be at most {MAX_LEVELS}: Snakemake cannot follow a longer chain of jobs (got {levels})"
            )
        return levels

    @field_validator("exclude")
    @classmethod
    def _kinds_or_patterns(cls, exclude: list[str]) -> list[str]:
        for word in exclude:
            if word not in get_args(Kind) and not set(word) & set("*?[."):
                near = suggestion(word, get_args(Kind))
                kinds = ", ".join(get_args(Kind))
                raise ValueError(f"'{word}' must be a kind of weight ({kinds}) or a pattern of weight names{near}")
        return exclude

    @field_validator("fractions", mode="before")
    @classmethod
    def _from_pairs(cls, fractions: Any) -> Any:
        return dict(fractions) if isinstance(fractions, list) else fractions

    @field_serializer("fractions")
    def _as_pairs(self, fractions: dict[str, float]) -> list[tuple[str, float]]:
        """Keep their order, which counts: where specs are compared, the keys of maps are sorted."""
        return list(fractions.items())

    @model_validator(mode="after")
    def _consistent(self) -> Method:
        ranked_otherwise = "rate_by_kind" if self.rate_by_kind else "scope 'global'" if self.scope == "global" else ""
        if self.allocation != "rates" and ranked_otherwise:
            raise ValueError(
                f"{ranked_otherwise} needs allocation 'rates', because '{self.allocation}' says what each layer keeps"
            )
        other_rates = self.rate_by_kind or self.rate != Method.model_fields["rate"].default
        self._check_granularity(bool(other_rates))
        if self.densities and other_rates:
            raise ValueError("densities say what every level keeps: remove rate and rate_by_kind, or densities")
        return self

    def _check_granularity(self, other_rates: bool) -> None:
        """Check what goes with whole filters or channels. Raises ValueError."""
        if self.granularity != "channel" and (self.granularity == "filter") != bool(self.fractions):
            raise ValueError(
                "granularity 'filter' needs fractions, one for every layer to prune, and granularity "
                f"'{'weight' if self.granularity == 'filter' else self.granularity}' has none"
            )
        if self.granularity == "channel" and (self.rate_by_kind or self.allocation != "rates"):
            raise ValueError("granularity 'channel' counts channels per group: remove rate_by_kind and allocation")
        if self.fractions and (self.scope == "global" or other_rates):
            raise ValueError(
                f"granularity '{self.granularity}' prunes by fractions: remove scope 'global', rate and rate_by_kind"
            )
        if self.fractions and (self.densities or self.allocation != "rates"):
            raise ValueError(f"granularity '{self.granularity}' prunes by fractions: remove densities and allocation")
        if self.channel_score != "sum" and self.granularity != "channel":
            raise ValueError(f"channel_score is of granularity 'channel', not of '{self.granularity}': remove it")

    @model_validator(mode="after")
    def _has_its_pattern(self) -> Method:
        for granularity, key, size in (("n-of-m", "n_of_m", self.n_of_m), ("block", "block", self.block)):
            if self.granularity == granularity and size is None:
                raise ValueError(f"granularity '{granularity}' needs {key}")
            if self.granularity != granularity and size is not None:
                raise ValueError(f"{key} is of granularity '{granularity}', not of '{self.granularity}': remove it")
        if self.n_of_m is None:
            return self
        counted = self.densities or self.rate_by_kind or self.rate != Method.model_fields["rate"].default
        if counted or self.scope == "global" or self.allocation != "rates":
            raise ValueError(
                "granularity 'n-of-m' keeps as many weights of every group: remove rate, rate_by_kind, densities, "
                "scope and allocation"
            )
        levels = amount(f"{self.levels}", "levels")
        if len(self.n_of_m.n) != self.levels:
            raise ValueError(f"n_of_m.n must have one number for each of the {levels} (got {len(self.n_of_m.n)})")
        return self

    @model_validator(mode="after")
    def _changes_masks_in_one_training(self) -> Method:
        if self.during is None:
            return self
        if self.iterative:
            raise ValueError("during changes masks within one training: remove iterative: true")
        if self.rewind.keeps_trained or self.rewind.last_rate:
            raise ValueError(f"during trains from theta_0 or theta_k: remove rewind policy '{self.rewind.policy}'")
        if self.treatment or self.granularity != "weight":
            odd = "treatment" if self.treatment else f"granularity '{self.granularity}'"
            raise ValueError(f"during changes masks of single weights in training: remove {odd}")
        if self.scope == "global" and self.rate_by_kind:
            raise ValueError("during ranks layers one by one or all together: remove rate_by_kind or scope 'global'")
        return self

    @model_validator(mode="after")
    def _learns_masks(self) -> Method:
        if self.search is None:
            return self
        odd = {name: getattr(self, name) is not None for name in ("during", "prune_at", "iterations", "treatment")}
        odd |= {"criterion": self.criterion.name != "magnitude", "keep 'lowest'": self.keep == "lowest"}
        odd |= {"spacing": self.spacing != "exponential"}
        odd |= {"allocation 'lamp'": self.allocation == "lamp"}
        odd |= {f"granularity '{self.granularity}'": self.granularity != "weight"}
        odd |= {f"rewind policy '{self.rewind.policy}'": self.rewind.keeps_trained or self.rewind.last_rate}
        for name, is_given in odd.items():
            if is_given:
                raise ValueError(f"search learns the mask of single weights from theta_0 or theta_k: remove {name}")
        if self.search.retrain and (self.search.weights != "initial" or self.search.scaled):
            given = "scaled" if self.search.scaled else f"weights '{self.search.weights}'"
            raise ValueError(f"search.{given} is for subnetworks that stay untrained: add retrain: false, or remove it")
        return self

    @model_validator(mode="after")
    def _scores_in_rounds(self) -> Method:
        if self.allocation == "lamp" and self.keep == "lowest":
            raise ValueError(
                "keep 'lowest' turns scores round, and allocation 'lamp' squares them: remove one of the two"
            )
        if not self.has_rounds and (self.iterations or 1) > 1:
            raise ValueError(f"granularity '{self.granularity}' prunes in one round per level: remove iterations")
        return self

    @model_validator(mode="after")
    def _densities_fall_level_by_level(self) -> Method:
        levels = amount(f"{self.levels}", "levels")
        if self.densities and len(self.densities) != self.levels:
            raise ValueError(f"densities must have one number for each of the {levels} (got {len(self.densities)})")
        for before, after in pairwise(self.densities):
            if after >= before:
                raise ValueError(
                    f"densities must fall from each level to the next ({before:g} is followed by {after:g})"
                )
        return self

    @property
    def has_rounds(self) -> bool:
        """Whether a level can be made in several rounds of scoring."""
        return self.granularity in ("weight", "block")

    def until(self, level: int) -> dict[str, Any]:
        """Return, as JSON, what the levels are up to one: later ones do not matter to it."""
        groups = self.n_of_m and {"n": self.n_of_m.n[:level], "m": self.n_of_m.m}
        return {"levels": level, "densities": self.densities[:level], "n_of_m": groups}

    def density(self, level: int) -> float:
        """Return the fraction of the prunable weights that the mask of `level` keeps, where kinds have no rates."""
        if self.n_of_m is not None:
            return self.n_of_m.kept(level) / self.n_of_m.m
        return self.densities[level - 1] if self.densities else (1 - self.rate) ** level
