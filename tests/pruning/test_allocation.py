"""Allocation: densities of layers as the papers' formulas give them, and whole numbers of weights with exact totals."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.config import Method
from lth_core.jobs.support.prunable import check_methods
from lth_core.pruning.allocated import lamp_scores
from lth_core.pruning.allocation import (
    AllocationError,
    check_allocation,
    counts_by_level,
    kept_counts,
    shares_of_layers,
)

SHARED = ["uniform", "uniform-plus", "erdos-renyi", "erdos-renyi-kernel"]

LENET = {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}
LENET_KINDS = {"fc1": "hidden", "fc2": "hidden", "fc3": "output"}


def resnet20() -> dict[str, tuple[int, ...]]:
    """ResNet-20 with shortcuts of 1x1 convolutions."""
    shapes: dict[str, tuple[int, ...]] = {"conv1": (16, 3, 3, 3)}
    for stage, width in enumerate((16, 32, 64), start=1):
        before = 16 if stage == 1 else width // 2
        if stage > 1:
            shapes[f"stage{stage}.shortcut"] = (width, before, 1, 1)
        shapes |= {f"stage{stage}.{n}": (width, before if n == 0 else width, 3, 3) for n in range(6)}
    return shapes | {"fc": (10, 64)}


RESNET = resnet20()
RESNET_KINDS = {name: "output" if name == "fc" else "conv" for name in RESNET}


# ---------------------------------------------------------------- worked values


def layer_densities(
    allocation: str, layers: dict[str, str], shapes: dict[str, tuple[int, ...]], density: float
) -> dict[str, float]:
    """The density of each layer, before rounding to whole weights, where the whole network has `density`."""
    sizes = {name: prod(shapes[name]) for name in layers}
    shared = shares_of_layers(allocation, layers, shapes, sizes, density * sum(sizes.values()))
    return {name: float(share) / size for (name, size), share in zip(sizes.items(), shared, strict=True)}


@pytest.mark.parametrize(
    ("density", "expected"),
    [
        (0.5, [0.4341, 1, 1]),
        (0.2, [0.1622, 0.4694, 1]),
        (0.1, [0.0796, 0.2302, 1]),
        (0.05, [0.0385, 0.1113, 0.9185]),
        (0.02, [0.0154, 0.0445, 0.3674]),
    ],
)
@pytest.mark.parametrize("allocation", ["erdos-renyi", "erdos-renyi-kernel"])
def test_erdos_renyi_densities_of_lenet(allocation: str, density: float, expected: list[float]) -> None:
    actual = layer_densities(allocation, LENET_KINDS, LENET, density)
    assert [*actual.values()] == pytest.approx(expected, abs=5e-5)


def kernel_densities(density: float) -> dict[str, float]:
    """Of the ResNet, with the total of Evci et al. 2020, whose code rounds each layer's dense share up."""
    sizes = [prod(shape) for shape in RESNET.values()]
    total = sum(size - int((1 - density) * size) for size in sizes)
    return layer_densities("erdos-renyi-kernel", RESNET_KINDS, RESNET, total / sum(sizes))


def test_erdos_renyi_kernel_densities_of_a_resnet() -> None:
    sparse, denser = kernel_densities(0.05), kernel_densities(0.1)
    expected = {"conv1": 0.4752, "stage1.0": 0.1354, "stage1.5": 0.1354, "stage2.0": 0.0962, "stage2.shortcut": 0.8019}
    expected |= {"stage2.5": 0.0624, "stage3.shortcut": 0.3929, "stage3.5": 0.0298, "fc": 0.9494}
    assert {name: sparse[name] for name in expected} == pytest.approx(expected, abs=5e-5)
    expected = {"conv1": 0.9834, "stage2.shortcut": 1, "fc": 1, "stage3.5": 0.0618}
    assert {name: denser[name] for name in expected} == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("density", "part"), [(0.2, 0.358), (0.1, 0.177), (0.05, 0.087), (0.02, 0.035)])
