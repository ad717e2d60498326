"""Shapes in signatures: checked while tests run, and nothing that the pipeline would load."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from lth_core.engine.linear_network import linear
from lth_core.engine.sparse_network import columns
from lth_core.pruning.structured import _rows


def test_axes_of_one_name_must_have_one_length() -> None:
    assert linear(torch.ones(4, 3), torch.ones(2, 3)).shape == (4, 2)
    assert linear(torch.ones(5, 4, 3), torch.ones(5, 2, 3), torch.ones(5, 2)).shape == (5, 4, 2)
    for weight, bias in [((2, 3), (3,)), ((5, 2, 3), None)]:
        with pytest.raises(TypeCheckError, match="linear"):
            linear(torch.ones(4, 3), torch.ones(weight), None if bias is None else torch.ones(bias))


def test_the_number_of_axes_and_the_kind_of_numbers_are_checked() -> None:
    with pytest.raises(TypeCheckError, match="columns"):
        columns(torch.ones(4, 3))
    with pytest.raises(TypeCheckError, match="linear"):
        linear(torch.ones(4, 3, dtype=torch.int64), torch.ones(2, 3, dtype=torch.int64))
    with pytest.raises(TypeCheckError, match="_rows"):
        _rows(np.float32(1))


def test_the_pipeline_loads_no_checker() -> None:
    modules = "lth_core.jobs.support.server, lth_core.jobs.dense, lth_core.jobs.branch, lth_core.jobs.prune"
    script = f"import sys, {modules}; print(*{{'jaxtyping', 'beartype'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr
