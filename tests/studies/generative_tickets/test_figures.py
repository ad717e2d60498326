"""Figures of generative networks: every one can be drawn, and says what it shows."""

from __future__ import annotations

import pytest

from lth_core.studies.base import Drawing
from tests.support.generative_results import config, study, tables


@pytest.fixture(scope="module")
def figures() -> dict[str, Drawing]:
    return {drawing.name: drawing for drawing in study().figures(config(), tables())}


def test_every_figure_is_drawn_with_its_caption(figures: dict[str, Drawing]) -> None:
    assert list(figures) == study().figure_names(config())
    for drawing in figures.values():
        drawing.draw().draw_without_rendering()
        assert "Data: digits, network: " in drawing.caption


def test_an_autoencoder_has_a_panel_for_each_metric_and_one_for_its_images(figures: dict[str, Drawing]) -> None:
    labels = [panel.get_ylabel().replace("\n", " ") for panel in figures["tickets-vae"].draw().axes]
    assert labels[:2] == ["test negative ELBO (nats)", "test reconstruction error (nats)"]
    assert labels[2] == "energy distance of images to test images"
    assert len(figures["tickets-diffusion"].draw().axes) == 2


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (
            "vae",
            "1 nat, which still matches, is 40% of the difference between the dense network (25) and the mean test "
            "image in place of every image (27.5).",
        ),
        (
            "diffusion",
            "0.005 squared noise, which still matches, is 0.71% of the difference between the dense network (0.3) and "
            "a network that predicts no noise (1).",
        ),
    ],
)
def test_captions_put_what_matches_in_proportion_and_say_what_is_better(
    figures: dict[str, Drawing], task: str, said: str
) -> None:
    caption = figures[f"tickets-{task}"].caption
    assert said in caption and "Lower is better in every panel." in caption


def test_captions_name_what_each_panel_draws(figures: dict[str, Drawing]) -> None:
    caption = figures["tickets-vae"].caption
    assert caption.startswith(
        "Test negative ELBO and its part that is reconstruction error, by density: tickets against random masks with "
        "the same counts per layer, the tickets' masks on fresh weights and tickets that are rewound to step 5. Last "
        "panel: the energy distance of drawn images to test images, of tickets against random masks with the same "
        "counts per layer; dotted: "
    )
    alone = {"controls": [], "rewind_step": 0}
    tickets, sheet, *_ = study(**alone).figures(config(**alone), tables(**alone))
    assert "by density: tickets. Last panel" in tickets.caption and "of tickets; dotted" in tickets.caption
    assert "by density those of tickets; all of seed 0" in sheet.caption


def test_captions_say_that_test_images_have_one_draw_of_what_is_random(figures: dict[str, Drawing]) -> None:
    for task, drawn in (("vae", "latent numbers"), ("diffusion", "noise")):
        said = f"Every test image has one draw of {drawn}, the same for all networks: another draw would shift"
        assert said in figures[f"tickets-{task}"].caption and said not in figures[f"samples-{task}"].caption


def test_all_kinds_of_networks_are_drawn_with_the_floor(figures: dict[str, Drawing]) -> None:
    metric, _, images = figures["tickets-vae"].draw().axes
    lines = {str(line.get_label()) for line in metric.get_lines()}
    assert lines == {
        *("winning ticket", "random mask", "random reinitialization"),
        *("ticket rewound to step 5", "dense network"),
    }
    assert "training images (floor)" in {str(line.get_label()) for line in images.get_lines()}


def test_a_sheet_shows_real_images_and_those_of_every_network(figures: dict[str, Drawing]) -> None:
    panels = figures["samples-vae"].draw().axes
    assert [panel.get_title() for panel in panels[:4]] == [
        *("real images", "dense network"),
        *("winning ticket, 50%", "random mask, 50%"),
    ]
    assert len(panels) == 2 * 5 and all(len(panel.get_images()) == 1 for panel in panels)
    assert panels[0].get_images()[0].get_array()[0, :2].tolist() == [0x00, 0xFF]  # pyright: ignore


def test_a_network_that_diverged_says_so() -> None:
    images = tables()["images"]
    lost = (images["network"] == "ticket") & (images["level"] == 2)
    drawings = study().figures(config(), tables() | {"images": images[~lost]})
    panel = drawings[1].draw().axes[4]
    assert [text.get_text() for text in panel.texts] == ["diverged"]
