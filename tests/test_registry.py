"""Registered functions: those of a plugin that fail are one line, with the place in its file."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from lth_core import registry
from lth_core.models.requirements import ModelError
from lth_core.registry import PluginError, Registry, kind_of

FAILING = {
    "raise KeyError('width')": "KeyError: 'width'",
    "raise ValueError('two\\nlines')": "ValueError: two lines",
    "assert classes == 3": "AssertionError",
    "import torch; torch.zeros(2).view(3)": "RuntimeError: shape '[3]' is invalid for input of size 2",
}


@pytest.mark.parametrize(("line", "reason"), FAILING.items())
def test_a_function_of_a_plugin_that_fails_is_one_line(
    line: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry.model, "_functions", dict(registry.model._functions))
    (tmp_path / "failing_lab.py").write_text(
        f"from lth_core.registry import model\n\n@model('failing')\ndef failing(classes):\n    {line}\n"
    )
    importlib.import_module("failing_lab")
    try:
        with pytest.raises(PluginError) as caught:
            registry.model.call("failing", {"classes": 10, "input_shape": (1, 8, 8)}, {})
    finally:
        del sys.modules["failing_lab"]
    assert str(caught.value).startswith(f"model 'failing' failed in failing_lab.py, line 5: {reason}")
    assert "\n" not in str(caught.value)


def test_errors_that_are_one_line_already_stay_as_they_are() -> None:
    def refusing():
        raise ModelError("needs larger images")

    known = Registry("model", offered=[])
    known("refusing")(refusing)
    with pytest.raises(ModelError, match=r"^needs larger images$"):
        known.call("refusing", {}, {})


def test_writing_into_what_is_given_says_that_it_is_read_only() -> None:
    def writing(mask):
        mask["a"][0] = False

    known = Registry("criterion", offered=["mask"])
    known("writing")(writing)
    mask = np.ones(2, bool)
    mask.flags.writeable = False
    with pytest.raises(PluginError, match=r"read-only; what the pipeline gives is read-only: change a copy$"):
        known.call("writing", {"mask": {"a": mask}}, {})


def test_an_error_is_one_line_whatever_its_message_is() -> None:
    assert registry.one_line(RuntimeError()) == "RuntimeError"
    assert registry.one_line(ValueError("two\n  lines")) == "ValueError: two lines"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "nothing"),
        ([1, 2, 3], "a list of 3"),
        ((), "a tuple of 0"),
        (np.ones((2, 3), np.float32), "an array (float32, shape (2, 3))"),
        (0.5, "a float"),
    ],
)
def test_what_a_function_returned_is_said_in_a_few_words(value: object, said: str) -> None:
    assert kind_of(value) == said
