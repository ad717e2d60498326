"""Names: those that become folders, those of registered functions and their options, those that refer to each other."""

# ruff: noqa: E501 (the table has the lines as users see them)

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lth_core import registry
from lth_core.config import Cohort, Name, seeds_of
from tests.support.config_samples import GOOD, METHOD, TASK, TRAIN, Toy, errors_of, with_known_names

NAMES = "a name has only a-z, 0-9, '-' and '_', starts with a letter or digit and has at most 64 characters"


SEARCH = "{methods: {search: {levels: 1, %s}}, studies: {toy: {tasks: {digits-lenet: search}}}}"
SOURCE = TASK % "initialization: {from: {%s}}"
TOY = "studies: {toy: {branch: %s}}"
AT_SOURCE = "tasks.digits-lenet.initialization.from"

BAD = [
    # names that become folders
    ("methods: {IMP: {levels: 1}}", f"methods.IMP: {NAMES} (got 'IMP')"),
    ("methods: {../imp: {levels: 1}}", f"methods.'../imp': {NAMES} (got '../imp')"),
    ("branches: {0-0: {treatment: reinit}}", "branches.0-0: this name is reserved for folders and tables: choose another"),
    ("methods: {dense: {levels: 1}}", "methods.dense: this name is reserved for folders and tables: choose another"),
    (
        "branches: {ticket: {treatment: reinit}}",
        "branches.ticket: this name is reserved for folders and tables: choose another",
    ),
    ("branches: {random-mask: {treatment: reinit}}", "branches.random-mask: this is the name of another treatment than 'reinit': choose another name"),
    ("branches: {'re init': {treatment: reinit}}", f"branches.'re init': {NAMES} (got 're init')"),
    # registered names
    (TASK % "model: lenett", "tasks.digits-lenet.model: unknown model 'lenett'; did you mean 'lenet'? (known: {model})"),
    (TASK % "dataset: digit", "tasks.digits-lenet.dataset: unknown data set 'digit'; did you mean 'digits'? (known: {dataset})"),
    ("datasets: {mine: {source: mnits}}", "datasets.mine.source: unknown data set 'mnits'; did you mean 'mnist'? (known: {dataset})"),
    (METHOD % "criterion: magnitud", "methods.imp.criterion: unknown criterion 'magnitud'; did you mean 'magnitude'? (known: {criterion})"),
    (METHOD % "treatment: re-init", "methods.imp.treatment: unknown treatment 're-init'; did you mean 'reinit'? (known: {treatment})"),
    (METHOD % "treatment: {name: freeze-init, zero: towards-zero}", "methods.imp.treatment.zero: must be one of 'none', 'toward-zero', 'all-toward-zero', 'away-from-zero', 'random' (got 'towards-zero'); did you mean 'toward-zero'?"),
    ("branches: {other: {treatment: re-init}}", "branches.other.treatment: unknown treatment 're-init'; did you mean 'reinit'? (known: {treatment})"),
    ("studies: {tyo: {tasks: {digits-lenet: imp}}}", "studies.tyo: unknown study 'tyo'; did you mean 'toy'? (known: {study})"),
    # options of registered functions
    (TASK % "model: {hiden: [3]}", "tasks.digits-lenet.model.hiden: unknown option of model 'lenet'; did you mean 'hidden'?"),
    (TASK % "model: {hidden: 300}", "tasks.digits-lenet.model.hidden: must be a list (got 300)"),
    (TASK % "model: {hidden: [300, many]}", "tasks.digits-lenet.model.hidden[1]: must be a whole number (got 'many')"),
    (TASK % "model: {hidden: [300, -1]}", "tasks.digits-lenet.model.hidden[1]: must be greater than 0 (got -1)"),
    (TASK % "model: {dropout: 1.5}", "tasks.digits-lenet.model.dropout: must be less than 1 (got 1.5)"),
    (TASK % "model: {dropout: half}", "tasks.digits-lenet.model.dropout: must be a number (got 'half')"),
    ("datasets: {mine: {source: grid}}", "datasets.mine.source.folds: missing: data set 'grid' needs it as an option (what it is given: root)"),
    ("datasets: {mine: {source: {name: grid, folds: half}}}", "datasets.mine.source.folds: must be int | float (got 'half')"),
    ("datasets: {mine: {source: {name: grid, folds: 2, quick: 1}}}", "datasets.mine.source.quick: must be true or false (got 1)"),
    (TASK % "dataset: grid", "tasks.digits-lenet.dataset: data set 'grid' needs folds: give it an entry under datasets"),
    ("branches: {shaken: {treatment: {name: gaussian-noise, scale: -1}}}", "branches.shaken.treatment.scale: must be greater than 0 (got -1)"),
    ("branches: {reinit: {treatment: {name: reinit, draws: 3}}}", "branches.reinit.treatment.draws: unknown option of treatment 'reinit'"),
    ("branches: {noise: {treatment: noisy}}", "branches.noise.treatment.scale: missing: treatment 'noisy' needs it as an option (what it is given: channels, checkpoints, layers, rng, ticket)"),
    (METHOD % "criterion: of-weights", "methods.imp.criterion.weights: missing: criterion 'of-weights' needs it as an option (what it is given: channels, initial, mask, probe, rng, trained, trained_from)"),
    # what other projects call it
    ("device: gpu", "device: must be one of 'auto', 'cpu', 'cuda' (got 'gpu'); did you mean 'cuda'?"),
    (TASK % "train: {precision: bfloat16}", "tasks.digits-lenet.train.precision: must be one of 'float32', 'bf16', 'int8-simulated' (got 'bfloat16'); did you mean 'bf16'?"),
    (TASK % "train: {epochs: 3}", "tasks.digits-lenet.train.epochs: unknown key; did you mean 'steps'?"),
    (TASK % "seeds: 3", "tasks.digits-lenet.seeds: unknown key; did you mean 'cohorts'?"),
    # transforms
    ("datasets: {mine: {source: digits, transforms: [blurr]}}", "datasets.mine.transforms[0]: unknown transform 'blurr'; did you mean 'blur'? (known: {transform})"),
    ("datasets: {mine: {source: digits, transforms: [blur, {name: half, part: c}]}}", "datasets.mine.transforms[1].part: must be one of 'a', 'b' (got 'c')"),
    ("datasets: {mine: {source: digits, transforms: blur}}", "datasets.mine.transforms: must be a list (got 'blur')"),
    ("{datasets: {mine: {source: digits, transforms: [{name: subset, examples: 9999}]}}, tasks: {digits-lenet: {dataset: mine}}}", "datasets.mine.transforms: subset: 9999 examples are more than the 1257 in the train split"),
    ("{datasets: {mine: {source: digits, transforms: [{name: half, part: a}]}}, tasks: {digits-lenet: {dataset: mine, train: {batch_size: 630}}}}", "tasks.digits-lenet.train.batch_size: 630 is more than the 629 training examples of 'mine'"),
    ("{datasets: {mine: {source: {name: image-folder, path: x, size: 8, stream: true}, transforms: [blur]}}, tasks: {digits-lenet: {dataset: mine}}}", "datasets.mine.transforms: transform 'blur' needs the pixels, which 'stream: true' leaves in their files: set 'stream: false'"),
    # branches that take from other tasks, or change the data order on the way
    ("branches: {reinit: {order: 1, order_from: 200}}", "branches.reinit.order_from: 200 must be less than 200, the last step of task 'digits-lenet'"),
    ("branches: {reinit: {order_from: 20}}", "branches.reinit: order_from needs a data order to begin with: set order to 1 or more"),
    ("branches: {reinit: {source: digits}}", "branches.reinit.source: unknown task 'digits'; did you mean 'digits-lenet'? (known: digits-lenet)"),
    (SOURCE % "task: other", f"{AT_SOURCE}.task: unknown task 'other' (known: digits-lenet)"),
    (SOURCE % "task: digits-lenet", f"{AT_SOURCE}.task: task 'digits-lenet' would start from its own weights"),
    (SOURCE % "tsak: digits-lenet", f"{AT_SOURCE}.tsak: unknown key; did you mean 'task'?"),
    (SOURCE % "task: digits-lenet, step: 0", f"{AT_SOURCE}.step: must be greater than 0 (got 0)"),
    (TASK % "initialization: {form: {task: digits-lenet}}", "tasks.digits-lenet.initialization.form: unknown key; did you mean 'from'?"),
    (TASK % "initialization: {source: {task: digits-lenet}}", "tasks.digits-lenet.initialization.source: unknown key (known: batchnorm, from, weights)"),
    ("branches: {reinit: {weights: {task: other, step: 5}}}", "branches.reinit.weights: unknown task 'other' (known: digits-lenet)"),
    ("branches: {reinit: {weights: {task: digits-lenet, step: 201}}}", "branches.reinit.weights.step: 201 must be at most 200, the last step of task 'digits-lenet'"),
    ("branches: {reinit: {weights: {task: digits-lenet, step: 0}}}", "branches.reinit.weights.step: must be greater than 0 (got 0)"),
    ("branches: {reinit: {weights: {task: digits-lenet, step: 5, branch: random}}}", "branches.reinit.weights.branch: unknown branch 'random' (known: reinit)"),
    ("connectivity: {points: 2}", "connectivity.points: must be at least 3 (got 2)"),
    # studies
    ("studies: {toy: {draw: 5}}", "studies.toy.draw: unknown key; did you mean 'draws'?"),
    ("studies: {toy: {draws: five}}", "studies.toy.draws: must be a whole number (got 'five')"),
    ("studies: {toy: {draws: 5}}", "studies.toy: draws of 5 are more than there are"),
    ("studies: {deconstructing: {tasks: {digits-lenet: imp}, levels: [9]}}", "studies.deconstructing.levels: 9 must be at most 3, the number of levels of method 'imp'"),
    ("studies: {toy: {tasks: {digits: imp}}}", "studies.toy.tasks.digits: unknown task 'digits'; did you mean 'digits-lenet'? (known: digits-lenet)"),
    ("studies: {toy: {tasks: {digits-lenet: inp}}}", "studies.toy.tasks.digits-lenet: unknown method 'inp'; did you mean 'imp'? (known: imp)"),
    ("studies: {toy: {branch: reinitt}}", "studies.toy.branch: unknown branch 'reinitt'; did you mean 'reinit'? (known: {treatment})"),
    ("studies: {toy: {branch: noisy}}", "studies.toy.branch: branch 'noisy' needs scale: give it an entry under branches"),
    ("{studies: {toy: {rewind_steps: [5]}}, methods: {imp-at-5: {levels: 1}}}", "methods.imp-at-5: study 'toy' derives something else under this name: choose another"),
    ("studies: {toy: {others: [ticket]}}", "studies.toy.others: 'ticket' is reserved (artifact folders and tables use it)"),
    ("studies: {toy: {others: [random-mask, random-mask]}}", "studies.toy.others: asks for the same training twice (results/digits-lenet/0-1/imp/level_1/random-mask)"),
    ("studies: {toy: {rewind_steps: [5, 5]}}", "studies.toy: asks for the same training twice (results/digits-lenet/0-1/imp-at-5/level_1)"),
    # numbers that do not go together
    (METHOD % "densities: [1, 0.5]", "methods.imp.densities[0]: 1 keeps all weights: remove it (the whole network is measured anyway: level 0, untrained at step 0)"),
    (METHOD % "rewind: {policy: rewind, step: 200}", "methods.imp.rewind.step: 200 must be less than 200, the last step of task 'digits-lenet', in study 'toy'"),
    (METHOD % "during: {name: rigl, until: 1.5}", "methods.imp.during.until: 1.5 must be more than 0 and at most 1, the end of training"),
    (METHOD % "during: {name: gradual, begin: 0.5, until: 0.5}", "methods.imp.during.begin: 0.5 must be less than until (0.5)"),
    (METHOD % "during: {name: gradual, begin: -0.1}", "methods.imp.during.begin: -0.1 must be at least 0 and less than 1, the end of training"),
    (METHOD % "during: {name: rigl, every: 150}", "methods.imp.during.every: no update every 150 steps falls before step 150 of 200 in task 'digits-lenet': choose fewer steps"),
    (METHOD % "during: {name: set, every: 101}", "methods.imp.during.every: 'set' changes masks every 101 steps but the last, never in the 200 of task 'digits-lenet': set a smaller number"),
    (METHOD % "during: {name: gradual, begin: 0.999}", "methods.imp.during.begin: 0.999 must be less than until (0.75)"),
    (METHOD % "during: {name: gradual, begin: 0.996, until: 1.0}", "methods.imp.during.begin: the ramp from step 199 to 199 of task 'digits-lenet' is empty: begin earlier"),
    (METHOD % "during: {name: gradual, every: 101}", "methods.imp.during.every: 101 must be at most the 100 steps between begin and until in task 'digits-lenet'"),
    (METHOD % "during: {name: set, every: 0}", "methods.imp.during.every: 0 must be at least 1 step"),
    (METHOD % "during: {name: set, fraction: 30}", "methods.imp.during.fraction: 30 must be from 0 to 1: it is the part of the weights that is swapped"),
    ("{methods: {gmp: {levels: 1, during: gradual, allocation: lamp}}, studies: {toy: {tasks: {digits-lenet: gmp}}}}", "methods.gmp.allocation: 'lamp' is for masks that a criterion makes, and 'gradual' starts dense: use scope 'global'"),
    (SEARCH % "search: edge-pop", "methods.search.search: must be a map of keys (got 'edge-pop')"),
    (SEARCH % "search: {parametrization: edge-pop}", "methods.search.search.parametrization: unknown parametrization 'edge-pop'; did you mean 'edge-popup'? (known: {parametrization})"),
    (SEARCH % "search: {parametrization: {name: sampled-mask, final: best}}", "methods.search.search.parametrization.final: must be one of 'drawn', 'likely' (got 'best')"),
    (SEARCH % "densities: [0.0], search: {parametrization: edge-popup}", "methods.search.densities[0]: must be greater than 0 (got 0.0)"),
    (SEARCH % "densities: [1.5], search: {parametrization: edge-popup}", "methods.search.densities[0]: must be less than 1 (got 1.5)"),
    (SEARCH % "during: rigl, search: {parametrization: edge-popup}", "methods.search: search learns the mask of single weights from theta_0 or theta_k: remove during"),
    (SEARCH % "prune_at: 0, search: {parametrization: edge-popup}", "methods.search: search learns the mask of single weights from theta_0 or theta_k: remove prune_at"),
    (SEARCH % "iterations: 3, search: {parametrization: edge-popup}", "methods.search: search learns the mask of single weights from theta_0 or theta_k: remove iterations"),
    (SEARCH % "treatment: redraw, search: {parametrization: edge-popup}", "methods.search: search learns the mask of single weights from theta_0 or theta_k: remove treatment"),
    (SEARCH % "rewind: {policy: fine-tune, step: 5}, search: {parametrization: edge-popup}", "methods.search: search learns the mask of single weights from theta_0 or theta_k: remove rewind policy 'fine-tune'"),
    (SEARCH % "iterative: true, search: {parametrization: edge-popup}", "methods.search.search.parametrization: 'edge-popup' does not go on from the mask of the level before: remove iterative: true"),
    (SEARCH % "search: {parametrization: {name: soft-mask, weight_penalty: high}}", "methods.search.search.parametrization.weight_penalty: must be a number (got 'high')"),
    (SEARCH % "search: {parametrization: soft-mask, retrain: false}", "methods.search.search.retrain: 'soft-mask' trains weights with its masks, which do not fit untrained ones: remove retrain: false"),
    (SEARCH % "search: {parametrization: edge-popup, weights: constant}", "methods.search: search.weights 'constant' is for subnetworks that stay untrained: add retrain: false, or remove it"),
    (SEARCH % "search: {parametrization: edge-popup, train: {steps: 5}}", "methods.search.search.train: does not go with the recipe of task 'digits-lenet': evaluate_every (20) must be at most steps (5)"),
    (SEARCH % "search: {parametrization: edge-popup, train: {batch_size: 5000}}", "methods.search.search.train.batch_size: 5000 is more than the 1257 training examples of 'digits'"),
    ("{methods: {search: {levels: 2, search: {parametrization: sampled-mask}}}, studies: {toy: {tasks: {digits-lenet: search}}}}", "methods.search.search.parametrization: 'sampled-mask' finds one density, whatever the level asks for: set levels: 1"),
    ("studies: {toy: {rewind_steps: [20, 300]}}", "studies.toy: step 300 of method 'imp-at-300' must be less than 200, the last step of task 'digits-lenet', in study 'toy'"),
    (TRAIN % "batch_size: 1258", "tasks.digits-lenet.train.batch_size: 1258 is more than the 1257 training examples of 'digits'"),
    ("{datasets: {mine: {source: digits}}, tasks: {digits-lenet: {dataset: mine, train: {batch_size: 1258}}}}", "tasks.digits-lenet.train.batch_size: 1258 is more than the 1257 training examples of 'mine'"),
]  # fmt: skip


