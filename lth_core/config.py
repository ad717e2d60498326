"""The configuration as typed models: what each key means, its default and its bounds.

The README's reference and the JSON schema for editors are generated from these models (`configdoc.py`). Files are read
in `configfile.py`; errors are put into words in `configerrors.py`; what needs the registries (known names, their
options) or compares distant keys is checked in `crosscheck.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    field_validator,
    model_validator,
)

from lth_core.registry import suggestion

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
COHORT_PATTERN = r"^(0|[1-9][0-9]{0,5})-(0|[1-9][0-9]{0,5})$"
FOLDER_PATTERN = r"^[^{}\x00-\x1f]+$"


def seeds_of(cohort: str) -> list[int]:
    """The seeds of a cohort: "0-4" -> [0, 1, 2, 3, 4]. Raises ValueError when there are none."""
    first, last = map(int, cohort.split("-"))
    if last < first:
        raise ValueError(f"cohort '{cohort}' has no seeds: write the lower seed first")
    return list(range(first, last + 1))


def _with_seeds(cohort: str) -> str:
    seeds_of(cohort)
    return cohort


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Kind = Literal["conv", "hidden", "output"]
Rate = Annotated[float, Field(gt=0, lt=1)]
Step = Annotated[int, Field(ge=0)]
Cohort = Annotated[str, StringConstraints(pattern=COHORT_PATTERN), AfterValidator(_with_seeds)]
Folder = Annotated[str, StringConstraints(pattern=FOLDER_PATTERN)]

RESERVED_TASK_NAMES = ("data", "tables")
RESERVED_METHOD_NAMES = ("dense",)
RESERVED_BRANCH_NAMES = ("dense", "ticket")


class Section(BaseModel):
    """A block of the config: unknown keys are errors, values never change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Choice(Section):
    """A registered function by `name`; all other keys are its options. A bare string is a name without options."""

    model_config = ConfigDict(extra="allow")

    name: str
    """The registered name."""

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(core_schema)]}

    @property
    def options(self) -> dict[str, Any]:
        """What the function is called with, besides what the pipeline offers."""
        return dict(self.model_extra or {})


class Optimizer(Section):
    """How weights are updated."""

    name: Literal["adam", "sgd"]
    """Adam (betas 0.9, 0.999; epsilon 1e-8) or stochastic gradient descent."""
    learning_rate: PositiveFloat
    """Base learning rate, before the schedule."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Momentum (sgd only)."""
    nesterov: bool = False
    """Nesterov momentum (sgd only)."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """L2 penalty added to the gradient."""

    @model_validator(mode="after")
    def _consistent(self) -> Optimizer:
        if self.name == "adam" and (self.momentum or self.nesterov):
            raise ValueError("momentum and nesterov belong to 'sgd', not to 'adam'")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs momentum > 0")
        return self


class Schedule(Section):
    """The learning rate as a function of the step, times the base rate."""

    name: Literal["constant", "step", "cosine"] = "constant"
    """`constant`; `step`: times `factor` at each of `drop_steps`; `cosine`: half a cosine down to 0 at the end."""
    drop_steps: list[PositiveInt] = []
    """Steps at which the rate is multiplied by `factor` (step only)."""
    factor: Rate = 0.1
    """The multiplier at each drop (step only)."""
    warmup_steps: Step = 0
    """Linear rise from 0 to the base rate over this many steps; then the schedule as if there had been no warmup."""

    @model_validator(mode="after")
    def _consistent(self) -> Schedule:
        if (self.name == "step") != bool(self.drop_steps):
            raise ValueError("drop_steps belong to schedule 'step', which needs at least one")
        if self.drop_steps != sorted(set(self.drop_steps)):
            raise ValueError("drop_steps must rise")
        return self


class Recipe(Section):
    """How a network is trained."""

    optimizer: Optimizer
    """How weights are updated."""
    schedule: Schedule = Schedule()
    """The learning rate over the steps."""
    batch_size: PositiveInt
    """Examples per step. The incomplete batch at the end of an epoch is dropped; each epoch has its own order."""
    steps: PositiveInt
    """Training steps T of a full run."""
    evaluate_every: PositiveInt
    """Evaluate on validation, test and a training subset of the validation split's size every so many steps."""
    augment: Literal["none", "crop-flip"] = "none"
    """`crop-flip`: zero-padding of 4 pixels with random crop, then random horizontal flip."""

    @model_validator(mode="after")
    def _within_training(self) -> Recipe:
        if self.evaluate_every > self.steps:
            raise ValueError(f"evaluate_every ({self.evaluate_every}) is beyond training ({self.steps} steps)")
        schedule = {"warmup_steps": self.schedule.warmup_steps, "drop_steps": max(self.schedule.drop_steps, default=0)}
        for name, step in schedule.items():
            if step >= self.steps:
                raise ValueError(f"schedule.{name} ({step}) is beyond training ({self.steps} steps)")
        return self


