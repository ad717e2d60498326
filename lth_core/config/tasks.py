"""What to train and on which data: tasks and data sets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from lth_core.config.sections import Choice, Cohort, Fraction, Name, Rate, Section, Step, seeds_of


class Optimizer(Section):
    """How to update the weights."""

    name: Literal["adam", "adamw", "rmsprop", "sgd"]
    """Adam, AdamW, RMSprop or stochastic gradient descent, as in PyTorch."""
    learning_rate: PositiveFloat
    """Base learning rate, which the schedule multiplies."""
    momentum: Fraction = 0.0
    """Momentum (`sgd` and `rmsprop`)."""
    nesterov: bool = False
    """Whether the momentum is Nesterov's (`sgd` only)."""
    betas: Annotated[list[Fraction], Field(min_length=2, max_length=2)] = [0.9, 0.999]
    """How much of the running means of gradients and of their squares each step keeps (`adam` and `adamw`)."""
    smoothing: Fraction = 0.99
    """How much of the running mean of squared gradients each step keeps (`rmsprop` only); PyTorch calls it alpha."""
    epsilon: PositiveFloat = 1e-8
    """What is added to the root of that mean, by which steps are divided (all but `sgd`)."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Weight decay: this multiple of the weights is added to the gradient; with `adamw`, times the learning rate, it is
    subtracted from the weights."""

    @model_validator(mode="after")
    def _consistent(self) -> Optimizer:
        for key, owners in OPTIMIZERS_WITH.items():
            if self.name not in owners and getattr(self, key) != Optimizer.model_fields[key].default:
                instead = " or ".join(f"'{owner}'" for owner in owners)
                raise ValueError(f"'{self.name}' has no {key}: remove it, or use {instead}")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0: set momentum")
        return self


OPTIMIZERS_WITH = {
    "momentum": ("sgd", "rmsprop"),
    "nesterov": ("sgd",),
    "betas": ("adam", "adamw"),
    "smoothing": ("rmsprop",),
    "epsilon": ("adam", "adamw", "rmsprop"),
}
"""Which optimizers have the keys that not all have."""


class Schedule(Section):
    """How the learning rate changes with the step, as a factor of the base rate."""

    name: Literal["constant", "step", "cosine"] = "constant"
    """`constant`; `step` multiplies the rate by `factor` at each of `drop_steps`; `cosine` falls to 0 along half a
    cosine."""
    drop_steps: list[PositiveInt] = []
    """Steps at which the rate drops, rising (`step` only)."""
    factor: Rate = 0.1
    """What each drop multiplies the rate by (`step` only)."""
    warmup_steps: Step = 0
    """Number of steps over which the rate first rises linearly from 0. Drops and the cosine still count from step 0."""

    @model_validator(mode="after")
    def _consistent(self) -> Schedule:
        if (self.name == "step") != bool(self.drop_steps):
            raise ValueError("schedule 'step' needs drop_steps, and no other schedule has them")
        if self.name != "step" and self.factor != Schedule.model_fields["factor"].default:
            raise ValueError(f"factor is of schedule 'step', and '{self.name}' has no drops: remove it")
        if self.drop_steps != sorted(set(self.drop_steps)):
            raise ValueError("drop_steps must rise from each step to the next")
        return self


class Recipe(Section):
    """How to train a network."""

    optimizer: Optimizer
    """How to update the weights."""
    schedule: Schedule = Schedule()
    """How the learning rate changes with the step."""
    batch_size: PositiveInt
    """Examples per step; in control, new episodes. Every epoch of a data set has a new order, and its last batch is
    dropped if it is incomplete."""
    steps: PositiveInt
    """Number of steps T of a full training."""
    evaluate_every: PositiveInt
    """Number of steps between evaluations. The part of the training split that they use is as large as validation; in
    control, every split is `evaluation_episodes` episodes of fixed seeds."""
    test_folds: Annotated[int, Field(ge=0)] = 0
    """Number of folds of the test examples, such as 20; by default none. Evaluations then also log the test metric
    without each fold, and claims have a second interval, over seeds and test examples. All tasks that have folds need
    the same number. In control episodes are measured, not examples, so there are none."""
    augment: Literal["none", "crop-flip", "resized-crop-flip"] = "none"
    """`crop-flip` pads images with 4 black pixels, crops them at random to their old size, and flips each horizontally
    with probability 1/2. `resized-crop-flip` takes a random part of the picture (8-100% of its area), resizes and flips
    it; it needs an image folder with `stream: true`."""
    precision: Literal["float32", "bf16", "int8-simulated"] = "float32"
    """`bf16` trains with products and convolutions in bfloat16. Convolutions then take about half the time on hardware
    that supports it (GPUs, processors with AMX or AVX512_BF16) and three times as long elsewhere. Weights, optimizer
    state, batch-norm statistics, losses and all evaluations stay float32. `int8-simulated` rounds to 8 bits, at random
    and with one scale per tensor, what linear layers and convolutions multiply (inputs, weights, gradients by outputs)
    and the gradients by weights. It shows what 8 bits do to a training, and saves no time; all else stays float32, what
    PyTorch's own attention and recurrent layers compute inside, too."""
    clip_norm: PositiveFloat | None = None
    """The largest norm of a replicate's gradient. A larger gradient is scaled down to it before the optimizer's step;
    weights that are not trained do not count. By default gradients are not clipped."""
    penalty: Annotated[float, Field(ge=0)] = 0.0
    """L1 penalty on the scales of batch norm (Liu et al. 2017, section 3): `penalty` times their signs is added to
    their gradients, so that channels of little use come to have small scales. Losses in histories are without it."""
    label_smoothing: Fraction = 0.0
    """Part of the target that is spread evenly over all classes in training (Szegedy et al. 2016, section 7).
    Evaluations use the labels as they are."""

    @property
    def rounds_at_random(self) -> bool:
        """Tell whether training draws random numbers to round with."""
        return self.precision == "int8-simulated"

    @model_validator(mode="after")
    def _leaves_test_examples(self) -> Recipe:
        if self.test_folds == 1:
            raise ValueError("test_folds (1) would leave no test examples: set at least 2, or 0")
        return self

    @model_validator(mode="after")
    def _within_training(self) -> Recipe:
        if self.evaluate_every > self.steps:
            raise ValueError(f"evaluate_every ({self.evaluate_every}) must be at most steps ({self.steps})")
        schedule = {"warmup_steps": self.schedule.warmup_steps, "drop_steps": max(self.schedule.drop_steps, default=0)}
        for name, step in schedule.items():
            if step >= self.steps:
                raise ValueError(f"schedule.{name} ({step}) must be below steps ({self.steps})")
        return self