@pytest.mark.parametrize(("fragment", "expected"), BAD, ids=[expected.split(" ")[0] for _, expected in BAD])
def test_a_bad_name_is_one_line(fragment: str, expected: str) -> None:
    assert errors_of(GOOD, fragment) == [with_known_names(expected)]


def test_an_entry_that_lacks_keys_and_has_nearly_the_name_of_another_is_one_line() -> None:
    """As a file that is laid over a config has it."""
    assert errors_of(GOOD, "tasks: {digits-lenett: {train: {steps: 500}}}", "methods: {inp: {rate: 0.3}}") == [
        "tasks.digits-lenett: lacks dataset, model, train.optimizer, train.batch_size, train.evaluate_every, cohorts; "
        "did you mean 'digits-lenet'?",
        "methods.inp: lacks levels; did you mean 'imp'?",
    ]
    assert errors_of(GOOD, "methods: {other: {rate: 0.3}}") == ["methods.other.levels: missing"]


def test_unknown_names_are_told_beside_mistakes_about_data_and_what_may_come_of_these_is_not() -> None:
    lines = errors_of(GOOD, TOY % "reinitt", TRAIN % "batch_size: 1258", METHOD % "rewind: {policy: rewind, step: 200}")
    assert [line.partition(":")[0] for line in lines] == ["tasks.digits-lenet.train.batch_size", "studies.toy.branch"]


