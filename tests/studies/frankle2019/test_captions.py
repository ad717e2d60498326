"""Captions of Frankle & Carbin 2019 name what the figure shows and nothing else, whatever the config."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lth_core.config import Branch, Choice, Config, seeds_of
from lth_core.planning.configfile import load
from lth_core.studies.base import Drawing
from lth_core.studies.frankle2019 import Frankle2019

ROOT = Path(__file__).parents[3]
DEFAULT = ROOT / "config.yaml"
OTHERS = [path for path in sorted((ROOT / "config").glob("*.yaml")) if "\n  frankle2019:" in path.read_text()]
CONFIGS = [pytest.param([DEFAULT], id="config.yaml")] + [
    pytest.param([DEFAULT, path] if path.name == "everything.yaml" else [path], id=path.name) for path in OTHERS
]

PROMISES = {
    "new initial weights": ("reinit",),
    "reinitialized": ("reinit", "mask, reinitialized"),
    "random mask": ("random mask",),
    "one-shot tickets": ("one-shot ticket",),
    "one-shot masks": ("one-shot mask",),
    "without dropout": ("no dropout",),
    "redrawn": ("redrawn",),
    "the dense network": ("100%", "weights in the ticket"),
}
"""Words of a caption -> the figure's legend has one of these when, and only when, the caption has the words."""


def tables_of(config: Config, study: Frankle2019) -> dict[str, pd.DataFrame]:
    """The least that figures can be drawn from: two steps, one layer, densities that fall by a fifth."""
    rows = []
    for run in study.runs(config):
        branch = run.branch or ("ticket" if run.level else "dense")
        run_of = {"task": run.task, "cohort": run.cohort, "method": run.method, "level": run.level}
        rows += [
            run_of | {"branch": branch, "density": 0.8**run.level, "seed": seed, "draw": 0}
            for seed in seeds_of(run.cohort)
        ]
    measurements = pd.DataFrame(rows)
    parts = ("end", "one_third", "two_thirds", "early_stop")
    numbers = {f"{split}_metric_{part}": 0.9 for split in ("train", "test") for part in parts}
    curves = pd.concat([measurements.assign(step=step, metric=0.5 + step / 100) for step in (0, 20, 40)])
    kept = measurements[measurements["branch"] == "ticket"].assign(layer="output.weight", left=0.0, right=1.0, count=1)
    kept = kept[kept["level"].isin(study.histogram_levels)]
    weights = [
        kept.assign(quantity=quantity, group=group)
        for quantity in ("initial", "distance")
        for group in ("kept", "pruned")
    ]
    return {
        "measurements": measurements.assign(early_stop_step=20, **numbers),
        "curves": curves,
        "weights": pd.concat(weights),
    }


def drawings(config: Config, study: Frankle2019) -> dict[str, Drawing]:
    return {drawing.name: drawing for drawing in study.figures(config, tables_of(config, study))}


def default(**options: object) -> tuple[Config, Frankle2019]:
    config = load([DEFAULT]).config
    return config, Frankle2019.model_validate(config.studies["frankle2019"] | options)


def check(drawing: Drawing) -> None:
    legend = " | ".join(text.get_text() for text in drawing.draw().legends[0].get_texts())
    for words, labels in PROMISES.items():
        assert (words in drawing.caption) <= any(label in legend for label in labels), (words, drawing.caption, legend)
    if "reinit" in legend:
        assert any(words in drawing.caption for words in ("new initial weights", "reinit")), drawing.caption
    for words in ("one-shot", "random mask", "redrawn", "no dropout"):
        expected = words.replace("no dropout", "without dropout")
        assert (words in legend) <= (expected in drawing.caption), (words, drawing.caption)


@pytest.mark.parametrize("paths", CONFIGS)
def test_captions_of_the_ready_made_configs_name_what_is_drawn(paths: list[Path]) -> None:
    loaded = load(paths)
    study = loaded.studies["frankle2019"]
    assert isinstance(study, Frankle2019)
    for drawing in drawings(loaded.config, study).values():
        check(drawing)
        task = loaded.config.tasks[next(name for name in study.tasks if drawing.name.endswith(f"-{name}"))]
        assert f" Data: {task.dataset}, network: {task.model.name}; " in drawing.caption
        assert drawing.caption.endswith(".") and ".." not in drawing.caption and "  " not in drawing.caption


@pytest.mark.parametrize("controls", [[], ["reinit"], ["random-mask"], ["random-mask-reinit", "redraw-kept"]])
@pytest.mark.parametrize("one_shot", [True, False])
def test_captions_follow_the_options(controls: list[str], one_shot: bool) -> None:
    drawn = drawings(*default(controls=controls, one_shot=one_shot))
    for drawing in drawn.values():
        check(drawing)
    assert ("(c)" in drawn["fig04-tickets-digits-lenet"].caption) == one_shot
    assert ("reinit" in drawn["fig03-training-digits-lenet"].caption) == ("reinit" in controls)


def test_a_users_own_control_is_called_by_its_name() -> None:
    config, study = default(controls=["inverted"])
    config = config.model_copy(update={"branches": {"inverted": Branch(treatment=Choice(name="my-own"))}})
    caption = drawings(config, study)["fig14-controls-digits-lenet"].caption
    assert "as in Figure 14: inverted." in caption and "random mask" not in caption


def test_a_network_with_dropout_alone_is_compared_with_none_without() -> None:
    config = load([ROOT / "config" / "cifar10-conv.yaml"]).config
    for others, compared in (([], False), (["conv-2"], True)):
        tasks = dict.fromkeys(["conv-2-dropout", *others], "imp")
        study = Frankle2019(tasks=tasks, controls=("reinit",), one_shot=False, continued=False)
        drawing = drawings(config, study)["fig06-dropout-conv-2-dropout"]
        check(drawing)
        assert ("without dropout" in drawing.caption) == compared


def test_few_levels_promise_no_small_tickets() -> None:
    config, study = default()
    config = config.model_copy(update={"methods": {"imp": config.methods["imp"].model_copy(update={"levels": 4})}})
    study = study.model_copy(update={"strategy_levels": (3,)})
    caption = drawings(config, study)["fig03-training-digits-lenet"].caption
    assert "tickets with many" in caption and "tickets with few" not in caption


def test_panels_are_named_in_their_order() -> None:
    caption = drawings(*default())["fig03-training-digits-lenet"].caption
    assert "Figure 3: the dense network and, from left to right, tickets with many of its weights" in caption


def test_training_accuracy_is_said_to_be_that_of_a_subset() -> None:
    caption = drawings(*default())["fig05-early-stop-digits-lenet"].caption
    assert "a fixed subset of the training split, at most as large as the validation split" in caption


def test_more_tasks_than_colours_are_all_drawn() -> None:
    config = load([ROOT / "config" / "cifar10-resnet20.yaml"]).config
    tasks = {f"rate-{number}": config.tasks["resnet-20"] for number in range(10)}
    config = config.model_copy(update={"tasks": tasks})
    study = Frankle2019(tasks=dict.fromkeys(tasks, "imp"), controls=("reinit",), one_shot=False, continued=False)
    figure = drawings(config, study)["fig07-thirds-rate-0"].draw()
    assert len({line.get_color() for line in figure.axes[0].get_lines()}) == len(tasks)
    assert len(figure.axes[0].get_lines()) == 2 * len(tasks)