class TrainedWeights(Section):
    """The weights of another task's dense training. Tensors of the same name and shape are taken, with the statistics
    of batch norm; the others, such as the output layer of other classes, are drawn."""

    task: Name
    """The other task. It needs the same cohorts."""
    step: PositiveInt | None = None
    """The step of its dense training; by default its last."""


class Initialization(Section):
    """The distribution that theta_0, the initial weights, is drawn from, or another task's weights."""

    model_config = ConfigDict(serialize_by_alias=True)

    weights: Literal["glorot-normal", "kaiming-normal", "framework", "as-built"] = "glorot-normal"
    """`glorot-normal` (biases are 0), `kaiming-normal` (fan-in, for ReLU; biases are PyTorch's), `framework` (all but
    batch norm is drawn as PyTorch or the model does, which `lstm` and `transformer` want) or `as-built`: the network as
    its function returns it, with pretrained weights for example, batch norm included."""
    batchnorm: Literal["ones", "uniform", "as-built"] = "ones"
    """Scales of batch norm: 1, or uniform on (0, 1) as in Frankle's later papers; shifts are 0. `as-built`: both as the
    network's function returns them."""
    source: TrainedWeights | None = Field(default=None, alias="from")
    """Weights of another task's dense training, in place of those that are drawn, wherever names and shapes agree."""

    @model_validator(mode="before")
    @classmethod
    def _as_built_throughout(cls, settings: Any) -> Any:
        if isinstance(settings, dict) and settings.get("weights") == "as-built":
            return {"batchnorm": "as-built", **settings}
        return settings

    @model_validator(mode="after")
    def _consistent(self) -> Initialization:
        if self.weights == "as-built" and self.batchnorm != "as-built":
            raise ValueError("weights 'as-built' keeps batch norm as it is built, too: remove batchnorm")
        return self


class Task(Section):
    """What to train: a network, on a data set, by a recipe, once per seed."""

    dataset: Name
    """A data set of `datasets`, or a registered one with its default options."""
    model: Choice
    """The network and its options."""
    objective: Choice = Choice(name="classification")
    """What is minimised and measured: a registered objective and its options."""
    initialization: Initialization = Initialization()
    """The distribution of theta_0, the initial weights, or another task's weights."""
    train: Recipe
    """The training recipe."""
    cohorts: Annotated[list[Cohort], Field(min_length=1)]
    """Blocks of seeds, `first-last`. The seeds of a block are trained and stored together. A new block recomputes no
    other."""
    processes: PositiveInt = 1
    """Number of processes that share each training, one per GPU or CPU core; 1 in control. Each takes a part of every
    batch. Results differ by rounding only, so changing this retrains nothing."""
    nodes: PositiveInt = 1
    """Number of SLURM nodes to spread these processes over evenly. Without SLURM they all run on one machine."""

    @model_validator(mode="after")
    def _equal_shares(self) -> Task:
        if self.train.batch_size % self.processes:
            raise ValueError(
                f"train.batch_size ({self.train.batch_size}) must be a multiple of processes ({self.processes})"
            )
        if self.processes % self.nodes:
            raise ValueError(f"processes ({self.processes}) must be a multiple of nodes ({self.nodes})")
        return self

    @model_validator(mode="after")
    def _disjoint_cohorts(self) -> Task:
        seeds = [seed for cohort in self.cohorts for seed in seeds_of(cohort)]
        if len(seeds) != len(set(seeds)):
            raise ValueError("cohorts overlap: give each seed to one cohort only")
        return self


class Dataset(Section):
    """A data set: a registered source, then transforms of it."""

    source: Choice
    """The registered data set and its options."""
    transforms: list[Choice] = []
    """Transforms of its images or labels, in this order."""