def test_a_rewind_step_that_a_study_hands_on_to_many_methods_is_one_line_per_study() -> None:
    step = METHOD % "rewind: {policy: rewind, step: 400}"
    lines = errors_of(GOOD, step, "studies: {deconstructing: {tasks: {digits-lenet: imp}, levels: [2]}}")
    where = "methods.imp.rewind.step: 400 must be less than 200, the last step of task 'digits-lenet', in study"
    assert sorted(lines) == [f"{where} 'deconstructing'", f"{where} 'toy'"]


def test_an_update_that_a_study_hands_on_to_its_methods_is_one_line() -> None:
    expected = ["methods.imp.during.until: 1.5 must be more than 0 and at most 1, the end of training"]
    study = "studies: {toy: {rewind_steps: [5, 10]}}"
    assert errors_of(GOOD, METHOD % "during: {name: rigl, until: 1.5}", study) == expected
    assert errors_of(GOOD, METHOD % "during: {name: rigl, until: 0.9}", study) == []


def second_task(**keys: str) -> str:
    """Another task, `second`, like the first but for some keys."""
    settings = {"cohorts": "['0-1']", "initialization": "{}", **keys}
    task = "dataset: digits, model: lenet, train: {optimizer: {name: sgd, learning_rate: 0.1}, batch_size: 60, steps: 90, evaluate_every: 20}"
    return f"tasks: {{second: {{{task}, {', '.join(f'{key}: {value}' for key, value in settings.items())}}}}}"


