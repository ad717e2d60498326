"""Making theta_0: a network that cannot be trained on its task's data is one line, and no file is written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from lth_core import registry
from lth_core.jobs import initialize


def declares_a_bias() -> nn.Module:
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    network[1].prunable = {"bias": "output"}  # pyright: ignore[reportArgumentType]
    return network


def raises() -> nn.Module:
    raise KeyError("pretrained.pt")


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "raises": (raises, "error: model 'mine' failed in test_initialize.py, line 25: KeyError: 'pretrained.pt'\n"),
    "no module": (
        lambda: None,
        "error: tasks.mini.model: mine: its function must return a torch.nn.Module, not None\n",
    ),
    "maps": (
        lambda: nn.Conv2d(1, 3, 1),
        "error: tasks.mini.model: mine: its forward returns shape (2, 3, 6, 6) for 2 images: scores of shape "
        "(images, 3) are needed, for example means over the positions of a map\n",
    ),
    "declares a bias": (
        declares_a_bias,
        "error: tasks.mini.model: mine: `prunable` of 1: 'bias' has 1 axis: only tensors of two or more axes can be "
        "pruned\n",
    ),
}


@pytest.mark.parametrize(("network", "line"), BAD.values(), ids=BAD)
def test_a_network_that_is_none_is_one_line(
    network: Callable[[], Any],
    line: str,
    data_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def mine(classes, input_shape):
        return network()

    mine.__module__ = __name__
    monkeypatch.setitem(registry.model._functions, "mine", mine)
    optimizer = {"name": "sgd", "learning_rate": 0.1}
    recipe = {"optimizer": optimizer, "batch_size": 2, "steps": 1, "evaluate_every": 1}
    task = {"dataset": "digits", "model": "mine", "train": recipe, "cohorts": ["0-0"]}
    spec = {"task": task, "seeds": [0], "modules": []}
    output = tmp_path / "init.safetensors"
    arguments = ["--spec", json.dumps(spec), "--data", str(data_file), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["initialize", *arguments, "--task", "mini", "--methods", '{"mini": {}}'])
    with pytest.raises(SystemExit) as ended:
        initialize.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == line
    assert not output.exists()
