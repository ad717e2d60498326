"""What a network keeps in Python besides its tensors may change in training only if it decides nothing."""

from __future__ import annotations

import itertools
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lth_core.training.proof import ProofError
from tests.support.zoo import Written
from tests.training.test_proof import proved  # noqa: F401 (a fixture)

calls_of_all = 0


@pytest.fixture(autouse=True)
def nothing_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "calls_of_all", 0)
    monkeypatch.setattr(Meter, "of_all", 0)


Counter = tuple[Callable[[Any], None], Callable[[Any], Any]]
"""How a module counts its calls, and how many it has seen."""


def in_an_attribute(start: Any) -> Callable[[], tuple[dict[str, Any], Counter]]:
    def count(m: Any) -> None:
        m.calls = m.calls + 1

    return lambda: ({"calls": start}, (count, lambda m: m.calls))


def in_a_tensor() -> tuple[dict[str, Any], Counter]:
    holder = SimpleNamespace(calls=torch.zeros(()))
    return {"holder": holder}, (lambda m: holder.calls.add_(1), lambda m: holder.calls)


def in_an_array() -> tuple[dict[str, Any], Counter]:
    calls = np.zeros(1)

    def count(m: Any) -> None:
        m.array[0] += 1

    return {"array": calls}, (count, lambda m: m.array[0])


def in_a_dict() -> tuple[dict[str, Any], Counter]:
    def count(m: Any) -> None:
        m.state["calls"] += 1

    return {"state": {"calls": 0}}, (count, lambda m: m.state["calls"])


def by_the_length_of_a_list() -> tuple[dict[str, Any], Counter]:
    return {"seen": []}, (lambda m: m.seen.append(1), lambda m: len(m.seen))


def by_the_length_of_a_dict() -> tuple[dict[str, Any], Counter]:
    return {"seen": {}}, (lambda m: m.seen.update({len(m.seen): 1}), lambda m: len(m.seen))


def in_a_tuple() -> tuple[dict[str, Any], Counter]:
    def count(m: Any) -> None:
        m.state = (m.state[0] + 1, "calls")

    return {"state": (0, "calls")}, (count, lambda m: m.state[0])


class Meter:
    of_all = 0

    def __init__(self) -> None:
        self.calls = 0


def in_an_object() -> tuple[dict[str, Any], Counter]:
    def count(m: Any) -> None:
        m.meter.calls += 1

    return {"meter": Meter()}, (count, lambda m: m.meter.calls)


def in_a_class() -> tuple[dict[str, Any], Counter]:
    def count(m: Any) -> None:
        Meter.of_all += 1

    return {"meter": Meter()}, (count, lambda m: m.meter.of_all)


def in_a_closure() -> tuple[dict[str, Any], Counter]:
    calls = 0

    def count(m: Any) -> None:
        nonlocal calls
        calls += 1

    return {}, (count, lambda m: calls)


def in_a_global_variable() -> tuple[dict[str, Any], Counter]:
    def count(m: Any) -> None:
        global calls_of_all
        calls_of_all += 1

    return {}, (count, lambda m: calls_of_all)


COUNTERS: dict[str, Callable[[], tuple[dict[str, Any], Counter]]] = {
    "number": in_an_attribute(0),
    "NumPy number": in_an_attribute(np.int64(0)),
    "tensor": in_a_tensor,
    "array": in_an_array,
    "dict": in_a_dict,
    "length of a list": by_the_length_of_a_list,
    "length of a dict": by_the_length_of_a_dict,
    "tuple": in_a_tuple,
    "object": in_an_object,
    "class": in_a_class,
    "closure": in_a_closure,
    "global variable": in_a_global_variable,
}


def counting(make: Callable[[], tuple[dict[str, Any], Counter]], use: Callable[[Any, Any, Tensor], Tensor]) -> Any:
    def factory() -> nn.Module:
        kept, (count, seen) = make()

        def forward(m: Any, x: Tensor) -> Tensor:
            if m.training:
                count(m)
            return m.b(use(m, seen(m), m.a(x.flatten(1))))

        return Written(forward, a=nn.Linear(36, 8), norm=nn.BatchNorm1d(8), b=nn.Linear(8, 3), **kept)

    return factory


def another_activation(m: Any, calls: Any, x: Tensor) -> Tensor:
    return m.norm(x).tanh() if calls > 10 else m.norm(x).relu()


def gradual_unfreezing(m: Any, calls: Any, x: Tensor) -> Tensor:
    """The outputs are the same, the gradients are not."""
    return m.norm(x.detach() if calls < 10 else x).relu()


def momentum(m: Any, calls: Any, x: Tensor) -> Tensor:
    """Only the statistics of batch norm differ."""
    m.norm.momentum = 0.5 if calls < 10 else 0.01
    return m.norm(x).relu()


def every_hundredth(m: Any, calls: Any, x: Tensor) -> Tensor:
    return m.norm(x).relu() * (2 if calls % 100 == 0 and calls > 0 else 1)