def test_a_task_may_start_from_another_one_of_the_same_seeds_as_far_as_it_is_trained() -> None:
    assert errors_of(GOOD, second_task(), SOURCE % "task: second, step: 90") == []
    assert errors_of(GOOD, second_task(cohorts="['0-2']"), SOURCE % "task: second, step: 91") == [
        f"{AT_SOURCE}.task: task 'second' has no cohort '0-1' as task 'digits-lenet'",
        f"{AT_SOURCE}.step: 91 must be at most 90, the last step of task 'second'",
    ]


def test_no_task_starts_from_itself_by_way_of_others() -> None:
    back = second_task(initialization="{from: {task: digits-lenet}}")
    assert errors_of(GOOD, back, SOURCE % "task: second") == [
        f"{AT_SOURCE}.task: task 'digits-lenet' would start from its own weights",
        "tasks.second.initialization.from.task: task 'second' would start from its own weights",
    ]


def test_weights_that_a_network_is_built_with_are_not_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    assert registry.model.facts("hugging-face")["pretrained"]
    monkeypatch.setitem(registry.model._functions, "finished", lambda input_shape, classes: None)
    monkeypatch.setitem(registry.model._facts, "finished", {"pretrained": True})
    network = "model: finished, initialization: {weights: %s}"
    for drawn in ("glorot-normal", "kaiming-normal"):
        lost = f"'{drawn}' would draw the pre-trained weights of 'finished' anew: set as-built"
        where = "tasks.digits-lenet.initialization.weights"
        assert errors_of(GOOD, TASK % "model: finished", TASK % (network % drawn)) == [f"{where}: {lost}"]
    for kept in ("as-built", "framework"):
        assert errors_of(GOOD, TASK % "model: finished", TASK % (network % kept), TOY % "random-mask") == []
        said = "'reinit' needs fresh weights, and the 'finished' of task 'digits-lenet' is always built with its "
        assert errors_of(GOOD, TASK % "model: finished", TASK % (network % kept)) == [
            f"studies.toy.branch: {said}pre-trained ones: leave it out"
        ]


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("{name: conv-4, width: 0}", "model.width: must be greater than 0 (got 0)"),
        ("{name: resnet-20, width: .inf}", "model.width: must be a finite number (got inf)"),
        ("vgg-19", "model: 'vgg-19' needs images of at least 16x16 pixels, not 8x8 as in 'digits'"),
    ],
)
def test_an_impossible_network_is_one_line(network: str, expected: str) -> None:
    text = GOOD.replace("{name: lenet, hidden: [30, 10]}", network)
    assert errors_of(text) == [f"tasks.digits-lenet.{expected}"]