def test_equal_density_is_not_equal_compute(density: float, part: float) -> None:
    """Multiplications for 32x32 images, as a part of the dense network's: 1.8 times those of uniform densities."""
    side = {"conv1": 32, "stage1": 32, "stage2": 16, "stage3": 8, "fc": 1}
    of_dense = {name: prod(shape) * side[name.partition(".")[0]] ** 2 for name, shape in RESNET.items()}

    def part_of(allocation: str) -> float:
        densities = layer_densities(allocation, RESNET_KINDS, RESNET, density)
        return sum(densities[name] * of_dense[name] for name in RESNET) / sum(of_dense.values())

    assert part_of("erdos-renyi-kernel") == pytest.approx(part, abs=5e-4)
    assert part_of("uniform") == pytest.approx(density)


def test_without_the_kernel_a_convolution_counts_as_a_matrix() -> None:
    shapes, kinds = {"a": (8, 8, 5, 5), "b": (16, 16, 1, 1)}, {"a": "conv", "b": "conv"}
    densities = layer_densities("erdos-renyi", kinds, shapes, 0.1)
    assert densities["a"] == pytest.approx(2 * densities["b"])


def test_uniform_plus_keeps_the_first_convolution_and_a_fifth_of_the_output_layer() -> None:
    shapes = {"conv1": (10, 1, 2, 5), "conv2": (10, 10, 2, 5), "fc": (10, 100)}  # 100, 1000 and 1000 weights
    kinds = {"conv1": "conv", "conv2": "conv", "fc": "output"}
    assert kept_counts("uniform-plus", kinds, shapes, {"conv1": 100, "conv2": 1000, "fc": 1000}, 400) == {
        "conv1": 100,
        "conv2": 100,
        "fc": 200,
    }
    dense = layer_densities("uniform-plus", kinds, shapes, 1100 / 2100)
    assert dense == pytest.approx({"conv1": 1, "conv2": 0.5, "fc": 0.5})
    linear = layer_densities("uniform-plus", LENET_KINDS, LENET, 0.1)
    assert linear["fc1"] == linear["fc2"] < 0.1 and linear["fc3"] == 0.2  # no convolution: only the last rule


def test_lamp_scores_by_hand() -> None:
    scores = {"a": np.array([[2.0, 1.0], [9.0, 3.0]]), "b": np.array([0.0, 0.0])}
    mask = {"a": np.array([[True, True], [False, True]]), "b": np.array([True, True])}
    lamp = lamp_scores(scores, mask)
    assert lamp["a"] == pytest.approx(np.array([[4 / 13, 1 / 14], [0, 1]]))
    assert lamp["b"].tolist() == [0, 1]


