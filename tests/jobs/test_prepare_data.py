"""The job that prepares data: one file or one line, for built-in data sets and for a user's own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lth_core.jobs.prepare_data import main
from lth_core.storage.tensors import read_header, read_tensors

PLUGIN = """
import numpy as np
from lth_core.data.splits import Images, Splits
from lth_core.registry import dataset

@dataset("stripes")
def stripes(root, examples=4):
    images = np.arange(examples * 4, dtype=np.uint8).reshape(examples, 1, 2, 2)
    part = Images(images, np.arange(examples) % 2)
    return Splits(part, part, part, classes=2, source=f"stripes below {root}")

@dataset("numbers")
def numbers():
    return [1, 2, 3]

@dataset("pictures", kind="points")
def pictures(root):
    return stripes(root)

@dataset("faulty")
def faulty():
    raise ValueError("a fault of the plugin")
"""


DIGITS = ("lth_core.data.sets.digits",)


def arguments(output: Path, source: dict[str, object], modules: Sequence[str] = DIGITS) -> list[str]:
    spec = json.dumps({"source": source, "modules": modules})
    return ["--name", "mine", "--spec", spec, "--root", "data", "--output", str(output)]


def run(monkeypatch: pytest.MonkeyPatch, output: Path, source: dict[str, object]) -> None:
    monkeypatch.setattr(sys, "argv", ["prepare_data", *arguments(output, source, ["data_job_plugin"])])
    main()


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data_job_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_digits_from_the_command_line_twice_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        output = tmp_path / f"{name}.safetensors"
        command = [sys.executable, "-m", "lth_core.jobs.prepare_data", *arguments(output, {"name": "digits"})]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{output}: 0.1 MB in" in done.stdout
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    assert one.read_bytes() == two.read_bytes()
    header = read_header(one)
    assert (header["classes"], header["input_shape"]) == (10, [1, 8, 8])
    assert header["source"] == "scikit-learn digits: 1,797 8x8 images"
    assert header["mean"] == pytest.approx([4.88], abs=0.02)  # of 0..16
    assert header["provenance"]["spec"] == {"dataset": "mine", "source": {"name": "digits"}, "modules": [*DIGITS]}
    assert read_tensors(one)["train_images"].dtype == np.uint8


def test_a_data_set_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "mine.safetensors"
    run(monkeypatch, output, {"name": "stripes", "examples": 6})
    assert read_tensors(output)["test_images"].shape == (6, 1, 2, 2)
    assert read_header(output)["source"] == "stripes below data"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            {"name": "pictures"},
            "error: data set 'pictures' returned images, but it is registered as points: write kind=\"images\" there\n",
        ),
        (
            {"name": "numbers"},
            "error: data set 'numbers' returned list, not Splits, Text, Points, Environment or Graph\n",
        ),
        ({"name": "stripes", "examples": 0}, "error: stripes below data: the train split is empty\n"),
        (
            {"name": "faulty"},
            "error: data set 'faulty' failed in data_job_plugin.py, line 22: ValueError: a fault of the plugin\n",
        ),
        ({"name": "stripe"}, "error: unknown data set 'stripe'; did you mean 'stripes'? (known: "),
    ],
)
def test_an_error_of_the_user_is_one_line_and_leaves_no_file(
    source: dict[str, object],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, tmp_path / "results" / "mine.safetensors", source)
    assert stopped.value.code == 1
    message = capsys.readouterr().err
    assert message.startswith(line) and message.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_naming_the_data_sets_imports_no_heavy_library() -> None:
    code = (
        "import sys, lth_core.data; print([m for m in ('torch', 'torchvision', 'sklearn', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