def test_a_study_refuses_tasks_of_objectives_that_it_cannot_work_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "objectives", ("language", "actor-critic"))
    needed = "this study needs tasks with objective 'language' or 'actor-critic', not 'classification'"
    assert errors_of(GOOD) == [f"studies.toy.tasks.digits-lenet: {needed}: leave the task out of it"]
    monkeypatch.setattr(Toy, "objectives", ("language", "classification"))
    assert errors_of(GOOD) == []


# ---------------------------------------------------------------- names become folders

allowed = "abcdefghijklmnopqrstuvwxyz0123456789_-"


@given(st.text(min_size=1, max_size=70), st.sampled_from(["/", "\\", ".", "..", " ", "\n", "\0", "{", "é", "ß", "數", "A", "*"]), st.integers(0, 70))  # fmt: skip
def test_names_with_separators_dots_spaces_or_unicode_never_validate(text: str, other: str, index: int) -> None:
    name = text[:index] + other + text[index:]
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)


@given(st.text())
def test_a_name_that_validates_is_one_plain_folder(text: str) -> None:
    try:
        name = TypeAdapter(Name).validate_python(text)
    except ValidationError:
        assert not (0 < len(text) <= 64 and set(text) <= set(allowed) and text[0] not in "-_")
    else:
        assert name == text and set(name) <= set(allowed) and Path("results", name).name == name


