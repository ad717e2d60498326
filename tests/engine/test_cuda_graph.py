"""Steps recorded as a CUDA graph: here it is played, by a function that does the work again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lth_core.data.reading import open_data
from lth_core.engine.cohort import Cohort
from lth_core.engine.cuda_graph import EAGER_STEPS, GraphedStep, record
from lth_core.engine.module_network import ModuleNetwork
from lth_core.tasks.opening import build_task
from lth_core.training.loop import step
from lth_core.training.optimizers import Optimizer
from lth_core.training.state import FrozenWeights, TrainingState, start_state
from tests.engine.test_precision import SGD, Residual, plain
from tests.support.small_trainings import SEEDS, dense, initial, linear, sparse_mask

CPU = torch.device("cpu")
ADAM = {"name": "adam", "learning_rate": 0.01}
STACKED = [dense, linear, plain, Residual]


def do(work: Callable[[], None]) -> None:
    work()


@dataclass(frozen=True)
class Numbers:
    values: torch.Tensor


class Diary:
    """A step that sums the batch's values times the rate, and notes where it read them."""

    def __init__(self) -> None:
        self.total = torch.zeros(2)
        self.addresses: list[tuple[int, int]] = []

    def __call__(self, batch: Numbers, rate: torch.Tensor) -> None:
        self.total += batch.values.sum() * rate
        self.addresses.append((batch.values.data_ptr(), rate.data_ptr()))


class Recorder:
    """Notes after how many steps it was asked to record, and which steps were done aside."""

    def __init__(self, diary: Diary):
        self.diary = diary
        self.recordings: list[int] = []
        self.aside_steps: list[int] = []

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        self.recordings.append(len(self.diary.addresses))
        return work

    def refuse(self, work: Callable[[], None]) -> Callable[[], None]:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    def aside(self, work: Callable[[], None]) -> None:
        self.aside_steps.append(len(self.diary.addresses))
        work()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(Diary())


def test_every_call_is_one_step_on_its_batch_and_rate_read_from_the_same_places(recorder: Recorder) -> None:
    step = GraphedStep(recorder.diary, CPU, record=recorder.record, aside=recorder.aside)
    for number in range(1, 8):
        step(Numbers(torch.tensor([number, 1.0])), 0.5 * number)
    assert recorder.recordings == [EAGER_STEPS] and recorder.aside_steps == [*range(EAGER_STEPS)]
    assert recorder.diary.total.tolist() == [sum(0.5 * n * (n + 1) for n in range(1, 8))] * 2
    assert len(set(recorder.diary.addresses)) == 1 and len(recorder.diary.addresses) == step.steps == 7


def test_batches_keep_their_layout() -> None:
    seen = []
    step = GraphedStep(lambda batch, rate: seen.append(batch.values.stride()), CPU, record=do, aside=do)
    step(Numbers(torch.zeros(2, 4, 4, 3).movedim(-1, -3)), 1.0)
    assert seen == [(48, 1, 12, 3)]


def test_a_batch_of_other_shapes_is_recorded_anew_and_not_repeated_to_fit(recorder: Recorder) -> None:
    """One example would be copied into the places of two."""
    step = GraphedStep(recorder.diary, CPU, record=recorder.record, aside=recorder.aside)
    for size in (2, 2, 2, 2, 2, 1, 1, 1, 1, 1):
        step(Numbers(torch.ones(size)), 1.0)
    assert recorder.recordings == [EAGER_STEPS, 5 + EAGER_STEPS]
    assert recorder.diary.total.tolist() == [15, 15]
    assert len(set(recorder.diary.addresses[:5])) == len(set(recorder.diary.addresses[5:])) == 1


def test_where_recording_fails_steps_go_on_without_on_the_usual_stream(
    recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    step = GraphedStep(recorder.diary, CPU, record=recorder.refuse, aside=recorder.aside)
    for _ in range(6):
        step(Numbers(torch.ones(1)), 1.0)
    assert recorder.diary.total.tolist() == [6, 6]
    assert recorder.aside_steps == [*range(EAGER_STEPS)]
    expected = "steps are not recorded as a CUDA graph: operation not permitted when stream is capturing\n"
    assert capsys.readouterr().out == expected


# ---------------------------------------------------------------- torch's part, played


class Recording:
    """torch.cuda.graph: sets its own stream, and where the work failed, fails at its end and leaves this stream set."""

    stream = "usual"
    modes: list[str]

    def __init__(self, graph: Any, capture_error_mode: str = "global"):
        self.modes.append(capture_error_mode)

    def __enter__(self) -> None:
        Recording.stream = "recording"

    def __exit__(self, kind: Any, *others: Any) -> None:
        if kind:
            raise RuntimeError("operation failed due to a previous error during capture")
        Recording.stream = "usual"


@contextmanager
def on_stream(stream: str) -> Iterator[None]:
    before, Recording.stream = Recording.stream, stream
    try:
        yield
    finally:
        Recording.stream = before


@pytest.fixture
def torch_records(monkeypatch: pytest.MonkeyPatch) -> type[Recording]:
    Recording.modes = []
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: type("Graph", (), {"replay": "replays"}))
    monkeypatch.setattr(torch.cuda, "graph", Recording)
    monkeypatch.setattr(torch.cuda, "stream", on_stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: Recording.stream)
    return Recording


