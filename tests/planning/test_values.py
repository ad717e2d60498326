"""Keys and values: every error is one plain line that says where, what is wrong and, if there is one, the nearest key."""

# ruff: noqa: E501 (the table has the lines as users see them)

from __future__ import annotations

import pytest

from lth_core.config import Method
from tests.support.config_samples import GOOD, METHOD, OPTIMIZER, TASK, TRAIN, errors_of

ALL_LAYERS = "methods: {all: {levels: 3, %s}}"
OTHER_FOLDS = """
tasks:
  digits-lenet: {train: {test_folds: 5}}
  other:
    dataset: digits
    model: lenet
    train: {optimizer: {name: adam, learning_rate: 1e-3}, batch_size: 9, steps: 9, evaluate_every: 9, test_folds: 10}
    cohorts: ["0-1"]
"""

BAD = [
    # misspelt and unknown keys
    (TRAIN % "optimiser: {name: adam}", "tasks.digits-lenet.train.optimiser: unknown key; did you mean 'optimizer'?"),
    (METHOD % "rates: 0.2", "methods.imp.rates: unknown key; did you mean 'rate'?"),
    ("task: {}", "task: unknown key; did you mean 'tasks'?"),
    ("branches: {reinit: {draw: 2}}", "branches.reinit.draw: unknown key; did you mean 'draws'?"),
    (METHOD % "rewind: {steps: 3}", "methods.imp.rewind.steps: unknown key; did you mean 'step'?"),
    (METHOD % "rewind: {xyz: 3}", "methods.imp.rewind.xyz: unknown key (known: policy, step)"),
    (OPTIMIZER % "lr: 0.1", "tasks.digits-lenet.train.optimizer.lr: unknown key; did you mean 'learning_rate'?"),
    (OPTIMIZER % "rho: 0.1", "tasks.digits-lenet.train.optimizer.rho: unknown key (known: betas, epsilon, learning_rate, momentum, name, nesterov, smoothing, weight_decay)"),
    (TASK % "no: 3", "tasks.digits-lenet.no: unknown key (known: cohorts, dataset, initialization, model, nodes, objective, processes, train)"),
    # wrong types
    (TRAIN % "steps: many", "tasks.digits-lenet.train.steps: must be a whole number (got 'many')"),
    (TRAIN % "steps: 2.5", "tasks.digits-lenet.train.steps: must be a whole number (got 2.5)"),
    (TRAIN % "steps: '600'", "tasks.digits-lenet.train.steps: must be a whole number (got '600')"),
    (TRAIN % "steps: true", "tasks.digits-lenet.train.steps: must be a whole number (got true)"),
    (TRAIN % "steps:", "tasks.digits-lenet.train.steps: must be a whole number (got nothing)"),
    (METHOD % "rate: high", "methods.imp.rate: must be a number (got 'high')"),
    (METHOD % "iterative: 2", "methods.imp.iterative: must be true or false (got 2)"),
    (METHOD % "exclude: output", "methods.imp.exclude: must be a list (got 'output')"),
    (METHOD % "criterion: [magnitude]", "methods.imp.criterion: must be a name, or a map with a name (got a list)"),
    ("tasks: [digits-lenet]", "tasks: must be a map of keys (got a list)"),
    (TASK % "train: {schedule: cosine}", "tasks.digits-lenet.train.schedule: must be a map of keys, such as {name: cosine} (got 'cosine')"),
    (
        "studies: {linear-mode-connectivity: {tasks: {digits-lenet: imp}, steps: [0, 5], rewind_steps: [7]}}",
        "studies.linear-mode-connectivity.rewind_steps: 7 must be one of `steps` [0, 5]",
    ),
    ("tasks: {digits-lenet: digits}", "tasks.digits-lenet: must be a map of keys (got 'digits')"),
    ("studies: {toy: [digits-lenet]}", "studies.toy: must be a map of keys (got a list)"),
    ("plugins: my_plugin", "plugins: must be a list (got 'my_plugin')"),
    ("results: 7", "results: must be text (got 7)"),
    # bounds and choices
    (METHOD % "rate: -0.2", "methods.imp.rate: must be greater than 0 (got -0.2)"),
    (METHOD % "rate: 1.2", "methods.imp.rate: must be less than 1 (got 1.2)"),
    (METHOD % "rate: 0", "methods.imp.rate: must be greater than 0 (got 0)"),
    (METHOD % "rate_by_kind: {conv: 1}", "methods.imp.rate_by_kind.conv: must be less than 1 (got 1)"),
    (METHOD % "rate_by_kind: {hiden: 0.1}", "methods.imp.rate_by_kind.hiden: must be one of 'conv', 'hidden', 'output', 'embedding', 'recurrent', 'attention', 'edge', 'latent' (got 'hiden'); did you mean 'hidden'?"),
    (METHOD % "exclude: [outptu]", "methods.imp.exclude: 'outptu' must be a kind of weight (conv, hidden, output, embedding, recurrent, attention, edge, latent) or a pattern of weight names; did you mean 'output'?"),
    (METHOD % "allocation: unifrm", "methods.imp.allocation: must be one of 'rates', 'uniform', 'uniform-plus', 'erdos-renyi', 'erdos-renyi-kernel', 'lamp' (got 'unifrm'); did you mean 'uniform'?"),
    (METHOD % "densities: 0.5", "methods.imp.densities: must be a list (got 0.5)"),
    (METHOD % "densities: [0.5, 1.5, 0.1]", "methods.imp.densities[1]: must be less than 1 (got 1.5)"),
    (METHOD % "densities: [0.5, 0.2, 0]", "methods.imp.densities[2]: must be greater than 0 (got 0)"),
    (METHOD % "levels: 0", "methods.imp.levels: must be greater than 0 (got 0)"),
    (METHOD % "levels: 201", "methods.imp.levels: must be at most 200: Snakemake cannot follow a longer chain of jobs (got 201)"),
    (METHOD % "rewind: {policy: rewind, step: -1}", "methods.imp.rewind.step: must be at least 0 (got -1)"),
    (METHOD % "scope: globally", "methods.imp.scope: must be one of 'layer', 'global' (got 'globally'); did you mean 'global'?"),
    (OPTIMIZER % "name: adma", "tasks.digits-lenet.train.optimizer.name: must be one of 'adam', 'adamw', 'rmsprop', 'sgd' (got 'adma'); did you mean 'adam'?"),
    (OPTIMIZER % "learning_rate: .inf", "tasks.digits-lenet.train.optimizer.learning_rate: must be a finite number (got inf)"),
    (OPTIMIZER % "learning_rate: .nan", "tasks.digits-lenet.train.optimizer.learning_rate: must be a finite number (got nan)"),
    (OPTIMIZER % "name: sgd, momentum: 1.0", "tasks.digits-lenet.train.optimizer.momentum: must be less than 1 (got 1.0)"),
    (OPTIMIZER % "betas: [0.9, 1]", "tasks.digits-lenet.train.optimizer.betas[1]: must be less than 1 (got 1)"),
    (OPTIMIZER % "betas: [0.9]", "tasks.digits-lenet.train.optimizer.betas: needs at least 2 entries (got 1)"),
    (OPTIMIZER % "betas: [0.9, 0.99, 0.999]", "tasks.digits-lenet.train.optimizer.betas: has at most 2 entries (got 3)"),
    (OPTIMIZER % "epsilon: 0", "tasks.digits-lenet.train.optimizer.epsilon: must be greater than 0 (got 0)"),
    (TRAIN % "clip_norm: 0", "tasks.digits-lenet.train.clip_norm: must be greater than 0 (got 0)"),
    (TRAIN % "penalty: -1", "tasks.digits-lenet.train.penalty: must be at least 0 (got -1)"),
    (TRAIN % "label_smoothing: 1", "tasks.digits-lenet.train.label_smoothing: must be less than 1 (got 1)"),
    (TRAIN % "test_folds: -2", "tasks.digits-lenet.train.test_folds: must be at least 0 (got -2)"),
    ("device: cude", "device: must be one of 'auto', 'cpu', 'cuda' (got 'cude'); did you mean 'cuda'?"),
    ("device: tensor", "device: must be one of 'auto', 'cpu', 'cuda' (got 'tensor')"),
    ("results: ./", "results: '.' would mix what is computed with other files: name a folder in it"),
    ("reports: /", "reports: '/' would mix what is computed with other files: name a folder in it"),
    ("results: a/..", "results: '.' would mix what is computed with other files: name a folder in it"),
    ("reports: ..", "reports: '..' would mix what is computed with other files: name a folder in it"),
    ("results: a/../../..", "results: '../..' would mix what is computed with other files: name a folder in it"),
    ("results: 'mine '", "results: 'mine ' begins or ends with a blank: remove it"),
    ("data_root: ' data'", "data_root: ' data' begins or ends with a blank: remove it"),
    ("data_root: ~nobody-here/x", "data_root: '~nobody-here/x' names no user of this machine: give the folder itself"),
    ("results: 'a{b}'", "results: must be a folder, without braces or control characters (got 'a{b}')"),
    (METHOD % "rewind: {policy: rewind, step: .inf}", "methods.imp.rewind.step: must be a whole number (got inf)"),
    # numbers of other notations
    (TRAIN % "steps: 1:30", "tasks.digits-lenet.train.steps: must be a whole number (got '1:30')"),
    (OPTIMIZER % "learning_rate: 1:30.5", "tasks.digits-lenet.train.optimizer.learning_rate: must be a number (got '1:30.5')"),
    (TRAIN % "steps: 0b11", "tasks.digits-lenet.train.steps: must be a whole number (got '0b11')"),
    # options, too, are finite numbers
    (TASK % "model: {name: any, shift: .nan}", "tasks.digits-lenet.model.shift: must be a finite number (got nan)"),
    (TASK % "model: {name: any, shift: [0, {by: -.inf}]}", "tasks.digits-lenet.model.shift[1].by: must be a finite number (got -inf)"),
    (METHOD % "criterion: {name: any, power: .inf}", "methods.imp.criterion.power: must be a finite number (got inf)"),
    ("branches: {shifted: {treatment: {name: noisy, scale: .nan}}}", "branches.shifted.treatment.scale: must be a finite number (got nan)"),
    ("datasets: {mine: {source: {name: grid, folds: .inf}}}", "datasets.mine.source.folds: must be a finite number (got inf)"),
    ("datasets: {mine: {source: digits, transforms: [{name: any, amount: .nan}]}}", "datasets.mine.transforms[0].amount: must be a finite number (got nan)"),
    ("datasets: {pets: {source: {name: image-folder, path: p, size: 64, validation: .nan}}}", "datasets.pets.source.validation: must be a finite number (got nan)"),
    # seeds
    (TASK % "cohorts: []", "tasks.digits-lenet.cohorts: must not be empty"),
    (TASK % "cohorts: ['4-0']", "tasks.digits-lenet.cohorts[0]: cohort '4-0' has no seeds: put the lower seed first"),
    (TASK % "cohorts: ['0-1', '4']", "tasks.digits-lenet.cohorts[1]: must be seeds as 'first-last', for example '0-4' (got '4')"),
    (TASK % "cohorts: ['0-1000000']", "tasks.digits-lenet.cohorts[0]: a seed has at most 6 digits: 999999 is the last (got '0-1000000')"),
    (TASK % "cohorts: ['00-04']", "tasks.digits-lenet.cohorts[0]: seeds are written without leading zeros, for example '0-4' (got '00-04')"),
    (TASK % "cohorts: [3]", "tasks.digits-lenet.cohorts[0]: must be text (got 3)"),
    (TASK % "cohorts: ['0-4', '4-9']", "tasks.digits-lenet: cohorts overlap: give each seed to one cohort only"),
    # keys that do not go together
    (TASK % "initialization: {weights: as-built, batchnorm: uniform}", "tasks.digits-lenet.initialization: weights 'as-built' keeps batch norm as it is built, too: remove batchnorm"),
    (TASK % "processes: 7", "tasks.digits-lenet: train.batch_size (60) must be a multiple of processes (7)"),
    (TASK % "processes: 6, nodes: 4", "tasks.digits-lenet: processes (6) must be a multiple of nodes (4)"),
    (TRAIN % "augment: resized-crop-flip", "tasks.digits-lenet.train.augment: 'resized-crop-flip' cuts parts out of image files: 'digits' is no image-folder with stream: true"),
    ("datasets: {pets: {source: {name: image-folder, path: p, size: 64, resize: 32}}}\n" + TASK % "dataset: pets", "datasets.pets.source: resize (32) must be at least size (64)"),
    (OPTIMIZER % "momentum: 0.9", "tasks.digits-lenet.train.optimizer: 'adam' has no momentum: remove it, or use 'sgd' or 'rmsprop'"),
    (OPTIMIZER % "name: rmsprop, momentum: 0.9, nesterov: true", "tasks.digits-lenet.train.optimizer: 'rmsprop' has no nesterov: remove it, or use 'sgd'"),
    (OPTIMIZER % "name: sgd, betas: [0.8, 0.9]", "tasks.digits-lenet.train.optimizer: 'sgd' has no betas: remove it, or use 'adam' or 'adamw'"),
    (OPTIMIZER % "smoothing: 0.9", "tasks.digits-lenet.train.optimizer: 'adam' has no smoothing: remove it, or use 'rmsprop'"),
    (OPTIMIZER % "name: sgd, epsilon: 0.1", "tasks.digits-lenet.train.optimizer: 'sgd' has no epsilon: remove it, or use 'adam' or 'adamw' or 'rmsprop'"),
    (OPTIMIZER % "name: sgd, nesterov: true", "tasks.digits-lenet.train.optimizer: nesterov needs a momentum above 0: set momentum"),
    (TRAIN % "schedule: {name: step}", "tasks.digits-lenet.train.schedule: schedule 'step' needs drop_steps, and no other schedule has them"),
    (TRAIN % "schedule: {name: step, drop_steps: [90, 50]}", "tasks.digits-lenet.train.schedule: drop_steps must rise from each step to the next"),
    (TRAIN % "schedule: {name: cosine, factor: 0.5}", "tasks.digits-lenet.train.schedule: factor is of schedule 'step', and 'cosine' has no drops: remove it"),
    (TRAIN % "schedule: {warmup_steps: 200}", "tasks.digits-lenet.train: schedule.warmup_steps (200) must be below steps (200)"),
    (TRAIN % "evaluate_every: 201", "tasks.digits-lenet.train: evaluate_every (201) must be at most steps (200)"),
    (TRAIN % "test_folds: 1", "tasks.digits-lenet.train: test_folds (1) would leave no test examples: set at least 2, or 0"),
    (OTHER_FOLDS, "tasks.digits-lenet.train.test_folds: 5 must be 10, as in another task: claims may be about several"),
    (METHOD % "allocation: lamp", "methods.imp: rate_by_kind needs allocation 'rates', because 'lamp' says what each layer keeps"),
    (METHOD % "densities: [0.5, 0.2, 0.1]", "methods.imp: densities say what every level keeps: remove rate and rate_by_kind, or densities"),
    (ALL_LAYERS % "allocation: uniform, scope: global", "methods.all: scope 'global' needs allocation 'rates', because 'uniform' says what each layer keeps"),
    (ALL_LAYERS % "densities: [0.5, 0.2, 0.1], rate: 0.3", "methods.all: densities say what every level keeps: remove rate and rate_by_kind, or densities"),
    (ALL_LAYERS % "densities: [0.5, 0.2]", "methods.all: densities must have one number for each of the 3 levels (got 2)"),
    (ALL_LAYERS % "densities: [0.5, 0.5, 0.1]", "methods.all: densities must fall from each level to the next (0.5 is followed by 0.5)"),
    (ALL_LAYERS % "densities: [0.2, 0.5, 0.1]", "methods.all: densities must fall from each level to the next (0.2 is followed by 0.5)"),
    (ALL_LAYERS % "allocation: lamp, granularity: filter, fractions: {'*': 0.5}", "methods.all: granularity 'filter' prunes by fractions: remove densities and allocation"),
    (ALL_LAYERS % "during: gradual, scope: global, rate_by_kind: {output: 0.1}", "methods.all: during ranks layers one by one or all together: remove rate_by_kind or scope 'global'"),
    (METHOD % "rewind: {policy: rewind}", "methods.imp.rewind: policy 'rewind' goes back to a step of training: add step (0: theta_0)"),
    (METHOD % "rewind: {policy: rewind-low-rate}", "methods.imp.rewind: policy 'rewind-low-rate' goes back to a step of training: add step (0: theta_0)"),
    (METHOD % "rewind: {step: 5}", "methods.imp.rewind: policy 'reset' goes back to step 0: remove step, or use policy 'rewind'"),
    # values that have a new name
    (METHOD % "rewind: {policy: continue}", "methods.imp.rewind.policy: 'continue' is now called 'lr-rewind'"),
]  # fmt: skip