class Initialization(Section):
    """The distribution that theta_0 is drawn from."""

    weights: Literal["glorot-normal", "kaiming-normal", "framework"] = "glorot-normal"
    """`glorot-normal`: biases are 0; `kaiming-normal` (fan-in, ReLU) and `framework`: biases as PyTorch draws them."""
    batchnorm: Literal["ones", "uniform"] = "ones"
    """Batch-norm scales: 1, or uniform on (0, 1) as the later Frankle papers do. Shifts are 0."""


class Task(Section):
    """Data set + model + training recipe, and the seeds it is repeated with."""

    dataset: Name
    """A data set of `datasets`, or a registered one with its default options."""
    model: Choice
    """The network and its options."""
    initialization: Initialization = Initialization()
    """The distribution of theta_0."""
    train: Recipe
    """The training recipe."""
    cohorts: Annotated[list[Cohort], Field(min_length=1)]
    """Blocks of seeds, `first-last`, each trained and stored together. A new block leaves finished ones untouched."""

    @model_validator(mode="after")
    def _disjoint_cohorts(self) -> Task:
        seeds = [seed for cohort in self.cohorts for seed in seeds_of(cohort)]
        if len(seeds) != len(set(seeds)):
            raise ValueError("cohorts overlap: each seed belongs to one cohort")
        return self


class Dataset(Section):
    """A named data set: a registered source with options."""

    source: Choice
    """The registered data set and its options."""


class Rewind(Section):
    """The weights that a ticket starts from."""

    policy: Literal["reset", "rewind", "continue"] = "reset"
    """`reset`: theta_0; `rewind`: theta_k, schedule resumed at k; `continue`: the trained weights, schedule from 0."""
    step: Step = 0
    """The rewind step k (rewind only)."""

    @model_validator(mode="after")
    def _step_belongs_to_rewind(self) -> Rewind:
        if self.policy != "rewind" and self.step:
            raise ValueError(f"step belongs to policy 'rewind', not to '{self.policy}'")
        return self


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
    exclude: list[str] = []
    """Kinds (conv, hidden, output) or patterns of weight names (`*.shortcut.*`) that are never pruned."""
    iterative: bool = True
    """True: one round per level. False: one-shot, every level pruned straight from the dense network."""
    levels: PositiveInt
    """Number of pruning rounds."""
    rewind: Rewind = Rewind()
    """The weights that each ticket starts from."""

    @field_validator("exclude")
    @classmethod
    def _kinds_or_patterns(cls, exclude: list[str]) -> list[str]:
        for word in exclude:
            if word not in get_args(Kind) and not set(word) & set("*?[."):
                near = suggestion(word, get_args(Kind))
                raise ValueError(f"'{word}' is neither a kind of weight nor a pattern of weight names{near}")
        return exclude

    @model_validator(mode="after")
    def _consistent(self) -> Method:
        if self.scope == "global" and self.rate_by_kind:
            raise ValueError("rate_by_kind needs scope 'layer': a global ranking has one rate")
        if not self.iterative and self.rewind.policy == "continue":
            raise ValueError("one-shot pruning has no chain to continue: use rewind policy 'reset' or 'rewind'")
        return self


class Branch(Section):
    """A counterfactual retraining of a ticket."""

    treatment: Choice
    """The registered treatment and its options."""
    draws: PositiveInt = 1
    """Independent draws of the treatment per seed."""
    order: Step = 0
    """Which data order to train with; 0 is the ticket's own."""


class Config(Section):
    """The whole configuration."""

    results: Folder = "results"
    """Folder of the artifacts."""
    reports: Folder = "reports"
    """Folder of figures and report pages."""
    data_root: Folder = "data"
    """Folder where data sets are found or downloaded to."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; `auto` takes a GPU when there is one. Not a reason to retrain."""
    plugins: list[str] = []
    """Python modules of your own (importable from this folder) that register models, data sets, criteria, ..."""
    datasets: dict[Name, Dataset] = {}
    """Data sets with options; registered ones need no entry."""
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    """What is trained."""
    methods: Annotated[dict[Name, Method], Field(min_length=1)]
    """How masks are found."""
    branches: dict[Name, Branch] = {}
    """Counterfactuals with options; registered ones need no entry."""
    studies: Annotated[dict[Name, dict[str, Any]], Field(min_length=1)]
    """Which papers to reproduce, each with its own options."""

    @model_validator(mode="after")
    def _reserved_names(self) -> Config:
        for section, names, reserved in (
            ("tasks", self.tasks, RESERVED_TASK_NAMES),
            ("methods", self.methods, RESERVED_METHOD_NAMES),
            ("branches", self.branches, RESERVED_BRANCH_NAMES),
        ):
            for name in reserved:
                if name in names:
                    raise ValueError(f"{section}.{name}: this name is reserved (artifact folders and tables use it)")
        return self