def test_after_a_recording_that_fails_work_goes_on_on_the_stream_of_before(
    torch_records: type[Recording], recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    def function(batch: Numbers, rate: torch.Tensor) -> None:
        if torch_records.stream == "recording":
            raise RuntimeError("the work waits for the GPU")
        recorder.diary(batch, rate)

    step = GraphedStep(function, CPU, aside=do)
    for _ in range(6):
        step(Numbers(torch.ones(1)), 1.0)
    assert torch_records.stream == "usual" and recorder.diary.total.tolist() == [6, 6]
    assert capsys.readouterr().out == "steps are not recorded as a CUDA graph: the work waits for the GPU\n"


def test_what_other_threads_do_meanwhile_does_not_end_the_recording(torch_records: type[Recording]) -> None:
    """A DataLoader's thread reserves memory for batches."""
    assert record(lambda: None) == "replays"
    assert torch_records.modes == ["thread_local"] and torch_records.stream == "usual"


# ---------------------------------------------------------------- what a graph cannot hold

WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "repeat_interleave", "by a mask"}
"""Operations whose result, or the shape of it, the processor needs to know: it would wait for the GPU."""


class Operations(TorchDispatchMode):
    """Notes the operations that torch is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.overloads: set[str] = set()
        self.norm_inputs: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        self.overloads.add(str(func))
        if "index" in func.overloadpacket.__name__ and isinstance(args[1], list | tuple):
            self.names |= {"by a mask" for index in args[1] if index is not None and index.dtype == torch.bool}
        if func.overloadpacket.__name__ == "native_batch_norm":
            self.norm_inputs.add(args[0].dtype)
        return func(*args, **(kwargs or {}))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr("lth_core.engine.cohort.all_at_once", lambda device: True)
    return monkeypatch


def operations_of_a_step(task: Any, network: Any) -> Operations:
    """What a step on a graph's batch and rate asks for."""
    weights = initial(network)
    mask = sparse_mask(weights, network)
    state = start_state(task, {name: value * mask.get(name, True) for name, value in weights.items()}, mask)
    assert state.cohort.together and state.frozen
    (batch,) = task.minibatches(SEEDS, 0, 0, 1)
    with torch.no_grad(), Operations() as seen:
        step(state, batch, torch.tensor(0.01), [])
    return seen


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize(
    "optimizer", [ADAM, {"name": "sgd", "learning_rate": 0.1}, {**SGD, "nesterov": True, "weight_decay": 0.01}]
)
@pytest.mark.parametrize("network", STACKED)
def test_no_operation_of_a_step_makes_the_processor_wait_and_the_rate_stays_a_tensor(
    make_task: Any, at_once: pytest.MonkeyPatch, network: Any, optimizer: dict, precision: str
) -> None:
    seen = operations_of_a_step(make_task(network(), optimizer, precision=precision), network)
    assert not seen.names & WAITING
    updates = {name for name in seen.overloads if "_fused_" in name}
    assert updates == {f"aten._fused_{optimizer['name']}_.tensor_lr"}


def test_an_operation_that_waits_would_be_seen() -> None:
    with Operations() as seen:
        if torch.ones(2).sum() > 1:
            torch.ones(2)[torch.tensor([True, False])]
    assert {"_local_scalar_dense", "by a mask"} <= seen.names


@pytest.mark.parametrize("optimizer", [ADAM, SGD])
@pytest.mark.parametrize("network", STACKED)
def test_all_that_a_step_computes_with_lies_on_the_tasks_device(
    data_file: Any, make_task: Any, monkeypatch: pytest.MonkeyPatch, network: Any, optimizer: dict
) -> None:
    """The device called meta has tensors without numbers; like a GPU, it computes with none of another device."""
    meta = torch.device("meta")
    monkeypatch.setattr(ModuleNetwork, "_autocast", lambda self: nullcontext())  # which does not know this device
    monkeypatch.setattr(torch, "_fused_adam_", lambda *tensors, lr, **settings: check_devices(lr, *tensors))
    monkeypatch.setattr(
        "lth_core.training.optimizers.sgd", lambda *tensors, lr, **settings: check_devices(lr, *tensors)
    )
    recipe = make_task(network(), optimizer, augment="crop-flip").recipe
    task = build_task(network(), open_data(data_file, meta), recipe, meta)
    weights = initial(network)
    tensors = {name: torch.from_numpy(value).to(meta) for name, value in weights.items()}
    cohort = Cohort(task, tensors, together=True)  # there are no numbers by which to find out
    assert cohort.together
    update = Optimizer(recipe.optimizer, cohort.trained, may_be_missing=cohort.linear is None)
    frozen = {name: FrozenWeights(torch.ones_like(tensors[name]), None) for name in sparse_mask(weights, network)}
    (batch,) = task.minibatches(SEEDS, 0, 0, 1)
    with torch.no_grad():
        step(TrainingState(cohort, update, frozen, 0, 0), batch, torch.zeros((), device=meta), [])
        measured = cohort.evaluated(next(task.evaluation_batches("test")))
    assert {value.device for value in measured.values()} == {meta}


def check_devices(*tensors: Any) -> None:
    """Of tensors and of lists of them."""
    flat = [tensor for value in tensors for tensor in (value if isinstance(value, list) else [value])]
    assert {tensor.device.type for tensor in flat if tensor is not None} == {"meta"}


def test_in_bf16_stacked_norms_compute_in_float32(make_task: Any, at_once: pytest.MonkeyPatch) -> None:
    """torch's norms refuse what vmap makes of inputs in bfloat16, such as convolutions on a GPU give."""

    class InBfloat16(Residual):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            hidden = self.first(images)
            return self.output(self.norms[0](hidden.bfloat16() if self.training else hidden).mean(dim=(2, 3)))

    seen = operations_of_a_step(make_task(InBfloat16(), SGD, precision="bf16"), InBfloat16)
    assert seen.norm_inputs == {torch.float32}
