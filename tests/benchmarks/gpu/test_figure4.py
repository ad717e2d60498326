"""Fig. 4 in the GPU benchmark, at a tiny size on a CPU: its trainings, and what the paper's scale would take."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu import figure4, pipeline
from benchmarks.gpu.contests import Shape, random_splits
from benchmarks.gpu.figure4 import Cost, Figure, Paper
from lth_core.data.reading import ImageData, open_data
from lth_core.planning.configfile import load
from lth_core.storage.tensors import write_tensors

CPU = torch.device("cpu")
SMALL = Shape("something small", (1, 6, 6), (200, 30, 30))


@pytest.fixture
def images(tmp_path: Path) -> ImageData:
    path, splits = tmp_path / "small.safetensors", random_splits(SMALL)
    write_tensors(path, splits.tensors(), splits.facts())
    return open_data(path)


@pytest.fixture
def small() -> Paper:
    """Two levels."""
    paper = Paper.read()
    method = paper.method.model_copy(update={"levels": 2})
    return Paper(paper.task, method, paper.draws, paper.seeds, Counter({5: 5, 15: 4}))


def test_the_figure_takes_101_trainings() -> None:
    """A dense network; 25 levels of tickets, reinitialized tickets, and both for one-shot pruning."""
    paper = Paper.read()
    assert paper.trainings == {5: 1 + 25 + 25, 15: 25 + 25}
    assert (paper.task.train.steps, paper.task.train.evaluate_every, paper.draws) == (50_000, 100, 3)


def test_all_trainings_of_the_figure_are_done(images: ImageData, small: Paper, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[tuple[int, int, tuple[int, ...]]] = []
    usual = Figure.train

    def train(figure: Figure, weights: Any, mask: Any, seeds: list[int]) -> Any:
        kept = [int(sum(part[r].sum() for part in mask.values())) for r in range(len(seeds))] if mask else []
        first = weights["2.weight"] if "2.weight" in weights else next(iter(weights.values()))
        trained.append((len(seeds), len({value.tobytes() for value in first}), tuple(sorted(set(kept)))))
        return usual(figure, weights, mask, seeds)

    monkeypatch.setattr(Figure, "train", train)
    figure = Figure(small, images, CPU, iterations=20)
    assert list(figure.run()) == [1, 2]
    assert [replicates for replicates, _, _ in trained] == [5, *[5, 15, 5, 15] * 2]
    assert [distinct for _, distinct, _ in trained] == [5, *[5, 15, 5, 15] * 2]
    sizes = [kept for _, _, kept in trained]
    total = 36 * 300 + 300 * 100 + 100 * 10
    first = round(0.8 * 36 * 300) + round(0.8 * 300 * 100) + round(0.9 * 100 * 10)
    assert sizes[0] == () and sizes[1] == sizes[2] == sizes[3] == sizes[4] == (first,)
    assert sizes[5] == sizes[6] and 0.62 * total < sizes[5][0] < 0.66 * total
    assert sizes[7] == sizes[8] and 0.62 * total < sizes[7][0] < 0.66 * total


def test_its_rows_say_what_the_papers_scale_would_take(images: ImageData, small: Paper) -> None:
    figure = Figure(small, images, CPU, iterations=20)
    for _ in figure.run():
        rows = {row.name: row for row in figure.rows()}
    names = ["a training", "all 9 trainings"]
    for replicates in (5, 15):
        names += [
            f"{replicates} replicates: {what}" for what in ("iterations", "an evaluation", "the rest of a training")
        ]
    assert [name.removeprefix("Fig. 4, ").removeprefix("20 iterations: ") for name in rows][:-1] == names
    last = rows["Fig. 4, 50,000 iterations, one training after the other"]
    assert (last.unit, last.at_most) == ("min", 10) and last.values == [figure.minutes()]
    assert len(rows["Fig. 4, 20 iterations: a training"].values) == 9
    assert rows["Fig. 4, 20 iterations: all 9 trainings"].median == pytest.approx(sum(figure.seconds))


def test_what_the_papers_scale_takes_is_the_sum_over_its_trainings(images: ImageData, small: Paper) -> None:
    figure = Figure(small, images, CPU, iterations=20)
    figure.costs = {5: [Cost(1e-4, 0.01, 0.5), Cost(3e-4, 0.01, 0.5), Cost(2e-4, 0.01, 0.5)], 15: [Cost(1e-3, 0.02, 1)]}
    of_five, of_fifteen = 0.5 + 50_000 * 2e-4 + 501 * 0.01, 1 + 50_000 * 1e-3 + 501 * 0.02
    assert figure.minutes() == pytest.approx((5 * of_five + 4 * of_fifteen) / 60)


def test_the_parts_of_a_training_add_up_to_its_seconds(
    images: ImageData, small: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "perf_counter", time.process_time)  # that other processes run between parts is no part
    figure = Figure(small, images, CPU, iterations=40)
    next(figure.run())
    every = figure.task.recipe.evaluate_every
    costs = [cost for of_size in (5, 15) for cost in figure.costs[of_size]]
    assert sum(cost.at(40, every) for cost in costs) == pytest.approx(sum(figure.seconds), rel=0.02)
    assert all(cost.iteration > 0 and cost.evaluation > 0 for cost in costs)


def test_rows_come_after_the_first_level_and_images_are_random_where_there_is_no_mnist(
    tmp_path: Path, small: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figure4, "MNIST", SMALL)
    remark, *rows = figure4.trainings(str(tmp_path), CPU, small, iterations=15)
    assert remark == "Fig. 4 was trained on random images of something small's shape."
    assert [row.name for row in rows].count("Fig. 4, 15 iterations: a training") == 2
    assert [row.name for row in rows].count("Fig. 4, 15 iterations: all 9 trainings") == 1


def test_mnist_is_read_where_there_is_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(figure4, "prepare_data", lambda *arguments: read.append(arguments))
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    figure4.digits(str(tmp_path), tmp_path / "data")
    assert read == [("mnist", {"source": {"name": "mnist"}}, str(tmp_path), str(tmp_path / "data"))]


# ---------------------------------------------------------------- by the pipeline


@pytest.mark.parametrize("has_mnist", [False, True])
def test_the_pipelines_config_is_that_of_the_paper_with_little_of_it(tmp_path: Path, has_mnist: bool) -> None:
    import yaml

    if has_mnist:
        (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    settings = pipeline.config(str(tmp_path), "cpu", levels=2, iterations=30)
    settings["plugins"] = []  # which lies in the copy of the project
    settings["tasks"]["mnist-lenet-50k"]["dataset"] = "mnist"
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    config = load([path], {}).config
    assert config.device == "cpu" and Path(config.data_root) == tmp_path
    assert config.methods["imp"].levels == 2 and config.tasks["mnist-lenet-50k"].train.steps == 30


def test_the_pipeline_makes_the_figure(tmp_path: Path) -> None:
    (row,) = pipeline.by_the_pipeline(str(tmp_path), CPU, levels=1, iterations=4, shape=SMALL)
    assert row.name == "Fig. 4 by the pipeline: 1 levels, 5 trainings of 4 iterations" and row.unit == "s"


def test_a_pipeline_that_fails_says_why_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="batch_size") as raised:
        list(
            pipeline.by_the_pipeline(
                str(tmp_path), CPU, levels=1, iterations=4, shape=Shape("few", (1, 6, 6), (9, 5, 5))
            )
        )
    assert len(str(raised.value).splitlines()) == 1 and raised.value.__cause__ is None


def test_without_snakemake_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "find_spec", lambda name: None)
    assert list(pipeline.by_the_pipeline(str(tmp_path), CPU)) == [pipeline.MISSING]


def test_trainings_on_another_device_are_not_taken_for_those_of_the_gpu(tmp_path: Path) -> None:
    class Project:
        folder = tmp_path

    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "prune.log").write_text("")
    (logs / "dense.log").write_text("device cuda, 1 thread(s)\n")
    assert pipeline.trained_on(Project(), torch.device("cuda")) == 1
    (logs / "retrain.log").write_text("first\ndevice cpu, 1 thread(s)\n")
    with pytest.raises(RuntimeError, match=r"^1 of 2 trainings were not on device cuda$"):
        pipeline.trained_on(Project(), torch.device("cuda"))


def test_the_steps_are_the_trainings_and_the_pipeline() -> None:
    assert list(figure4.steps("data", "cpu")) == ["Fig. 4, one training after the other", "Fig. 4 by the pipeline"]
