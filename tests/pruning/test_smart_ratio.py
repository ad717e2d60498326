"""Smart ratios: the worked values of Su et al. 2020, exact totals, and layers that are full."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.pruning.allocation import AllocationError
from lth_core.pruning.smart_ratio import smart_ratio_counts

Shapes = dict[str, tuple[int, ...]]


def resnet20() -> Shapes:
    """The 19 convolutions of ResNet-20."""
    widths = [16] * 7 + [32] * 6 + [64] * 6
    inputs = [3, *widths[:-1]]
    return {f"conv{n}": (width, before, 3, 3) for n, (before, width) in enumerate(zip(inputs, widths, strict=True))}


RESNET = resnet20()
WORKED = (0.422, 0.380, 0.340, 0.302, 0.267, 0.233, 0.202, 0.173, 0.147, 0.122)
WORKED += (0.100, 0.080, 0.062, 0.047, 0.033, 0.022, 0.013, 0.007, 0.002)


def kept(shapes: Shapes, density: float, output: str = "", **options) -> dict[str, float]:
    """The density of every layer."""
    kinds = {name: "output" if name == output else "conv" for name in shapes}
    sizes = {name: prod(shape) for name, shape in shapes.items()}
    total = round(density * sum(sizes.values()))
    counts = smart_ratio_counts(kinds, shapes, total, **options)
    assert sum(counts.values()) == total and list(counts) == list(shapes)
    return {name: count / sizes[name] for name, count in counts.items()}


def test_a_resnet_at_5_percent_has_the_worked_densities() -> None:
    one_weight = 1 / (16 * 3 * 9)
    assert [*kept(RESNET, 0.05).values()] == pytest.approx(WORKED, abs=5e-4 + one_weight)


def test_ascending_ratios_are_the_descending_ones_turned_round() -> None:
    same = {f"conv{n}": (16, 16, 3, 3) for n in range(6)}
    up, down = kept(same, 0.1, ascending=True), kept(same, 0.1)
    assert [*up.values()] == pytest.approx([*down.values()][::-1], abs=1 / 2304)


def test_vggs_divide_by_the_square_of_the_depth() -> None:
    same = {f"conv{n}": (64, 64, 3, 3) for n in range(3)}
    densities = [*kept(same, 0.05, depth_power=2.0).values()]
    wanted = np.array([12, 6 / 4, 2 / 9])
    assert densities == pytest.approx(wanted * 0.15 / wanted.sum(), abs=1e-4)


def test_the_output_layer_keeps_30_percent_and_is_no_layer_of_the_ratio() -> None:
    same = {f"conv{n}": (16, 16, 3, 3) for n in range(3)}
    densities = kept(same | {"fc": (10, 16)}, 0.1, output="fc")
    assert densities["fc"] == pytest.approx(0.3)
    assert densities["conv0"] / densities["conv2"] == pytest.approx(12 / 2, rel=0.05)


def test_what_is_beyond_a_layer_goes_to_the_next() -> None:
    sizes = {"a": (10, 10), "b": (10, 10), "c": (10, 10), "d": (10, 10)}
    assert kept(sizes, 0.5) == {"a": 1.0, "b": 0.6, "c": 0.3, "d": 0.1}  # 20:12:6:2 of 200 weights
    assert kept(sizes, 0.625) == {"a": 1.0, "b": 1.0, "c": 0.38, "d": 0.12}  # 125, 75, 37.5, 12.5


@given(widths=st.lists(st.integers(1, 12), min_size=1, max_size=6), part=st.floats(0, 1), up=st.booleans())
def test_totals_are_exact_and_no_layer_is_empty_or_overfull(widths: list[int], part: float, up: bool) -> None:
    shapes = {f"{n}": (width, 7) for n, width in enumerate(widths)}
    least, most = len(widths), 7 * sum(widths)
    total = round(least + part * (most - least))
    counts = smart_ratio_counts(dict.fromkeys(shapes, "conv"), shapes, total, ascending=up)
    assert sum(counts.values()) == total
    assert all(1 <= counts[name] <= prod(shape) for name, shape in shapes.items())


@pytest.mark.parametrize("total", [30, 1030])
def test_a_total_that_the_other_layers_cannot_make_up_is_refused(total: int) -> None:
    shapes, kinds = {"a": (30, 30), "b": (10, 10)}, {"a": "conv", "b": "output"}
    with pytest.raises(AllocationError, match=r"smart-ratio keeps 30 weights of the output layer, and 1 to 900 of the"):
        smart_ratio_counts(kinds, shapes, total)