@given(st.text(alphabet="0123456789-٣ \n", max_size=9))
def test_a_cohort_that_validates_has_seeds_and_one_spelling(text: str) -> None:
    try:
        cohort = TypeAdapter(Cohort).validate_python(text)
    except ValidationError:
        return
    seeds = seeds_of(cohort)
    assert seeds == list(range(seeds[0], seeds[-1] + 1)) and cohort == f"{seeds[0]}-{seeds[-1]}"


def test_unknown_names_are_reported_beside_other_mistakes() -> None:
    wrong = "{dataset: digit, model: lenett, cohorts: [0-x]}"
    changes = f"{{tasks: {{digits-lenet: {wrong}}}, studies: {{toy: {{tasks: {{digits: imp, digits-lenet: ipm}}}}}}}}"
    lines = errors_of(GOOD, changes)
    mistakes = ["cohorts[0]: must be seeds", "model: unknown model 'lenett'", "dataset: unknown data set 'digit'"]
    mistakes += ["toy.tasks.digits: unknown task 'digits'", "toy.tasks.digits-lenet: unknown method 'ipm'"]
    assert [[words in line for line in lines].count(True) for words in mistakes] == [1] * 5 and len(lines) == 5
    assert errors_of(GOOD, "{datasets: 5, tasks: {digits-lenet: {dataset: digit}}}") == [
        "datasets: must be a map of keys (got 5)"
    ]


def test_what_is_called_otherwise_in_another_section_suggests_nothing_far_off() -> None:
    (error,) = errors_of(GOOD, "epochs: 3")
    assert error.startswith("epochs: unknown key (known: branches, ")  # not "did you mean 'reports'?"
