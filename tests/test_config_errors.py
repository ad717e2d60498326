"""Every error of the config is one plain line: where, what is wrong, the nearest known name; and never a traceback."""

# ruff: noqa: E501 (the table has the lines as users see them)

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lth_core import registry
from lth_core.cells import Cell
from lth_core.config import Cohort, Config, Method, Name, seeds_of
from lth_core.configfile import ConfigError, load, merge, read
from lth_core.studies.base import Study

GOOD = """
tasks:
  digits-lenet:
    dataset: digits
    model: {name: lenet, hidden: [30, 10]}
    train:
      optimizer: {name: adam, learning_rate: 1.2e-3}
      batch_size: 60
      steps: 200
      evaluate_every: 20
    cohorts: ["0-1"]
methods:
  imp:
    levels: 3
    rate_by_kind: {output: 0.1}
branches:
  reinit: {treatment: reinit, draws: 2}
studies:
  toy:
    tasks: {digits-lenet: imp}
"""


class Toy(Study):
    """A study with one option of each sort, asking for the tickets of its tasks and a branch of each."""

    branch: str = "reinit"
    draws: int = 3
    rewind_steps: tuple[int, ...] = ()

    def methods(self, config: Config) -> dict[str, Method]:
        step = {"policy": "rewind", "step": 0}
        return {
            f"{method}-at-{k}": config.methods[method].model_copy(
                update={"rewind": Method.model_validate({"levels": 1, "rewind": {**step, "step": k}}).rewind}
            )
            for method in self.tasks.values()
            for k in self.rewind_steps
        }

    def cells(self, config: Config) -> list[Cell]:
        if self.draws > 3:
            raise ValueError(f"draws of {self.draws} are more than there are")
        return [
            Cell(task, cohort, name, 1, branch)
            for task, method in self.tasks.items()
            for cohort in config.tasks[task].cohorts
            for name in (method, *(f"{method}-at-{k}" for k in self.rewind_steps))
            for branch in (None, self.branch)
        ]


def grid(root: str, folds: int | float, quick: bool = False):
    """A data set that cannot do without an option."""