def for_a_log(m: Any, calls: Any, x: Tensor) -> Tensor:
    return m.norm(x).relu()


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("use", [another_activation, gradual_unfreezing, momentum, every_hundredth])
def test_a_counter_that_decides_something_is_refused(proved: Any, counter: str, use: Any) -> None:  # noqa: F811
    with pytest.raises(ProofError, match=r"'.+' changes in training and decides what the network"):
        proved(counting(COUNTERS[counter], use))


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_counter_for_a_log_is_allowed(proved: Any, counter: str) -> None:  # noqa: F811
    assert proved(counting(COUNTERS[counter], for_a_log))["paths"][0] == "autograd"


@pytest.mark.parametrize(
    "counter, named", [("dict", "state['calls']"), ("length of a list", "len(seen)"), ("object", "meter.calls")]
)
def test_the_line_names_where_it_is_kept(proved: Any, counter: str, named: str) -> None:  # noqa: F811
    with pytest.raises(ProofError, match=re.escape(f"'{named}' changes")):
        proved(counting(COUNTERS[counter], another_activation))


def network(forward: Callable[[Any, Tensor], Tensor], **kept: Any) -> Callable[[], nn.Module]:
    def factory() -> nn.Module:
        copies = {name: make() for name, make in kept.items()}
        return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3), **copies)

    return factory


def caches_positions(m: Any, x: Tensor) -> Tensor:
    """As rotary and sinusoidal position codes are: made at the first call, and where the inputs have grown."""
    x = m.a(x.flatten(1))
    if m.length < x.shape[1]:
        m.length, m.codes = x.shape[1], torch.arange(x.shape[1]).sin()
    return m.b((x + m.codes[: x.shape[1]]).relu())


def shows_its_last_activations(m: Any, x: Tensor) -> Tensor:
    m.shown = [m.a(x.flatten(1)), str(x.sum())]
    return m.b(m.shown[0].relu())


def starts_at_the_first_batch(m: Any, x: Tensor) -> Tensor:
    """As data-dependent initialization without a buffer does."""
    x = m.a(x.flatten(1))
    if m.mean is None:
        m.mean = x.detach().mean(0)
    return m.b((x - 0.1 * m.mean).relu())


def draws_from_its_own_generator(m: Any, x: Tensor) -> Tensor:
    torch.rand(1, generator=m.generator)
    return m.b(m.a(x.flatten(1)).relu())


def freezes_in_forward(m: Any, x: Tensor) -> Tensor:
    m.a.requires_grad_(False)
    return m.b(m.a(x.flatten(1)).relu())


def counts_by_an_iterator(m: Any, x: Tensor) -> Tensor:
    return m.b(m.a(x.flatten(1)).relu() * (2 if next(m.counter) > 100 else 1))


NOTHING = lambda: None  # noqa: E731


@pytest.mark.parametrize(
    "factory",
    [
        network(caches_positions, length=lambda: 0, codes=NOTHING),
        network(shows_its_last_activations, shown=list),
    ],
)
def test_caches_that_hold_what_would_be_computed_anew_are_allowed(proved: Any, factory: Any) -> None:  # noqa: F811
    proved(factory)


@pytest.mark.parametrize(
    "factory, said",
    [
        (network(starts_at_the_first_batch, mean=NOTHING), "buffer"),
        (network(draws_from_its_own_generator, generator=torch.Generator), "'generator' .* torch's own generator"),
        (network(counts_by_an_iterator, counter=itertools.count), "'counter' .count. changes in training"),
        (network(freezes_in_forward), "'a.weight' is frozen or unfrozen by its forward"),
    ],
)
def test_what_a_later_job_cannot_have_is_refused(proved: Any, factory: Any, said: str) -> None:  # noqa: F811
    with pytest.raises(ProofError, match=said) as refused:
        proved(factory)
    assert "\n" not in str(refused.value)


def test_the_proof_leaves_no_trace_in_what_networks_share(proved: Any) -> None:  # noqa: F811
    Meter.of_all = 7
    proved(counting(COUNTERS["class"], for_a_log))
    assert Meter.of_all == 7


class Maker(OrderedDict[str, Any]):
    """Stores classes and gives out what they make, as the table of activations of `transformers` does."""

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(key)()


ACTIVATIONS = Maker(relu=nn.ReLU)


def takes_from_a_table(m: Any, x: Tensor) -> Tensor:
    return m.b(ACTIVATIONS["relu"](m.a(x.flatten(1))))


def test_what_a_dictionary_of_a_class_of_its_own_stores_stays_as_it_is(proved: Any) -> None:  # noqa: F811
    proved(network(takes_from_a_table))
    assert dict(dict.items(ACTIVATIONS)) == {"relu": nn.ReLU}


def test_buffers_may_count(proved: Any, data_file: Path) -> None:  # noqa: F811
    def forward(m: Any, x: Tensor) -> Tensor:
        if m.training:
            m.calls += 1
        x = m.a(x.flatten(1))
        return m.b(torch.where(m.calls < 10, x.relu(), x.tanh()))

    proved(network(forward, calls=lambda: torch.zeros((), dtype=torch.long)))
