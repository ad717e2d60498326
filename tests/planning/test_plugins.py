"""What a plugin does wrong where it registers functions and studies is one line with the key and the place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lth_core import registry
from tests.support.config_samples import GOOD, TASK, errors_of

HEADER = "from lth_core import registry\nfrom lth_core.studies.base import Study\nfrom typing import ClassVar\n"
STUDY = f"""{HEADER}
@registry.study('mine')
class Mine(Study):
    title: ClassVar[str] = "Mine"
    citation: ClassVar[str] = "An example"
    table_names: ClassVar[tuple[str, ...]] = ()
    def tables(self, config):
        return {{}}
    def figures(self, config, tables):
        return []
    claims = figures
    def %s(self, config):
        return %s
"""
NONE = "    def %s(self, config):\n        return []\n"


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins of one test are unknown to the next."""
    for known in (registry.model, registry.study, registry.dataset):
        monkeypatch.setattr(known, "_functions", dict(known._functions))
        monkeypatch.setattr(known, "_facts", dict(known._facts))
    monkeypatch.delitem(sys.modules, "mine_lab", raising=False)


def errors_with(code: str, fragment: str) -> list[str]:
    Path("mine_lab.py").write_text(code)
    return errors_of(GOOD, f"plugins: [mine_lab]\n{fragment}")


@pytest.mark.parametrize(
    ("reads", "problem"),
    [
        ("lambda p: [p]", "failed: TypeError: <lambda>() missing 1 required positional argument: 'p'"),
        ("lambda: 1 / 0", "failed in mine_lab.py, line 4: ZeroDivisionError: division by zero"),
        ("lambda: 'weights.pt'", "must be a list of paths, or return one (got 'weights.pt')"),
        ("'weights.pt'", "must be a list of paths, or return one (got 'weights.pt')"),
        ("lambda: None", "must be a list of paths, or return one (got None)"),
    ],
)
def test_files_that_cannot_be_told_are_one_line(reads: str, problem: str) -> None:
    code = f"{HEADER}@registry.model('mine', reads={reads})\ndef mine(classes, input_shape): ...\n"
    (said,) = errors_with(code, TASK % "model: mine")
    assert said == f"tasks.digits-lenet.model: model 'mine': its `reads` {problem}"


DERIVED = ("datasets", "derived_tasks", "methods", "branches", "runs", "sampled_runs")


@pytest.mark.parametrize("method", [*DERIVED, "considered", "analyses", "figure_names"])
def test_a_study_that_fails_is_one_line(method: str) -> None:
    code = STUDY % (method, "1 / 0") + "".join(NONE % needed for needed in ("runs", "figure_names") if needed != method)
    said = errors_with(code, "studies: {mine: {tasks: {digits-lenet: imp}}}")
    assert said == ["studies.mine: the study failed in mine_lab.py, line 16: ZeroDivisionError: division by zero"]


def test_an_option_that_a_study_looks_at_and_fails_is_one_line() -> None:
    code = STUDY % ("runs", "[]") + NONE % "figure_names"
    code += "    from pydantic import field_validator\n    @field_validator('tasks')\n"
    code += "    def look(cls, tasks):\n        1 / 0\n"
    said = errors_with(code, "studies: {mine: {tasks: {digits-lenet: imp}}}")
    assert said == ["studies.mine: the study failed in mine_lab.py, line 22: ZeroDivisionError: division by zero"]


def test_a_study_that_lacks_what_every_one_needs_is_one_line() -> None:
    said = errors_with(STUDY % ("runs", "[]"), "studies: {mine: {tasks: {digits-lenet: imp}}}")
    assert said == ["studies.mine: 'mine' of mine_lab lacks figure_names"]


@pytest.mark.parametrize(
    ("fact", "said"),
    [("pretraind=True", "'pretraind', which nothing reads; did you mean 'pretrained'?"), ("size=3", "'size', which ")],
)
def test_what_is_said_of_a_function_and_nothing_reads_is_one_line(fact: str, said: str) -> None:
    (line,) = errors_with(f"{HEADER}@registry.model('my-net', {fact})\ndef my_net(classes): ...\n", "device: cpu")
    assert line.startswith("plugins[0]: module 'mine_lab' does not import (")
    assert f"model 'my-net' is registered with {said}" in line


def test_what_a_study_refuses_is_said_as_it_says_it() -> None:
    code = STUDY % ("runs", "int('x')") + NONE % "figure_names"
    said = errors_with(code, "studies: {mine: {tasks: {digits-lenet: imp}}}")
    assert said == ["studies.mine: invalid literal for int() with base 10: 'x'"]


@pytest.mark.parametrize("code", ["class Mine:\n    tasks: dict", "def mine(config): ..."])
def test_a_study_that_extends_none_is_one_line(code: str) -> None:
    said = errors_with(f"{HEADER}@registry.study('mine')\n{code}\n", "studies: {mine: {tasks: {digits-lenet: imp}}}")
    assert said == ["studies.mine: 'mine' of mine_lab must be a class that extends Study"]


@pytest.mark.parametrize(
    ("decorator", "advice"),
    [
        ("model", 'write @model("my-net")'),
        ("model('')", 'write @model("my")'),
        ("model()", None),
        ("dataset", 'write @dataset("my-net")'),
    ],
)
def test_a_registration_without_a_name_is_one_line(decorator: str, advice: str | None) -> None:
    (said,) = errors_with(f"{HEADER}@registry.{decorator}\ndef my_net(classes): ...\n", "device: cpu")
    assert said.startswith("plugins[0]: module 'mine_lab' does not import (")
    assert advice is None or said.endswith(f"(ValueError: {advice}, with the name that configs use)")


@pytest.mark.parametrize(
    ("written", "module"),
    [
        ("mine_lab.py", "mine_lab"),
        ("./mine_lab.py", "mine_lab"),
        ("lab/mine.py", "lab.mine"),
        ("lab/mine", "lab.mine"),
        ("../mine_lab.py", "mine_lab"),
        ("/home/me/mine_lab.py", "mine_lab"),
    ],
)
def test_a_plugin_is_named_by_its_module(written: str, module: str) -> None:
    Path("mine_lab.py").write_text("")
    said = errors_of(GOOD, f"plugins: [{written}]")
    assert said == [f"plugins[0]: '{written}' is a file: write the module's name, {module}"]
