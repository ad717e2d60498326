"""What the GPU benchmark measures, at tiny sizes on a CPU."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
import torch

from benchmarks.gpu import speed
from benchmarks.gpu.busy import UNKNOWN, Busy
from benchmarks.gpu.contests import CONTESTS, Contest, Shape, random_splits
from benchmarks.gpu.ordinary import OrdinaryLoop, cropped_and_flipped, from_device, from_memory
from benchmarks.gpu.speed import Cohort, RandomData, Scale, rates, steps
from benchmarks.rows import Row

CPU = torch.device("cpu")
TINY = Scale(pilot=2, seconds=0.0, repetitions=2, busy_seconds=0.0)
SMALL = Shape("something small", (3, 8, 8), (40, 10, 10))


def small(contest: Contest) -> Contest:
    return replace(contest, shape=SMALL, batch_size=4)


ON_THE_GPU = "ordinary loop, its data on the GPU"
SMALL_CONTESTS = [small(contest) for contest in CONTESTS]
LENET, CONV, RESNET = SMALL_CONTESTS


def test_every_network_is_compared_with_both_ordinary_loops_at_every_precision() -> None:
    outcomes = {name: list(measure()) for name, measure in steps("data", "cpu", SMALL_CONTESTS, TINY).items()}
    assert list(outcomes) == [
        "LeNet, float32",
        *(f"{name}, {precision}" for name in ("Conv-2", "ResNet-20") for precision in ("float32", "bf16")),
    ]
    for title, (remark, *rows) in outcomes.items():
        assert remark == UNKNOWN  # there is no GPU
        cohorts = ["1 replicate", "5 replicates", *(["20 replicates"] if title.startswith("LeNet") else [])]
        names = [f"{title}: ordinary loop", f"{title}: {ON_THE_GPU}"]
        for cohort in cohorts:
            names += [f"{title}: {cohort}"]
            names += [f"{title}: {loop} / {cohort}, per replicate" for loop in ("ordinary loop", ON_THE_GPU)]
        assert [row.name for row in rows] == names
        assert all(len(row.values) == 2 and row.median > 0 for row in rows)
        assert {row.name: row.at_least for row in rows if row.at_least} == (
            {f"{title}: ordinary loop / 5 replicates, per replicate": 10} if title.startswith("ResNet") else {}
        )


def test_a_ratio_counts_the_steps_of_all_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = {"loops": [[10.0, 20.0], [30.0, 40.0], [5.0, 8.0], [4.0, 6.0]]}
    monkeypatch.setattr(speed, "rates", lambda loops, scale: fixed["loops"])
    rows = {row.name: row for row in speed.compare(CONV, "float32", RandomData(CPU)(SMALL), CPU, None, TINY)}
    title, name = "Conv-2, float32", "Conv-2, float32: 5 replicates"
    assert rows[name] == Row(name, [4.0, 6.0], "steps/s")
    assert rows[f"{title}: ordinary loop / 5 replicates, per replicate"].values == [5 * 4 / 10, 5 * 6 / 20]
    assert rows[f"{title}: {ON_THE_GPU} / 5 replicates, per replicate"].values == [5 * 4 / 30, 5 * 6 / 40]


class Sleeping:
    """A loop whose steps take some milliseconds."""

    replicates = 1

    def __init__(self, milliseconds: float, calls: list[tuple[float, int]]):
        self.milliseconds, self.calls = milliseconds, calls

    def seconds(self, steps: int) -> float:
        self.calls.append((self.milliseconds, steps))
        return steps * self.milliseconds / 1000


def test_loops_take_turns_and_each_is_timed_for_about_as_long() -> None:
    calls: list[tuple[float, int]] = []
    measured = rates([Sleeping(1, calls), Sleeping(4, calls)], Scale(pilot=5, seconds=0.2, repetitions=2))
    assert calls == [(1, 5), (4, 5), *[(1, 200), (4, 50)] * 2]
    assert [[round(rate) for rate in of_loop] for of_loop in measured] == [[1000, 1000], [250, 250]]


# ---------------------------------------------------------------- the loops


def batches_of(contest: Contest, batches: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    images = torch.arange(40.0).view(40, 1, 1, 1).expand(40, 3, 8, 8).clone()
    return batches(contest, images, torch.arange(40), CPU)


@pytest.mark.parametrize("batches", [from_memory, from_device])
def test_ordinary_batches_go_through_all_examples_in_every_epoch_in_new_orders(batches: Any) -> None:
    epochs = [list(islice(loader, 10)) for loader in [batches_of(CONV, batches)] for _ in range(2)]
    orders = [torch.cat([labels for _, labels in epoch]).tolist() for epoch in epochs]
    assert sorted(orders[0]) == sorted(orders[1]) == [*range(40)] and orders[0] != orders[1]
    for inputs, labels in epochs[0]:
        assert inputs.shape == (4, 3, 8, 8) and torch.equal(inputs[:, 0, 0, 0].long(), labels)


@pytest.mark.parametrize("batches", [from_memory, from_device])
def test_where_the_recipe_augments_the_ordinary_loops_do(batches: Any) -> None:
    inputs, labels = next(batches_of(replace(RESNET, batch_size=40), batches))
    padded = (inputs == 0).flatten(1).any(dim=1)
    assert padded[labels > 0].float().mean() > 0.5
    assert torch.equal(inputs.flatten(1).amax(dim=1).long(), labels)


def test_images_are_cropped_each_at_random_and_half_of_them_flipped() -> None:
    torch.manual_seed(0)
    image = torch.arange(1.0, 65).view(1, 1, 8, 8)
    crops = cropped_and_flipped(image.expand(400, 1, 8, 8))
    inside = crops[(crops > 0).flatten(1).all(dim=1)]  # the crop in the middle, as it is or flipped
    assert 0 < len(inside) < 40
    assert all(torch.equal(crop, image[0]) or torch.equal(crop, image[0].flip(-1)) for crop in inside)
    flipped = ((crops[..., 1:] - crops[..., :-1]).flatten(1) == -1).any(dim=1).float().mean()
    assert 0.4 < flipped < 0.6


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("contest", SMALL_CONTESTS)
def test_the_ordinary_loop_trains(contest: Contest, bf16: bool) -> None:
    torch.manual_seed(0)
    images, labels = torch.randn(8, 3, 8, 8), torch.arange(8)
    loop = OrdinaryLoop(contest, images, labels, CPU, batches=from_device, bf16=bf16)
    before = [parameter.clone() for parameter in loop.module.parameters()]
    assert loop.seconds(3) > 0
    assert all(not torch.equal(old, new) for old, new in zip(before, loop.module.parameters(), strict=True))


def test_the_ordinary_loop_has_the_usual_settings_and_leaves_those_of_jobs() -> None:
    seen = []
    flags = torch.backends.cudnn
    before = flags.benchmark, flags.deterministic, flags.allow_tf32

    def batches(*arguments: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            seen.append((flags.benchmark, flags.deterministic, flags.allow_tf32))
            yield torch.randn(2, 3, 8, 8), torch.zeros(2, dtype=torch.int64)

    OrdinaryLoop(LENET, torch.zeros(1), torch.zeros(1), CPU, batches=batches, bf16=False).seconds(1)
    assert set(seen) == {(True, False, True)}
    assert (flags.benchmark, flags.deterministic, flags.allow_tf32) == before


@pytest.mark.parametrize("contest", SMALL_CONTESTS)
def test_a_cohort_goes_on_from_where_it_is(contest: Contest) -> None:
    cohort = Cohort(contest, RandomData(CPU)(SMALL), "float32", 2, CPU)
    assert cohort.seconds(3) > 0
    first = cohort.state.step
    assert cohort.seconds(4) > 0
    assert (first, cohort.state.step) == (speed.WARM_UP + 3, 2 * speed.WARM_UP + 7)


# ---------------------------------------------------------------- how busy the GPU is


def test_a_gpu_is_watched_while_a_loop_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.gpu.busy.INTERVAL", 0.01)
    readings = iter([0.0, *[40.0, 60.0] * 1000])

    class Long(Sleeping):
        def seconds(self, steps: int) -> float:
            time.sleep(0.3)
            return super().seconds(steps)

    (row,) = speed.busy("a loop, GPU busy", Long(1, []), 5, lambda: next(readings))
    assert row.unit == "%" and 45 < row.values[0] < 55  # not what was before
    with Busy(lambda: 1.0) as watched:
        pass
    assert watched.percent is None
    assert not list(speed.busy("a loop, GPU busy", Sleeping(1, []), 5, lambda: 1.0))


def test_nvidia_smi_is_asked_where_torch_cannot_say(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.gpu import busy

    def missing() -> int:
        raise ModuleNotFoundError("nvidia-ml-py does not seem to be installed")

    monkeypatch.setattr(torch.cuda, "utilization", missing)
    monkeypatch.setattr(busy.shutil, "which", lambda name: None)
    assert busy.reading() is None
    monkeypatch.setattr(busy.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: type("Gpu", (), {"uuid": "1-2"}))
    asked = []

    def run(command: list[str], **options: Any) -> Any:
        asked.append(command)
        return type("Done", (), {"stdout": " 73\n"})

    monkeypatch.setattr(busy.subprocess, "run", run)
    read = busy.reading()
    assert read and read() == 73.0 and asked[0][-1] == "GPU-1-2"
    monkeypatch.setattr(torch.cuda, "utilization", lambda: 12)
    assert busy.reading()() == 12


def test_random_images_have_the_shape_that_is_asked_for() -> None:
    splits = random_splits(SMALL)
    assert splits.train.images.shape == (40, 3, 8, 8) and splits.test.labels.max() < 10
    assert splits.source == "random images of something small's shape"
