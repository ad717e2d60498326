"""What is trained and on what: data sets and tasks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from lth_core.config.sections import Choice, Cohort, Name, Rate, Section, Step, seeds_of


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
    augment: Literal["none", "crop-flip", "resized-crop-flip"] = "none"
    """`crop-flip`: zero-padding of 4 pixels with random crop, then random horizontal flip. `resized-crop-flip`: a
    random part of the picture (8-100% of its area), resized, then a flip; for image folders with `stream: true`."""
    precision: Literal["float32", "bf16"] = "float32"
    """`bf16`: training computes products and convolutions in bfloat16, about twice as fast for convolutions where the
    hardware has it (GPUs; processors with AMX or AVX512_BF16), a third as fast elsewhere. Weights, optimizer state,
    batch-norm statistics, losses and all evaluation stay float32."""

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
    processes: PositiveInt = 1
    """Processes that share each training, by examples: one per GPU, or CPU core. Numbers differ by rounding only, so it
    is not a reason to retrain."""
    nodes: PositiveInt = 1
    """Nodes of a SLURM cluster that these processes are spread over, evenly. Anywhere else they run on one machine."""

    @model_validator(mode="after")
    def _equal_shares(self) -> Task:
        if self.train.batch_size % self.processes:
            raise ValueError(
                f"train.batch_size ({self.train.batch_size}) is no multiple of processes ({self.processes})"
            )
        if self.processes % self.nodes:
            raise ValueError(f"processes ({self.processes}) is no multiple of nodes ({self.nodes})")
        return self

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
    transforms: list[Choice] = []
    """Changes of its images or labels, one after the other."""
