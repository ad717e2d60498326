"""Benchmarks: every part can be run by name, and the document holds what was measured. Nothing is timed here."""

from __future__ import annotations

import importlib
import inspect
import re
import statistics
from pathlib import Path

import pytest

from benchmarks import __main__ as runner
from benchmarks.jobs import small
from benchmarks.memory import JOBS, plan_of
from benchmarks.plan import GRIDS, grid
from benchmarks.rows import Row, in_new_process, number, table
from lth_core.config import Config
from lth_core.planning.configfile import ConfigError, load

ROOT = Path(__file__).resolve().parents[2]
HELPERS = {"__main__", "rows", "project", "seeds", "test_examples", "warm_starts"}


def sections() -> dict[str, str]:
    """The document's part about each benchmark."""
    text = (ROOT / "docs/benchmarks.md").read_text()
    return {
        name: text.partition(runner.begin(name))[2].partition(runner.end(name))[0]
        for name in re.findall(r"<!-- (\w+): begin -->", text)
    }


def test_every_module_is_a_benchmark_that_the_runner_knows() -> None:
    assert {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - HELPERS == set(runner.NAMES)


@pytest.mark.parametrize("name", runner.NAMES)
def test_a_benchmark_measures_rows_and_says_what_they_are(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    assert set(inspect.signature(module.measure).parameters) == {"root", "repetitions"}
    title, meaning, *_ = module.__doc__.split("\n\n")
    assert title.endswith(".") and len(meaning) > 100
    assert f"python -m benchmarks {name} [" in module.__doc__


@pytest.mark.parametrize("name", runner.NAMES)
def test_the_document_has_the_results_of_every_benchmark(name: str) -> None:
    assert list(sections()) == [*runner.NAMES, "gpu"]
    _, *processors = sections()[name].split("\n\n### ")
    assert processors
    for results in processors:
        processor, *lines = results.splitlines()
        values = [line for line in lines if line.startswith("| ") and " ---" not in line][1:]
        assert len(values) > 3 and all(re.search(r"\| [\d.,]+( s| MB| points|%)? \|", line) for line in values)
        ran_on = rf"`python -m benchmarks {name}`, \d{{4}}-\d\d-\d\d: {re.escape(processor)} .*cores.*Python.*PyTorch"
        assert any(re.match(ran_on, line) for line in lines)


def test_the_section_of_the_gpu_has_the_table_of_a_card_or_says_that_there_is_none() -> None:
    text, *cards = sections()["gpu"].split("\n\n### ")
    assert text.strip().startswith(runner.head("gpu"))
    assert cards or text.strip().endswith("\n\nNo run on a GPU has been made yet.")
    for card in cards:
        assert re.search(rf"^`make gpu`, \d{{4}}-\d\d-\d\d: {re.escape(card.splitlines()[0])} .*PyTorch", card, re.M)


def test_the_first_table_takes_the_place_of_the_words_that_there_is_none() -> None:
    words = "\n\n".join(["Words.", runner.begin("gpu"), runner.head("gpu"), "No run yet.", runner.end("gpu"), ""])
    document = runner.replaced(words, "gpu", "A Card", "| 1 |")
    assert "No run yet" not in document and f"{runner.head('gpu')}\n\n### A Card\n\n| 1 |" in document


def test_the_document_has_the_targets() -> None:
    text = "\n".join(sections().values())
    for target in (
        "at least 8",
        "at most 1.3",
        "at least 1.8",
        "at most 35%",
        "at least 2.5",
        "at least 3",
        "at least 2",
    ):
        assert re.search(rf"\| {re.escape(target)}: (met|missed) \|", text), target


STEP = "masked dense / kept weights alone"
OF_AIMS = {
    "dense LeNet, batch 128": ["linear_step: ordinary loop / dense step, batch 128"],
    "LeNet with 5%": [f"linear_step: step, batch 60, density 0.05: {STEP}"],
    "a dense step of LeNet": [
        "linear_step: dense step, batch 128 / its matrix products alone (the faster of torch.mm and oneDNN)"
    ],
    "ResNet-20 with 5% and 10%": [
        f"sparse_conv_step: ResNet-20, batch 128, {share} of the weights: a step" for share in ("5%", "10%")
    ],
    "Conv-2 with 5%": [
        "sparse_conv_step: Conv-2, batch 60, 5% of the weights: a step",
        "sparse_conv_step: VGG-16, batch 64, 3% of the weights: a step",
    ],
    "ResNet-20 with half": ["channels: ResNet-20, batch 128, 50% of the channels / dense"],
    "12 levels of ResNet-20": [
        f"conv_chain: 12 levels that prune {share} each: the chain / masked dense" for share in ("20%", "36%")
    ],
}
"""Beginning of an aim -> the benchmarks and measures that it is about."""


def measured(benchmark: str, processor: str) -> dict[str, tuple[float, str]]:
    """Measure -> median on one processor, and whether the target was met."""
    results = sections()[benchmark].partition(f"\n\n### {processor}")[2].partition("\n\n### ")[0]
    rows = re.findall(r"^\| (.+?) \| ([\d.]+) \| .* \| (.*) \|$", results, re.MULTILINE)
    return {measure: (float(median), verdict.rpartition(" ")[2]) for measure, median, verdict in rows}


@pytest.mark.parametrize("aim", OF_AIMS)
def test_the_table_of_aims_has_the_medians_and_verdicts_of_the_last_runs(aim: str) -> None:
    table_of_aims = (ROOT / "docs/benchmarks.md").read_text().partition("## Aims")[2].partition("\n\n## ")[0]
    ((*results, verdict),) = re.findall(rf"^\| {aim}.*? \| (.*?) \| (.*?) \| (\w+) \|$", table_of_aims, re.MULTILINE)
    met = set()
    for processor, result in zip(("AMD EPYC", "Intel"), results, strict=True):
        named = [measure.split(": ", 1) for measure in OF_AIMS[aim]]
        rows = [row for benchmark, measure in named if (row := measured(benchmark, processor).get(measure))]
        said = re.findall(r"\d+\.\d+", result)
        digits = [len(text.partition(".")[2]) for text in said]
        assert said == [f"{median:.{count}f}" for count, (median, _) in zip(digits, rows, strict=True)]
        met |= {verdict for _, verdict in rows}
    assert verdict == ("met" if met == {"met"} else "missed")


def test_a_row_compares_its_median_with_its_target() -> None:
    values = [7.0, 9.0, 7.9]
    slow = Row("speed", values, at_least=8)
    assert slow.median == statistics.median(values) == 7.9
    assert slow.columns() == ["speed", "7.90", "7.00 to 9.00", "at least 8: missed"]
    assert Row("speed", values, at_least=7.9).columns()[3] == "at least 7.9: met"
    assert Row("share", [36.0], "%", at_most=35).columns() == ["share", "36.0%", "", "at most 35%: missed"]
    assert Row("memory", [1234.5], "MB").columns() == ["memory", "1,234 MB", "", ""]
    assert list(table([slow]))[2] == "| speed | 7.90 | 7.00 to 9.00 | at least 8: missed |"
    assert [number(value) for value in (0.123, 12.34, 1234.5)] == ["0.12", "12.3", "1,234"]


def test_new_results_take_the_place_of_old_ones_of_the_same_processor() -> None:
    def text(name: str, *results: str) -> str:
        return "\n\n".join([runner.begin(name), runner.head(name), *results, runner.end(name)])

    document = "Words.\n"
    for name, on, result in (
        ("plan", "slow", "| 1 |"),
        ("jobs", "slow", r"| 2\1 |"),
        ("plan", "fast", "| 3 |\n\nAn hour."),
        ("plan", "slow", "| 4 |"),
        ("plan", "fast", "| 5 |\n\nA minute."),
    ):
        document = runner.replaced(document, name, on, result)
    plan = text("plan", "### slow\n\n| 4 |", "### fast\n\n| 5 |\n\nA minute.")
    jobs = text("jobs", "### slow\n\n| 2\\1 |")
    assert document == f"Words.\n\n{plan}\n\n{jobs}\n"


def test_the_machine_is_described_without_its_name() -> None:
    import platform

    assert platform.python_version() in runner.machine()
    assert not platform.node() or platform.node() not in runner.machine().split()


def test_a_new_process_returns_its_result_and_keeps_its_changes() -> None:
    changed: list[int] = []

    def work() -> float:
        changed.append(1)
        return 1.5

    assert in_new_process(work) == 1.5 and changed == []
    with pytest.raises(RuntimeError, match="the process failed"):
        in_new_process(lambda: 1 // 0)


@pytest.mark.parametrize("config", [small(), *(grid(*runs) for runs in GRIDS)])
def test_configs_of_benchmarks_are_valid(config: dict, tmp_path: Path) -> None:
    import yaml

    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    try:
        assert isinstance(load([path], {}).config, Config)
    except ConfigError as error:
        pytest.fail(str(error))


def test_memory_is_that_of_the_trainings_that_it_names() -> None:
    for job in JOBS:
        task = plan_of(job).config.tasks["job"]
        assert task.model.name == job.model and task.train.batch_size == job.batch
        assert task.cohorts == [f"0-{job.replicates - 1}"]