@pytest.mark.parametrize(("fragment", "expected"), BAD, ids=[expected.split(" ")[0] for _, expected in BAD])
def test_a_bad_value_is_one_line(fragment: str, expected: str) -> None:
    assert errors_of(GOOD, fragment) == [expected]


def test_a_good_config_has_no_errors() -> None:
    assert errors_of(GOOD) == []


@pytest.mark.parametrize("scope", ["scope: global", "allocation: erdos-renyi", "allocation: lamp, iterative: false"])
def test_densities_go_with_a_global_ranking_or_an_allocation(scope: str) -> None:
    assert errors_of(GOOD, ALL_LAYERS % f"densities: [0.5, 0.2, 0.1], {scope}") == []


@pytest.mark.parametrize("policy", ["rewind", "rewind-low-rate"])
def test_step_0_may_be_given_and_jobs_are_told_of_it(policy: str) -> None:
    assert errors_of(GOOD, METHOD % f"rewind: {{policy: {policy}, step: 0}}") == []
    method = Method.model_validate({"levels": 1, "rewind": {"policy": policy, "step": 0}})
    assert Method.model_validate(method.model_dump(mode="json", exclude_defaults=True)) == method


def test_missing_keys_are_named() -> None:
    assert errors_of("tasks: {a: {dataset: digits, cohorts: ['0-0']}}\nmethods: {imp: {}}\n") == [
        "tasks.a.model: missing",
        "tasks.a.train: missing",
        "methods.imp.levels: missing",
        "studies: missing",
    ]


def test_a_misspelt_key_is_not_reported_as_missing_too() -> None:
    text = GOOD.replace("optimizer:", "optimiser:")
    assert errors_of(text) == ["tasks.digits-lenet.train.optimiser: unknown key; did you mean 'optimizer'?"]


def test_all_errors_are_reported_at_once() -> None:
    """Of the file's keys, of registered names, of options and of studies together."""
    fragments = [
        TRAIN % "optimiser: {}, steps: -5",
        TASK % "model: {name: lenet, hiden: [3]}",
        METHOD % "rate: 2, criterion: magnitud",
        "studies: {toy: {draw: 5}, tyo: {}}",
    ]
    lines = errors_of(GOOD, *fragments)
    assert [line.split(":")[0] for line in lines] == [
        "tasks.digits-lenet.train.steps",
        "tasks.digits-lenet.train.optimiser",
        "methods.imp.rate",
        "tasks.digits-lenet.model.hiden",
        "methods.imp.criterion",
        "studies.toy.draw",
        "studies.tyo",
    ]
