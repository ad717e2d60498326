"""Files of the config and the user's plugins: what cannot be read is one line, never a traceback; later files win."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lth_core import registry
from lth_core.planning.configfile import ConfigError, load, merge, name_of, read
from tests.support.config_samples import GOOD, Toy, errors_of

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
    "unclosed bracket": (
        "tasks: [a\nmethods: {}\n",
        "0.yaml:2: broken YAML: expected ',' or ']', but got ':'; the bracket of line 1 is still open",
    ),
    "no blank after a colon": (
        "tasks:\n  digits:60\n  model: lenet\n",
        "0.yaml:2: broken YAML: 'digits:60' is no key with a value: ': ' is missing",
    ),
    "no colon": (
        "tasks:\n  digits: {}\ncohorts ['0-1']\nmethods: {}\n",
        "0.yaml:3: broken YAML: \"cohorts ['0-1']\" is no key with a value: ': ' is missing",
    ),
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


@pytest.mark.parametrize("written", ["mine", "mine.yaml", "config/mine"])
def test_a_file_that_may_be_meant_is_named(written: str) -> None:
    Path("config").mkdir()
    Path("config/mine.yaml").write_text(GOOD)
    with pytest.raises(ConfigError) as caught:
        load([written])
    assert str(caught.value) == f"{written}: no such file; did you mean config/mine.yaml?"


def test_a_config_that_is_laid_over_the_default_is_none_by_itself() -> None:
    ready = Path(__file__).parents[2] / "config/everything.yaml"
    Path("everything.yaml").write_text(ready.read_text())
    for file, makes in (("everything.yaml", ""), (os.path.relpath(ready), " (make everything)")):
        with pytest.raises(ConfigError) as caught:
            load([Path(file).resolve()])
        command = f"python -m lth_core run config.yaml {file}{makes}"
        assert str(caught.value) == f"{file}: is no config by itself, but is laid over the default one: {command}"
    Path("everything.yaml").write_text(ready.read_text() + "\ndevice: gpu\n")
    with pytest.raises(ConfigError, match="device: must be one of"):
        load(["everything.yaml"])


def test_a_plugin_that_does_not_exist_is_one_line() -> None:
    reason = "ModuleNotFoundError: No module named 'no_such_module'"
    expected = f"plugins[0]: module 'no_such_module' does not import ({reason})"
    assert errors_of(GOOD, "plugins: [no_such_module]") == [expected]


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


IMPORT_CRITERION = "from lth_core.registry import criterion\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "from lth_core.registry import branch",
            "ImportError: 'branch' is called 'treatment' now: from lth_core.registry import treatment",
        ),
        (
            f"{IMPORT_CRITERION}@criterion('old')\ndef old(start, trained, mask): ...",
            "ValueError: criterion 'old': rename 'start', which is called 'trained_from' now",
        ),
        (
            f"{IMPORT_CRITERION}@criterion('old')\ndef old(mask, stream): ...",
            "ValueError: criterion 'old': rename 'stream', which is called 'rng' now",
        ),
        (
            "from lth_core.registry import treatment\n@treatment('old')\ndef old(ticket, stream, scale=1): ...",
            "ValueError: treatment 'old': rename 'stream', which is called 'rng' now",
        ),
        (
            "from lth_core.registry import transform\n@transform('old')\ndef old(splits, stream): ...",
            "ValueError: transform 'old': rename 'stream', which is called 'rng' now",
        ),
        (
            "from lth_core.registry import study\n@study('old')\nclass Old:\n    def cells(self, config): ...",
            "ValueError: study 'old': rename 'cells', which is called 'runs' now",
        ),
        (
            "from lth_core.rewinding import rewind",
            "ModuleNotFoundError: No module named 'lth_core.rewinding'; CHANGELOG.md says what has moved",
        ),
    ],
)
def test_a_plugin_that_uses_names_of_before_is_one_line_with_the_new_name(code: str, reason: str) -> None:
    Path("old_plugin.py").write_text(code)
    assert errors_of(GOOD, "plugins: [old_plugin]") == [f"plugins[0]: module 'old_plugin' does not import ({reason})"]
    assert "old" not in registry.criterion.names()


def test_options_may_have_names_that_arguments_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.criterion, "_functions", dict(registry.criterion._functions))
    Path("new_plugin.py").write_text(
        f"{IMPORT_CRITERION}@criterion('with-option-start')\ndef mine(mask, rng, start=0.5): ...\n"
    )
    assert errors_of(GOOD, "plugins: [new_plugin]") == []
    assert registry.criterion.options("with-option-start").keys() == {"start"}


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
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "ascii"}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_from_the_command_line_there_is_no_traceback() -> None:
    Path("bad.yaml").write_text(GOOD + "device: größe\n", encoding="utf-8")
    for path, expected in (
        ("bad.yaml", "device: must be one of 'auto', 'cpu', 'cuda' (got 'gr\\xf6\\xdfe')"),
        ("none.yaml", "none.yaml: no such file"),
    ):
        done = run_python("-m", "lth_core", "check", path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines()[0] == expected  # `toy` of the good config is known to this process only


def test_from_the_command_line_networks_are_tried(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "crooked.py").write_text(
        "from lth_core.registry import model\n"
        "@model('crooked')\n"
        "def crooked(classes, input_shape):\n"
        "    from torch import nn\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes - 1))\n"
    )
    config = (root / "config.yaml").read_text()
    (tmp_path / "good.yaml").write_text(config)
    lenet = "{name: lenet, hidden: [300, 100]}"
    assert lenet in config
    (tmp_path / "bad.yaml").write_text(config.replace(lenet, "crooked") + "plugins: [crooked]\n")
    assert run_python("-m", "lth_core", "check", str(tmp_path / "good.yaml")).returncode == 0
    done = run_python("-m", "lth_core", "check", str(tmp_path / "bad.yaml"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tasks.digits-lenet.model: crooked: it has 9 scores, but there are 10 classes")


def test_checking_a_config_imports_no_framework() -> None:
    """It is done at every start of the workflow."""
    root = Path(__file__).parents[2]
    code = f"""