def test_lamp_scores_do_not_depend_on_a_layers_scale_nor_cancel() -> None:
    small = np.random.default_rng(0).random(10_000).astype(np.float32)
    mask = {"a": np.ones(10_000, bool)}
    one, other = (lamp_scores({"a": small * scale}, mask)["a"] for scale in (np.float64(1), np.float64(2.0**700)))
    assert (one == other).all() and (one > 0).all() and one.max() == 1
    assert (np.diff(one[np.argsort(small, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("scores", [np.array([1.0, -1.0]), np.array([1.0, np.inf])])
def test_scores_that_lamp_cannot_use_are_refused(scores: np.ndarray) -> None:
    with pytest.raises(AllocationError, match=r"^allocation: 'lamp' squares scores, .* those of a are not"):
        lamp_scores({"a": scores}, {"a": np.ones(2, bool)})


# ---------------------------------------------------------------- properties

matrices = st.tuples(st.integers(1, 40), st.integers(1, 40))
kernels = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 5), st.integers(1, 5))
networks = st.lists(st.one_of(kernels, matrices), min_size=1, max_size=7)


def named(shapes: list[tuple[int, ...]]) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Shapes and kinds of layers; the last is the output layer."""
    names = [f"layer{index}" for index in range(len(shapes))]
    kinds = ["conv" if len(shape) > 2 else "hidden" for shape in shapes[:-1]]
    return dict(zip(names, shapes, strict=True)), dict(zip(names, [*kinds, "output"], strict=True))


def clipped_one_at_a_time(allocation: str, shapes: dict[str, tuple[int, ...]], density: float) -> dict[str, float]:
    """What Evci et al. 2020 compute: the densest layers are made dense until no other would be above 1."""
    power = {name: shape[:2] if allocation == "erdos-renyi" else shape for name, shape in shapes.items()}
    raw = {name: sum(shape) / prod(shape) if allocation != "uniform" else 1.0 for name, shape in power.items()}
    sizes, dense = {name: prod(shape) for name, shape in shapes.items()}, set()
    while len(dense) < len(shapes):
        rest = [name for name in shapes if name not in dense]
        left = density * sum(sizes.values()) - sum(sizes[name] for name in dense)
        scale = left / sum(raw[name] * sizes[name] for name in rest)
        largest = max(raw[name] for name in rest)
        if largest * scale <= 1:
            break
        dense |= {name for name in rest if raw[name] == largest}
    return {name: 1.0 if name in dense else raw[name] * scale for name in shapes}


@given(networks, st.floats(0.01, 1), st.sampled_from(["uniform", "erdos-renyi", "erdos-renyi-kernel"]))
def test_densities_are_those_of_the_papers_loop(shapes: list, density: float, allocation: str) -> None:
    of_names, kinds = named(shapes)
    expected = clipped_one_at_a_time(allocation, of_names, density)
    if all(expected[name] * prod(shape) >= 1 for name, shape in of_names.items()):  # the loop has no least
        assert layer_densities(allocation, kinds, of_names, density) == pytest.approx(expected, rel=1e-6)


@given(networks, st.floats(0.001, 1), st.sampled_from(SHARED))
def test_totals_are_exact_and_densities_above_0_and_at_most_1(shapes: list, density: float, allocation: str) -> None:
    of_names, kinds = named(shapes)
    sizes = {name: prod(shape) for name, shape in of_names.items()}
    total = round(density * sum(sizes.values()))
    try:
        counts = kept_counts(allocation, kinds, of_names, sizes, total)
    except AllocationError as error:
        assert f"'{allocation}' keeps at least" in str(error)
        assert total < len(shapes) or allocation == "uniform-plus"
        return
    assert sum(counts.values()) == total
    assert all(1 <= counts[name] <= size for name, size in sizes.items())


@given(networks, st.floats(0.01, 0.5), st.floats(1.01, 2), st.sampled_from(SHARED))
def test_a_denser_network_has_no_sparser_layer(shapes: list, density: float, more: float, allocation: str) -> None:
    of_names, kinds = named(shapes)
    try:
        sparse = layer_densities(allocation, kinds, of_names, density)
    except AllocationError:
        return
    dense = layer_densities(allocation, kinds, of_names, density * more)
    assert all(sparse[name] <= dense[name] + 1e-9 for name in sparse)


@given(networks, st.floats(0.01, 1), st.sampled_from(["uniform", "erdos-renyi", "erdos-renyi-kernel"]), st.randoms())
def test_the_order_of_layers_does_not_matter(shapes: list, density: float, allocation: str, random: Random) -> None:
    of_names, kinds = named(shapes)
    names = [*kinds]
    random.shuffle(names)
    try:
        one = layer_densities(allocation, kinds, of_names, density)
    except AllocationError:
        return
    other = layer_densities(allocation, {name: kinds[name] for name in names}, of_names, density)
    assert {name: other[name] for name in one} == pytest.approx(one)


@given(networks, st.lists(st.floats(0.05, 1), min_size=2, max_size=12, unique=True), st.sampled_from(SHARED))
def test_no_layer_grows_from_a_level_to_the_next(shapes: list, densities: list[float], allocation: str) -> None:
    of_names, kinds = named(shapes)
    falling = [density for density in sorted(densities, reverse=True) if density < 1]
    method = Method(levels=len(falling), densities=falling, allocation=allocation)
    try:
        levels = counts_by_level(method, kinds, of_names, method.levels)
    except AllocationError:
        return
    size = sum(map(prod, of_names.values()))
    assert [sum(counts.values()) for counts in levels] == [round(density * size) for density in falling]
    for before, after in pairwise(levels):
        assert all(1 <= after[name] <= before[name] for name in kinds)


def test_rounding_alone_would_let_a_layer_grow() -> None:
    """One weight less in all, and the largest remainder is another layer's: its count is held."""
    shapes, kinds = {"a": (6, 1), "b": (6, 1), "c": (2, 1)}, dict.fromkeys("abc", "hidden")
    free = [kept_counts("uniform", kinds, shapes, {"a": 6, "b": 6, "c": 2}, total) for total in (11, 10)]
    assert [counts["c"] for counts in free] == [1, 2]
    held = counts_by_level(Method(levels=2, densities=[11 / 14, 10 / 14], allocation="uniform"), kinds, shapes, 2)
    assert [counts["c"] for counts in held] == [1, 1] and sum(held[1].values()) == 10


def test_a_layer_that_would_grow_keeps_what_it_has_and_the_others_share_the_rest() -> None:
    shapes, kinds = dict.fromkeys("abc", (10, 10)), dict.fromkeys("abc", "hidden")
    assert kept_counts("uniform", kinds, shapes, {"a": 10, "b": 100, "c": 100}, 90) == {"a": 10, "b": 40, "c": 40}
    assert kept_counts("uniform", kinds, shapes, {"a": 0, "b": 100, "c": 100}, 61) == {"a": 0, "b": 31, "c": 30}


# ---------------------------------------------------------------- before anything runs

SHAPES = {"z.conv": (6, 3, 3, 3), "a.hidden": (40, 30), "m.output": (10, 40)}  # network order is not that of names
LAYERS = {"z.conv": "conv", "a.hidden": "hidden", "m.output": "output"}
SIZE = sum(map(prod, SHAPES.values()))


def test_densities_that_cannot_be_had_are_refused_before_training() -> None:
    def check(**method: object) -> None:
        check_allocation(Method.model_validate(method), LAYERS, SHAPES)

    check(levels=2, densities=[0.5, 3 / SIZE], allocation="erdos-renyi")
    with pytest.raises(AllocationError) as refused:
        check(levels=2, densities=[0.5, 2 / SIZE], allocation="erdos-renyi")
    assert str(refused.value) == (
        "allocation: 'erdos-renyi' keeps at least 3 of 1,762 weights (one per layer), and level 2 keeps 2: prune fewer "
        "levels, or less"
    )
    with pytest.raises(AllocationError, match=r"'lamp' keeps at least 3 .* level 30 keeps 2:"):
        check(levels=40, allocation="lamp")
    with pytest.raises(AllocationError, match=r"keeps at least 243 .*\(a first convolution, a fifth of the output"):
        check(levels=1, densities=[0.1], allocation="uniform-plus")
    with pytest.raises(AllocationError, match=r"^densities: level 1 keeps 0 of 1,762 weights, less than one for each"):
        check(levels=1, densities=[0.0001], scope="global")
    check(levels=200, rate=0.5)  # rates of what is left: any depth


def test_the_line_names_the_method() -> None:
    stacked = {name: np.ones((1, *shape)) for name, shape in SHAPES.items()}
    with pytest.raises(AllocationError, match=r"^methods.thin.allocation: 'uniform' keeps at least 3 "):
        check_methods(LAYERS, stacked, {"thin": {"levels": 1, "densities": [0.001], "allocation": "uniform"}})
