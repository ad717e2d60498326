"""Studies on tasks that are not measured by accuracy: the same gains, in the words and the unit of the metric.

The mirrored metric falls by 1 bit where accuracy rises by 1 percentage point.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.metrics import ACCURACY, BITS_PER_CHARACTER, RETURN, Metric
from lth_core.studies.base import Study
from lth_core.studies.captions import better, makes_better
from lth_core.tasks.objectives.vae import NEGATIVE_ELBO
from tests.studies.test_diverged_studies import (
    Tables,
    comparison,
    connectivity,
    frankle,
    renda,
    stabilizing,
    transfer,
)
from tests.support import yu2019_results

BITS = Metric("bits_per_character", "bits per character", "bits per character", higher_is_better=False, matching=0.2)
"""Mirrored accuracy: matches within the same difference."""

METRIC_COLUMN = re.compile(r"(.*_)?metric(_.*)?|untrained")


def yu(folder: Path) -> tuple[Study, Config, Tables]:
    return yu2019_results.known({"digits": yu2019_results.IMAGES, "more-digits": yu2019_results.IMAGES})


ANY_METRIC = (frankle, stabilizing, connectivity, renda, transfer, yu, comparison)
CLASSIFICATION = re.compile(r"accura|percentage|points|error|character.*\(%\)", re.IGNORECASE)
"""What only pages about accuracy say."""


@pytest.fixture
def measured_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[Metric], None]:
    """Let all tasks be measured by a metric."""

    def measure(metric: Metric) -> None:
        monkeypatch.setattr("lth_core.tasks.metrics.metrics_of", lambda task: (metric,))

    return measure


@pytest.fixture(scope="module", params=ANY_METRIC, ids=lambda known: known.__name__)
def known(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Config, Tables]:
    """A study that takes every objective, with tables of known accuracies."""
    return request.param(tmp_path_factory.mktemp("results"))


def changed(tables: Tables, change: Callable[[pd.Series], pd.Series]) -> Tables:
    """The tables with other values of the metric, and none of the predictions that only classifiers have."""
    return {
        name: table.assign(
            **{column: change(table[column]) for column in table if METRIC_COLUMN.fullmatch(str(column))},
            **{column: np.nan for column in table if str(column).startswith("disagreement")},
        )
        for name, table in tables.items()
    }


def mirrored(tables: Tables) -> Tables:
    """Bits per character that fall where the accuracies rise; on a line they rise as the error does."""
    bits = changed(tables, lambda accuracy: 100 * (3 - accuracy))
    errors = ("error", "barrier_train", "barrier_test")
    return {
        name: table.assign(**{column: 100 * table[column] for column in errors if column in table})
        for name, table in bits.items()
    }


def words(figure: Figure) -> Iterator[str]:
    """Everything that a figure says."""
    figure.draw_without_rendering()
    yield from (text.get_text() for text in figure.findobj(Text))


# ---------------------------------------------------------------- claims


def test_gains_and_verdicts_are_those_of_the_mirrored_accuracies(
    known: tuple[Study, Config, Tables], measured_by: Callable[[Metric], None]
) -> None:
    study, config, tables = known
    accurate = study.claims(config, tables)
    measured_by(BITS)
    small = study.claims(config, mirrored(tables))
    assert small and len(small) == len(accurate)
    for claim, reference in zip(small, accurate, strict=True):
        assert claim.unit == reference.unit.replace("percentage points", "bits per character")
        assert (claim.estimate, claim.low, claim.high, claim.margin) == pytest.approx(
            (reference.estimate, reference.low, reference.high, reference.margin), rel=1e-6, abs=1e-9, nan_ok=True
        ), claim
        assert claim.verdict == reference.verdict


def test_sentences_name_the_metric_and_say_nothing_of_accuracy(
    known: tuple[Study, Config, Tables], measured_by: Callable[[Metric], None]
) -> None:
    study, config, tables = known
    measured_by(BITS)
    claims = study.claims(config, mirrored(tables))
    said = [text for claim in claims for text in (claim.claim, claim.effect, claim.unit)]
    assert not [text for text in said if CLASSIFICATION.search(text)]
    assert any("bits per character" in claim.effect for claim in claims)


def about(claims: list[Claim], words: str) -> Claim:
    return next(claim for claim in claims if words in claim.claim)


def test_sentences_and_effects_say_which_way_is_better(tmp_path: Path, measured_by: Callable[[Metric], None]) -> None:
    study, config, tables = frankle(tmp_path)
    measured_by(BITS)
    claims = study.claims(config, mirrored(tables))
    matching = about(claims, "match (within 0.2 bits per character) or undercut the dense network's test bits per")
    assert "test bits per character at early stop, dense minus ticket" in matching.effect
    worse = about(claims, "rise above the dense network's test bits per character")
    assert "reinitialized ticket minus dense" in worse.effect
    assert about(claims, "finds masks that reach lower bits per character, below 10%")


def test_a_network_without_an_adjective_has_a_higher_or_lower_value(
    tmp_path: Path, measured_by: Callable[[Metric], None]
) -> None:
    study, config, tables = stabilizing(tmp_path)
    measured_by(BITS)
    claims = study.claims(config, mirrored(tables))
    assert about(claims, "have lower bits per character than random ones")
    assert about(claims, "Rewinding too late raises bits per character")


@pytest.mark.parametrize(
    ("metric", "are", "is_not", "makes"),
    [
        (ACCURACY, "are more accurate", "are not more accurate", "makes tickets more accurate"),
        (RETURN, "have a higher return", "do not have a higher return", "gives tickets a higher return"),
        (NEGATIVE_ELBO, "have a lower negative ELBO", "do not have a lower negative ELBO", "gives tickets a lower "),
        (BITS_PER_CHARACTER, "have lower bits per", "do not have lower bits per", "gives tickets lower bits per "),
    ],
    ids=lambda metric: getattr(metric, "name", ""),
)
def test_sentences_say_in_words_what_does_better(metric: Metric, are: str, is_not: str, makes: str) -> None:
    assert better(metric).startswith(are) and better(metric, "are not").startswith(is_not)
    assert makes_better(metric, "tickets").startswith(makes)


def test_stability_is_ten_times_what_matches(tmp_path: Path, measured_by: Callable[[Metric], None]) -> None:
    study, config, tables = connectivity(tmp_path)
    measured_by(BITS_PER_CHARACTER)
    claims = study.claims(config, mirrored(tables))
    unstable = about(claims, "unstable at initialization (barrier above 0.1 bits per character)")
    assert unstable.margin == pytest.approx(0.1)
    assert unstable.effect == "barrier of test bits per character at k=0"
    assert unstable.estimate == pytest.approx(10)


# ---------------------------------------------------------------- figures


def test_captions_and_axes_speak_of_the_metric_alone(
    known: tuple[Study, Config, Tables], measured_by: Callable[[Metric], None]
) -> None:
    study, config, tables = known
    measured_by(BITS)
    drawings = study.figures(config, mirrored(tables))
    assert [drawing.name for drawing in drawings] == study.figure_names(config)
    for drawing in drawings:
        said = [drawing.name, drawing.caption, *words(drawing.draw())]
        assert not [text for text in said if CLASSIFICATION.search(text)]
        shown = any(label.startswith(("test bits", "final test bits")) for label in said)
        assert shown <= ("Lower bits per character is better." in drawing.caption)


@pytest.mark.parametrize("metric", [BITS, RETURN], ids=lambda metric: metric.name)
def test_differences_from_dense_are_drawn_as_measured(
    metric: Metric, tmp_path: Path, measured_by: Callable[[Metric], None]
) -> None:
    study, config, tables = renda(tmp_path)
    measured_by(metric)
    shown = mirrored(tables) if metric is BITS else tables
    (drawing, *_) = study.figures(config, shown)
    first, *others = drawing.draw().axes
    panel = next(panel for panel in others if panel.get_title() == "random reinitialization")
    worst = next(line for line in panel.get_lines() if line.get_label() == "one-shot pruning")
    assert first.get_ylabel().replace("\n", " ") == f"test {metric.label} minus dense"
    heights = np.asarray(worst.get_ydata(), float)
    assert (heights > 10).all() if metric is BITS else (heights < -0.1).all()


def test_a_return_is_drawn_as_it_is_on_the_line_and_chosen_by_validation(
    tmp_path: Path, measured_by: Callable[[Metric], None]
) -> None:
    study, config, tables = connectivity(tmp_path)
    measured_by(RETURN)
    returns = changed(tables, lambda accuracy: 500 * accuracy)
    returns["paths"]["error"] *= -500
    drawings = {drawing.name.rpartition("-")[0]: drawing for drawing in study.figures(config, returns)}
    panel = drawings["paths"].draw().axes[0]
    assert panel.get_ylabel() == "test return"
    assert np.min([line.get_ydata() for line in panel.get_lines()]) > 0
    assert "the mean return of the ends minus the lowest on the line" in drawings["paths"].caption
    assert "Networks below 50 points of return (dotted)" in drawings["instability"].caption


def test_early_stopping_is_said_to_go_by_what_selects(tmp_path: Path, measured_by: Callable[[Metric], None]) -> None:
    study, config, tables = frankle(tmp_path)
    measured_by(RETURN)
    captions = [drawing.caption for drawing in study.figures(config, changed(tables, lambda values: 500 * values))]
    stopped = [caption for caption in captions if "early stopping (" in caption]
    assert stopped and all("(best validation return)" in caption for caption in stopped)
    assert any("means that validation return was still rising" in caption for caption in stopped)
    assert not [caption for caption in captions if CLASSIFICATION.search(caption)]