import sys
from lth_core.planning.configfile import load
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


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[("020", 20), ("-007", -7), ("0o20", 16), ("0x1F", 31), ("50_000", 50000), ("+3", 3)],
        *[("1e3", 1000.0), ("1.5E-2", 0.015), (".5", 0.5), ("5.", 5.0), ("-1.", -1.0), ("01.5", 1.5)],
        *[("1:30", "1:30"), ("190:20:30.15", "190:20:30.15"), ("0b11", "0b11"), ("0-4", "0-4"), ("1.2.3", "1.2.3")],
        *[("-.inf", -math.inf), (".INF", math.inf)],
    ],
)
def test_numbers_are_those_of_yaml_1_2(text: str, number: object) -> None:
    Path("a.yaml").write_text(f"a: {text}\n")
    read_number = read("a.yaml")["a"]
    assert (read_number, type(read_number)) == (number, type(number))


def test_a_tag_makes_no_number_of_text() -> None:
    assert errors_of("a: !!int 1:30\n") == ["0.yaml:1: broken YAML: '1:30' is not a whole number"]


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


@pytest.mark.parametrize("key", ["results", "reports", "data_root"])
def test_a_folder_is_one_folder_however_it_is_written(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    writings = {
        "mine/here": "mine/here",
        "./mine//here/": "mine/here",
        "~/here/": "/home/me/here",
        "../here/.": "../here",
        "mine/../here": "here",
        f"{Path.cwd()}/mine/here": "mine/here",
        f"{Path.cwd()}-not/here": f"{Path.cwd()}-not/here",
    }
    for index, (written, expected) in enumerate(writings.items()):
        file = Path(f"{index}.yaml")
        file.write_text(f"{GOOD}{key}: {written}\n")
        assert getattr(load([file]).config, key) == expected


@pytest.mark.parametrize("key", ["results", "reports"])
def test_a_folder_of_all_that_the_user_has_is_one_line(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path.cwd()
    monkeypatch.setenv("HOME", f"{here}/home")
    Path("home").mkdir()
    Path("link").symlink_to(here)
    Path("below").mkdir()
    monkeypatch.chdir("below")
    line = f"{key}: '%s' would mix what is computed with other files: name a folder in it"
    for written, shown in (("~", f"{here}/home"), ("../home", "../home"), (here, here), ("../link", "../link")):
        assert errors_of(GOOD, f"{key}: '{written}'") == [line % shown]
    assert errors_of(GOOD, f"{key}: ~/mine\ndata_root: '~'") == errors_of(GOOD, f"{key}: ../mine") == []


def test_a_user_without_a_home_has_no_folder_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert errors_of(GOOD, "results: mine") == []


@pytest.mark.parametrize("key", ["results", "reports", "data_root"])
def test_a_folder_whose_name_is_taken_is_one_line(key: str) -> None:
    Path("taken").write_text("a file")
    Path("nowhere").symlink_to("missing")
    assert errors_of(GOOD, f"{key}: taken") == [f"{key}: 'taken' is no folder: name another, or remove it"]
    assert errors_of(GOOD, f"{key}: taken/deeper") == [f"{key}: 'taken' is no folder: name another, or remove it"]
    assert errors_of(GOOD, f"{key}: nowhere") == [f"{key}: 'nowhere' is no folder: name another, or remove it"]


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["config.yaml"], "config"),
        (["config/mnist.yaml"], "mnist"),
        (["config.yaml", "config/everything.yaml"], "config-everything"),
        (["Mine/A b.yml"], "mine-a-b"),
        (["/somewhere/else/mine.yaml"], "mine"),
        (["_.yaml"], "config"),
        ([], "config"),
    ],
)
def test_a_config_is_named_by_its_files(files: list[str], name: str) -> None:
    assert name_of([Path(file) for file in files]) == name


def test_a_config_is_named_by_its_file_beside_the_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    assert name_of([tmp_path / "mine.yaml"]) == "mine"


def test_a_name_of_ones_own_takes_the_place_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    assert load([tmp_path / "mine.yaml"]).config.name == "mine"
    assert load([tmp_path / "mine.yaml"], {"name": "better"}).config.name == "better"