def noisy(ticket: object, scale: float):
    """A treatment that cannot do without an option."""


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for known, name, function in (
        (registry.study, "toy", Toy),
        (registry.dataset, "grid", grid),
        (registry.branch, "noisy", noisy),
    ):
        monkeypatch.setitem(known._functions, name, function)
        monkeypatch.setitem(known._facts, name, {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


def names_of(known: registry.Registry) -> str:
    return ", ".join(known.names())


def errors_of(*texts: str | bytes) -> list[str]:
    """The lines that loading these files, later ones over earlier ones, complains with; [] when it does not."""
    paths = []
    for index, text in enumerate(texts):
        paths.append(Path(f"{index}.yaml"))
        paths[-1].write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        load(paths)
    except ConfigError as error:
        return str(error).splitlines()
    return []


TASK = "tasks: {digits-lenet: {%s}}"
TRAIN = "tasks: {digits-lenet: {train: {%s}}}"
OPTIMIZER = "tasks: {digits-lenet: {train: {optimizer: {%s}}}}"
METHOD = "methods: {imp: {%s}}"
NAMES = "a name has only a-z, 0-9, '-' and '_', starts with a letter or digit and has at most 64 characters"

BAD = [
    # misspelt and unknown keys
    (TRAIN % "optimiser: {name: adam}", "tasks.digits-lenet.train.optimiser: unknown key; did you mean 'optimizer'?"),
    (METHOD % "rates: 0.2", "methods.imp.rates: unknown key; did you mean 'rate'?"),
    ("task: {}", "task: unknown key; did you mean 'tasks'?"),
    ("branches: {reinit: {draw: 2}}", "branches.reinit.draw: unknown key; did you mean 'draws'?"),
    (METHOD % "rewind: {steps: 3}", "methods.imp.rewind.steps: unknown key; did you mean 'step'?"),
    (METHOD % "rewind: {xyz: 3}", "methods.imp.rewind.xyz: unknown key (known: policy, step)"),
    (OPTIMIZER % "lr: 0.1", "tasks.digits-lenet.train.optimizer.lr: unknown key (known: learning_rate, momentum, name, nesterov, weight_decay)"),
    (TASK % "no: 3", "tasks.digits-lenet.no: unknown key (known: cohorts, dataset, initialization, model, train)"),
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
    ("tasks: {digits-lenet: digits}", "tasks.digits-lenet: must be a map of keys (got 'digits')"),
    ("studies: {toy: [digits-lenet]}", "studies.toy: must be a map of keys (got a list)"),
    ("plugins: my_plugin", "plugins: must be a list (got 'my_plugin')"),
    ("results: 7", "results: must be text (got 7)"),
    # bounds and choices
    (METHOD % "rate: -0.2", "methods.imp.rate: must be greater than 0 (got -0.2)"),
    (METHOD % "rate: 1.2", "methods.imp.rate: must be less than 1 (got 1.2)"),
    (METHOD % "rate: 0", "methods.imp.rate: must be greater than 0 (got 0)"),
    (METHOD % "rate_by_kind: {conv: 1}", "methods.imp.rate_by_kind.conv: must be less than 1 (got 1)"),
    (METHOD % "rate_by_kind: {hiden: 0.1}", "methods.imp.rate_by_kind.hiden: must be one of 'conv', 'hidden', 'output' (got 'hiden'); did you mean 'hidden'?"),
    (METHOD % "exclude: [outptu]", "methods.imp.exclude: 'outptu' is neither a kind of weight nor a pattern of weight names; did you mean 'output'?"),
    (METHOD % "levels: 0", "methods.imp.levels: must be greater than 0 (got 0)"),
    (METHOD % "rewind: {policy: rewind, step: -1}", "methods.imp.rewind.step: must be at least 0 (got -1)"),
    (METHOD % "scope: globally", "methods.imp.scope: must be one of 'layer', 'global' (got 'globally'); did you mean 'global'?"),
    (OPTIMIZER % "name: adma", "tasks.digits-lenet.train.optimizer.name: must be one of 'adam', 'sgd' (got 'adma'); did you mean 'adam'?"),
    (OPTIMIZER % "learning_rate: .inf", "tasks.digits-lenet.train.optimizer.learning_rate: must be a finite number (got inf)"),
    (OPTIMIZER % "learning_rate: .nan", "tasks.digits-lenet.train.optimizer.learning_rate: must be a finite number (got nan)"),
    (OPTIMIZER % "name: sgd, momentum: 1.0", "tasks.digits-lenet.train.optimizer.momentum: must be less than 1 (got 1.0)"),
    ("device: cude", "device: must be one of 'auto', 'cpu', 'cuda' (got 'cude'); did you mean 'cuda'?"),
    ("device: tensor", "device: must be one of 'auto', 'cpu', 'cuda' (got 'tensor')"),
    ("results: 'a{b}'", "results: must be a folder, without braces or control characters (got 'a{b}')"),
    # seeds
    (TASK % "cohorts: []", "tasks.digits-lenet.cohorts: must not be empty"),
    (TASK % "cohorts: ['4-0']", "tasks.digits-lenet.cohorts[0]: cohort '4-0' has no seeds: write the lower seed first"),
    (TASK % "cohorts: ['0-1', '4']", "tasks.digits-lenet.cohorts[1]: must be seeds as 'first-last', for example '0-4' (got '4')"),
    (TASK % "cohorts: [3]", "tasks.digits-lenet.cohorts[0]: must be text (got 3)"),
    (TASK % "cohorts: ['0-4', '4-9']", "tasks.digits-lenet: cohorts overlap: each seed belongs to one cohort"),
    # keys that do not go together
    (OPTIMIZER % "momentum: 0.9", "tasks.digits-lenet.train.optimizer: momentum and nesterov belong to 'sgd', not to 'adam'"),
    (OPTIMIZER % "name: sgd, nesterov: true", "tasks.digits-lenet.train.optimizer: nesterov needs momentum > 0"),
    (TRAIN % "schedule: {name: step}", "tasks.digits-lenet.train.schedule: drop_steps belong to schedule 'step', which needs at least one"),
    (TRAIN % "schedule: {name: step, drop_steps: [90, 50]}", "tasks.digits-lenet.train.schedule: drop_steps must rise"),
    (TRAIN % "schedule: {warmup_steps: 200}", "tasks.digits-lenet.train: schedule.warmup_steps (200) is beyond training (200 steps)"),
    (TRAIN % "evaluate_every: 201", "tasks.digits-lenet.train: evaluate_every (201) is beyond training (200 steps)"),
    (METHOD % "scope: global", "methods.imp: rate_by_kind needs scope 'layer': a global ranking has one rate"),
    (METHOD % "rewind: {step: 5}", "methods.imp.rewind: step belongs to policy 'rewind', not to 'reset'"),
    # names that become folders
    ("methods: {IMP: {levels: 1}}", f"methods.IMP: {NAMES} (got 'IMP')"),
    ("methods: {../imp: {levels: 1}}", f"methods.'../imp': {NAMES} (got '../imp')"),
    ("methods: {dense: {levels: 1}}", "methods.dense: this name is reserved (artifact folders and tables use it)"),
    (
        "branches: {ticket: {treatment: reinit}}",
        "branches.ticket: this name is reserved (artifact folders and tables use it)",
    ),
    ("branches: {'re init': {treatment: reinit}}", f"branches.'re init': {NAMES} (got 're init')"),
    # registered names
    (TASK % "model: lenett", "tasks.digits-lenet.model: unknown model 'lenett'; did you mean 'lenet'? (known: {model})"),
    (TASK % "dataset: digit", "tasks.digits-lenet.dataset: unknown data set 'digit'; did you mean 'digits'? (known: {dataset})"),
    ("datasets: {mine: {source: mnits}}", "datasets.mine.source: unknown data set 'mnits'; did you mean 'mnist'? (known: {dataset})"),
    (METHOD % "criterion: magnitud", "methods.imp.criterion: unknown criterion 'magnitud'; did you mean 'magnitude'? (known: {criterion})"),
    ("branches: {other: {treatment: re-init}}", "branches.other.treatment: unknown branch 're-init'; did you mean 'reinit'? (known: {branch})"),
    ("studies: {tyo: {tasks: {digits-lenet: imp}}}", "studies.tyo: unknown study 'tyo'; did you mean 'toy'? (known: {study})"),
    # options of registered functions
    (TASK % "model: {hiden: [3]}", "tasks.digits-lenet.model.hiden: unknown option of model 'lenet'; did you mean 'hidden'?"),
    (TASK % "model: {hidden: 300}", "tasks.digits-lenet.model.hidden: must be a list (got 300)"),
    (TASK % "model: {hidden: [300, many]}", "tasks.digits-lenet.model.hidden[1]: must be a whole number (got 'many')"),
    (TASK % "model: {dropout: half}", "tasks.digits-lenet.model.dropout: must be a number (got 'half')"),
    ("datasets: {mine: {source: grid}}", "datasets.mine.source.folds: missing: data set 'grid' needs it"),
    ("datasets: {mine: {source: {name: grid, folds: half}}}", "datasets.mine.source.folds: must be int | float (got 'half')"),
    ("datasets: {mine: {source: {name: grid, folds: 2, quick: 1}}}", "datasets.mine.source.quick: must be true or false (got 1)"),
    (TASK % "dataset: grid", "tasks.digits-lenet.dataset: data set 'grid' needs folds: give it an entry under datasets"),
    ("branches: {reinit: {treatment: {name: reinit, draws: 3}}}", "branches.reinit.treatment.draws: unknown option of branch 'reinit'"),
    ("branches: {noise: {treatment: noisy}}", "branches.noise.treatment.scale: missing: branch 'noisy' needs it"),
    # studies
    ("studies: {toy: {draw: 5}}", "studies.toy.draw: unknown key; did you mean 'draws'?"),
    ("studies: {toy: {draws: five}}", "studies.toy.draws: must be a whole number (got 'five')"),
    ("studies: {toy: {draws: 5}}", "studies.toy: draws of 5 are more than there are"),
    ("studies: {toy: {tasks: {digits: imp}}}", "studies.toy.tasks.digits: unknown task 'digits'; did you mean 'digits-lenet'? (known: digits-lenet)"),
    ("studies: {toy: {tasks: {digits-lenet: inp}}}", "studies.toy.tasks.digits-lenet: unknown method 'inp'; did you mean 'imp'? (known: imp)"),
    ("studies: {toy: {branch: reinitt}}", "studies.toy.branch: unknown branch 'reinitt'; did you mean 'reinit'? (known: {branch})"),
    ("studies: {toy: {branch: noisy}}", "studies.toy.branch: branch 'noisy' needs scale: give it an entry under branches"),
    ("{studies: {toy: {rewind_steps: [5]}}, methods: {imp-at-5: {levels: 1}}}", "methods.imp-at-5: study 'toy' derives something else under this name: choose another"),
    # numbers that do not go together
    (METHOD % "rewind: {policy: rewind, step: 200}", "methods.imp.rewind.step: 200 is beyond training of task 'digits-lenet' (200 steps) in study 'toy'"),
    ("studies: {toy: {rewind_steps: [20, 300]}}", "studies.toy: step 300 of method 'imp-at-300' is beyond training of task 'digits-lenet' (200 steps) in study 'toy'"),
    (TRAIN % "batch_size: 1258", "tasks.digits-lenet.train.batch_size: 1258 is more than the 1257 training examples of 'digits'"),
    # plugins
    ("plugins: [no_such_module]", "plugins[0]: module 'no_such_module' does not import (ModuleNotFoundError: No module named 'no_such_module')"),
]  # fmt: skip


@pytest.mark.parametrize(("fragment", "expected"), BAD, ids=[expected.split(" ")[0] for _, expected in BAD])
def test_a_bad_value_is_one_line(fragment: str, expected: str) -> None:
    for known in ("model", "dataset", "criterion", "branch", "study"):
        expected = expected.replace(f"{{{known}}}", names_of(getattr(registry, known)))
    assert errors_of(GOOD, fragment) == [expected]


BAD_FILES = {
    "empty": ("", "0.yaml: empty; a config needs tasks, methods and studies"),
    "only a comment": ("# nothing\n", "0.yaml: empty; a config needs tasks, methods and studies"),
    "a list": ("- tasks\n", "0.yaml: must be a map of keys (got a list)"),
    "a word": ("tasks\n", "0.yaml: must be a map of keys (got a single value)"),
    "duplicate key": (GOOD + "tasks: {}\n", "0.yaml:21: broken YAML: duplicate key 'tasks'"),
    "duplicate task": ("tasks:\n  a: {}\n  a: {}\n", "0.yaml:3: broken YAML: duplicate key 'a'"),
    "duplicate in one line": ("tasks: {a: 1, a: 2}\n", "0.yaml:1: broken YAML: duplicate key 'a'"),
    "a key that is a list": ("? [a]\n: 1\n", "0.yaml:1: broken YAML: a key must be text"),
    "not UTF-8": ("tasks:\n  größe: 1\n".encode("latin-1"), "0.yaml:2: not UTF-8 text (byte 0xf6)"),
    "unclosed bracket": ("tasks: [a\nmethods: {}\n", "0.yaml:2: broken YAML: expected ',' or ']', but got ':'"),
    "tab": ("tasks:\n\ta: 1\n", "0.yaml:2: broken YAML: found character '\\t' that cannot start any token"),
    "python object": (
        "tasks: !!python/object/apply:os.system [ls]\n",
        "0.yaml:1: broken YAML: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object/apply:os.system'",
    ),
    "in itself": ("tasks: &a\n  b: *a\n", "0.yaml: broken YAML: nested too deeply, or in itself"),
    "too deep": ("a: " + "[" * 1500, "0.yaml: broken YAML: nested too deeply, or in itself"),
    "control character": ("tasks: \x00\n", "0.yaml: broken YAML: unacceptable character #x0000: special characters "
                          "are not allowed in \"<unicode string>\", position 7"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_one_line(text: str | bytes, expected: str) -> None:
    assert errors_of(text) == [expected]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, expected in (("none.yaml", "none.yaml: no such file"), (".", ".: cannot be read (Is a directory)")):
        with pytest.raises(ConfigError) as caught:
            load([path])
        assert str(caught.value) == expected


def test_a_good_config_has_no_errors() -> None:
    assert errors_of(GOOD) == []


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


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def f(:\n  pass", "SyntaxError: invalid syntax (broken_plugin.py, line 1)"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
    ],
)
def test_a_plugin_that_fails_is_one_line_and_its_names_are_not_held_against_the_config(code: str, reason: str) -> None:
    Path("broken_plugin.py").write_text(code)
    plugin = "plugins: [broken_plugin]\ntasks: {digits-lenet: {model: net-of-the-plugin}}"
    assert errors_of(GOOD, plugin) == [f"plugins[0]: module 'broken_plugin' does not import ({reason})"]


def test_a_plugin_of_the_current_folder_adds_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.model, "_functions", dict(registry.model._functions))
    Path("my_plugin_of_config_errors.py").write_text(
        "from lth_core.registry import model\n@model('my-net')\ndef my_net(classes, input_shape, width=64): ...\n"
    )
    fragment = "plugins: [my_plugin_of_config_errors]\ntasks: {digits-lenet: {model: %s}}"
    assert errors_of(GOOD.replace("{name: lenet, hidden: [30, 10]}", "my-net"), fragment % "my-net") == []
    assert errors_of(GOOD, fragment % "{name: my-net, hidden: null}") == [
        "tasks.digits-lenet.model.hidden: unknown option of model 'my-net' (known: width)"
    ]


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONIOENCODING": "ascii"}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_from_the_command_line_there_is_no_traceback() -> None:
    Path("bad.yaml").write_text(GOOD + "device: größe\n", encoding="utf-8")
    for path, expected in (
        ("bad.yaml", "device: must be one of 'auto', 'cpu', 'cuda' (got 'gr\\xf6\\xdfe')"),
        ("none.yaml", "none.yaml: no such file"),
    ):
        done = run_python("-m", "lth_core.configfile", path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines()[0] == expected  # `toy` of the good config is known to this process only


def test_checking_a_config_imports_no_framework() -> None:
    """It is done at every start of the workflow."""
    root = Path(__file__).parents[1]
    code = f"""
import sys
from lth_core.configfile import load
load([{str(root / "config.yaml")!r}])
print(sorted({{"torch", "torchvision", "sklearn", "pandas", "matplotlib"}} & set(sys.modules)))
"""
    done = run_python("-c", code)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# ---------------------------------------------------------------- what loading gives


def test_later_files_and_overrides_win_key_by_key() -> None:
    Path("a.yaml").write_text(GOOD)
    Path("b.yaml").write_text("tasks: {digits-lenet: {train: {steps: 300}, cohorts: ['5-9']}}")
    config = load(["a.yaml", "b.yaml"], {"methods": {"imp": {"levels": 7, "rate": "1e-1"}}}).config
    assert config.methods["imp"].rate == 0.1  # `--config` gives it as text
    task = config.tasks["digits-lenet"]
    assert (task.train.steps, task.train.batch_size, task.cohorts, config.methods["imp"].levels) == (
        300,
        60,
        ["5-9"],
        7,
    )


def test_studies_are_built_with_their_options() -> None:
    Path("a.yaml").write_text(GOOD)
    loaded = load(["a.yaml"], {"studies": {"toy": {"rewind_steps": [5, 10]}}})
    assert loaded.studies["toy"] == Toy(tasks={"digits-lenet": "imp"}, rewind_steps=(5, 10))


def test_yaml_is_read_without_surprises() -> None:
    Path("a.yaml").write_text(
        "a: &shared {x: 1, y: 2}\nb: {<<: *shared, y: 3}\nc: 1e-3\nd: 2026-01-01\nno: yes\n1: one\n",
        encoding="utf-8-sig",
    )
    assert read("a.yaml") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": 0.001,
        "d": "2026-01-01",
        "no": True,
        "1": "one",
    }


values = st.recursive(st.integers(), lambda held: st.dictionaries(st.sampled_from("abc"), held, max_size=3))
maps = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@given(maps, maps)
def test_merging_goes_key_by_key_and_changes_neither_side(below: dict, above: dict) -> None:
    before = yaml.safe_dump([below, above])
    merged = merge(below, above)
    for key in {*below, *above}:
        both_maps = isinstance(below.get(key), dict) and isinstance(above.get(key), dict)
        wanted = merge(below[key], above[key]) if both_maps else above.get(key, below.get(key))
        assert merged[key] == wanted
    assert yaml.safe_dump([below, above]) == before


# ---------------------------------------------------------------- names become folders

allowed = "abcdefghijklmnopqrstuvwxyz0123456789_-"


@given(st.text(min_size=1, max_size=70), st.sampled_from(["/", "\\", ".", "..", " ", "\n", "\0", "{", "é", "ß", "數", "A", "*"]), st.integers(0, 70))  # fmt: skip
def test_names_with_separators_dots_spaces_or_unicode_never_validate(text: str, foreign: str, place: int) -> None:
    name = text[:place] + foreign + text[place:]
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
