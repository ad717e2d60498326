"""The branch job: what a ticket is made of before it is treated."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np

from lth_core.jobs.branch import Replicate, effective_std, replicates
from lth_core.storage.tensors import Tensors, write_tensors
from lth_core.tickets.rewinding import Ticket

LAYERS = {"conv.weight": "conv", "fc.weight": "output"}


def network(channels: int, classes: int) -> Tensors:
    """Two replicates with random weights."""
    draw = np.random.default_rng(channels + classes).standard_normal
    shapes = {"conv.weight": (2, 4, channels, 3, 3), "fc.weight": (2, classes, 4)}
    return {name: draw(shape).astype(np.float32) for name, shape in shapes.items()}


def parts(tmp_path: Path, target: Tensors, source: Tensors, mask: Tensors) -> list[Replicate]:
    for name, tensors in (("target", target), ("source", source), ("mask", mask)):
        write_tensors(tmp_path / name, tensors, {"layers": LAYERS, "diverged": [False, False]})
    target_file, source_file, mask_file = (str(tmp_path / name) for name in ("target", "source", "mask"))
    spec = {"method": {"levels": 1}}
    options = {"network": target_file, "initial": source_file, "start": source_file, "mask": mask_file, "spec": spec}
    return replicates(Namespace(**options, trained=source_file, trained_from=source_file))


def test_from_colour_to_grey_only_kept_weights_are_summed(tmp_path: Path) -> None:
    source = network(channels=3, classes=5)
    mask = {"conv.weight": np.random.default_rng(0).random((2, 4, 3, 3, 3)) < 0.4}
    for index, replicate in enumerate(parts(tmp_path, network(1, 5), source, mask)):
        ticket = replicate.ticket
        kept = mask["conv.weight"][index]
        expected = (source["conv.weight"][index] * kept).sum(axis=1, keepdims=True)
        assert np.allclose(ticket.weights["conv.weight"], expected)
        assert np.array_equal(ticket.mask["conv.weight"], kept.any(axis=1, keepdims=True))


def test_an_output_layer_for_other_classes_is_that_of_the_target_and_unpruned(tmp_path: Path) -> None:
    target, source = network(1, 3), network(1, 5)
    mask = {name: np.random.default_rng(0).random(value.shape) < 0.5 for name, value in source.items()}
    for index, replicate in enumerate(parts(tmp_path, target, source, mask)):
        ticket, initial, start = replicate.ticket, replicate.initial, replicate.start
        assert np.array_equal(ticket.weights["fc.weight"], target["fc.weight"][index])
        assert ticket.mask["fc.weight"].all()
        kept = mask["conv.weight"][index]
        assert np.array_equal(ticket.weights["conv.weight"], source["conv.weight"][index] * kept)
        assert np.array_equal(start["conv.weight"], source["conv.weight"][index])  # unmasked, for treatments
        assert initial.keys() == target.keys()


def test_the_effective_deviation_is_that_of_the_change_over_kept_weights() -> None:
    mask = {"a": np.array([True, True, False, True]), "b": np.array([True])}
    before = Ticket({"a": np.array([1.0, 2, 0, 3]), "b": np.array([5.0])}, mask)
    after = Ticket({"a": np.array([1.0, 4, 0, 3]), "b": np.array([3.0])}, mask)
    assert effective_std(before, after) == np.std([0, 2, 0, -2])
    assert effective_std(before, before) == 0
