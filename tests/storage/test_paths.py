"""Every artifact knows which one it is, wherever the results folder lies."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lth_core.config import NAME_PATTERN
from lth_core.storage import paths
from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import read_bytes, write_text
from lth_core.storage.paths import artifact_name, sum_file
from lth_core.storage.tensors import read_tensors, write_tensors
from tests.support.artifact_samples import TENSORS

PAIRS = [
    ("data/digits.safetensors", "data/mnist.safetensors"),
    ("mini/0-1/init.safetensors", "mini/2-3/init.safetensors"),
    ("mini/0-1/dense/trained.safetensors", "other/0-1/dense/trained.safetensors"),
    ("mini/0-1/imp/level_1/mask.safetensors", "mini/0-1/imp/level_2/mask.safetensors"),
    ("mini/0-1/imp/level_1/mask.safetensors", "mini/0-1/imp/level_1/reinit/mask.safetensors"),
    ("mini/0-1/dense/history.csv", "mini/0-1/dense/order-1/history.csv"),
    ("mini/0-1/imp/supermasks.csv", "mini/0-1/other/supermasks.csv"),
    ("tables/config/frankle2019/curves.csv", "tables/config/transfer/curves.csv"),
    ("tables/config/claims.csv", "tables/mnist/claims.csv"),
]


@pytest.mark.parametrize(("there", "elsewhere"), PAIRS)
def test_an_artifact_copied_over_another_is_not_used(tmp_path: Path, there: str, elsewhere: str) -> None:
    source, target, moved = (tmp_path / name for name in (f"results/{there}", f"results/{elsewhere}", f"new/{there}"))
    if source.suffix == ".csv":
        write_text(source, "seed\n")
        read = read_bytes
    else:
        write_tensors(source, TENSORS, {})
        read = read_tensors
    for copy in (target, moved):
        copy.parent.mkdir(parents=True, exist_ok=True)
        for path, end in ((source, copy), (sum_file(source), sum_file(copy))):
            if path.exists():
                shutil.copy(path, end)
    with pytest.raises(ArtifactError) as raised:
        read(target)
    assert str(raised.value).startswith(f"{target}: belongs elsewhere (it was made as {there}); make it again")
    read(moved)  # the same place below another results folder


def test_hidden_files_are_no_artifacts_until_they_are_renamed(tmp_path: Path) -> None:
    hidden = tmp_path / "results/mini/0-1/dense/.at_5.kept.safetensors"
    target, other = hidden.with_name("at_5.safetensors"), hidden.with_name("at_6.safetensors")
    write_tensors(hidden, TENSORS, {}, renamed_to=target)
    assert artifact_name(hidden) == ""
    read_tensors(hidden)
    shutil.copy(hidden, other)
    hidden.rename(target)
    read_tensors(target)
    with pytest.raises(ArtifactError, match="belongs elsewhere"):
        read_tensors(other)


@given(
    results=st.sampled_from(["results", "/data/0-1/tables", "dense/0-1/data", "tables", "a b/../c"]),
    names=st.tuples(*[st.from_regex(NAME_PATTERN, fullmatch=True)] * 3),
)
def test_names_do_not_depend_on_where_results_lie(results: str, names: tuple[str, str, str]) -> None:
    task, method, branch = names
    assume(task not in ("data", "tables") and method != "dense")
    assume(not any(re.fullmatch(r"\d+-\d+", name) for name in names))  # a config has no such names
    for path in (
        paths.data_file("", task),
        paths.initial_file("", task, "0-4"),
        paths.dense_folder("", task, "0-4", branch) + "/trained.safetensors",
        paths.level_folder("", task, "0-4", method, 12, branch) + "/history.csv",
        paths.supermasks_file("", task, "0-4", method),
        paths.collapse_file("", task, "0-4", method, 4),
        paths.saliency_file("", task, "0-4"),
        paths.subset_sums_file("", task, "0-4"),
        paths.construction_file("", task, "0-4"),
        *paths.evolution_files("", task, "0-4").values(),
        paths.table_file("", task, method, branch),
        paths.claims_file("", method),
        paths.effects_file("", method),
    ):
        assert artifact_name(results + path) == path.removeprefix("/")
