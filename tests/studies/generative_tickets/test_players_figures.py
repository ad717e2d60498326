"""Figures of GANs: every one can be drawn, and says what it shows and who judged."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex

from lth_core.drawing.colours import role_style
from lth_core.drawing.words import describe
from lth_core.studies.base import Drawing
from tests.support.players_results import config, study, tables


@pytest.fixture(scope="module")
def figures() -> dict[str, Drawing]:
    return {drawing.name: drawing for drawing in study().figures(config(), tables())}


def labels(drawing: Drawing, panel: int = 0) -> set[str]:
    return {str(line.get_label()) for line in drawing.draw().axes[panel].get_lines()}


def test_every_figure_is_drawn_with_its_caption(figures: dict[str, Drawing]) -> None:
    assert list(figures) == study().figure_names(config())
    for drawing in figures.values():
        drawing.draw().draw_without_rendering()
        assert "Data: digits, network: " in drawing.caption


def test_a_gan_is_shown_by_what_its_judge_sees(figures: dict[str, Drawing]) -> None:
    panels = figures["tickets-gan"].draw().axes
    axes = [panel.get_ylabel().replace("\n", " ") for panel in panels]
    assert axes == [
        "Fréchet distance to test images",
        "classes that images cover (%)",
        "entropy of the images' classes (nats)",
    ]
    assert "training images (floor)" in labels(figures["tickets-gan"])
    caption = figures["tickets-gan"].caption
    assert (
        "The judge, the classifier of task 'judge', classifies 97% of validation images correctly; a judge needs 90%."
        in caption
    )


def test_the_floor_is_said_to_be_of_held_out_images_or_of_those_that_the_judge_has_seen() -> None:
    seen = "the floor, that of as many training images, which the judge was trained on (others are too few)), the part"
    for images, said in (("training", seen), ("validation", "the floor, that of as many validation images), the part")):
        known = tables()
        known["judged"] = known["judged"].assign(floor_images=images)
        drawing = {one.name: one for one in study().figures(config(), known)}["tickets-gan"]
        assert said in drawing.caption and f"{images} images (floor)" in labels(drawing)


def test_the_spread_of_seeds_is_put_in_proportion(figures: dict[str, Drawing]) -> None:
    said = (
        "The spread of dense networks over seeds, 1 point, which still matches, is 14.3% of the difference between the "
        "dense network (10) and real images in place of drawn ones (3)."
    )
    assert said in figures["tickets-gan"].caption


def test_every_judged_panel_says_which_way_is_better(figures: dict[str, Drawing]) -> None:
    caption = figures["tickets-gan"].caption
    assert "(lower is better; dotted: the floor" in caption
    assert "the entropy of the classes (of both, higher is better)" in caption
    for name in ("players-gan", "transfer-gan", "transfer-vae"):
        assert "Lower is better." in figures[name].caption


def test_other_discriminators_are_drawn_beside_the_generator_alone(figures: dict[str, Drawing]) -> None:
    assert labels(figures["players-gan"]) == {
        *("generator pruned alone", "both players pruned", "trained discriminator", "fresh discriminator"),
        *("dense network", "training images (floor)"),
    }


def test_no_discriminator_has_the_colour_of_a_control(figures: dict[str, Drawing]) -> None:
    lines = figures["players-gan"].draw().axes[0].get_lines()
    colours = {
        to_hex(line.get_color()) for line in lines if str(line.get_label()).endswith(("discriminator", "pruned"))
    }
    assert len(colours) == 3
    assert not colours & {role_style(role).colour.lower() for role in ("ticket", "random-mask", "reinit")}


@pytest.mark.parametrize(
    ("options", "said", "drawn"),
    [
        (
            {},
            "alone, whose discriminator starts from theta_0, trained by the round before, or fresh; and with both "
            "players pruned. Lower",
            {"both players pruned", "trained discriminator", "fresh discriminator"},
        ),
        ({"discriminator_levels": []}, "alone and with both players pruned. Lower", {"both players pruned"}),
        (
            {"both": {}},
            "alone, whose discriminator starts from theta_0, trained by the round before, or fresh. Lower",
            {"trained discriminator", "fresh discriminator"},
        ),
    ],
)
def test_the_caption_of_players_names_only_what_is_drawn(options: dict, said: str, drawn: set[str]) -> None:
    drawings = {drawing.name: drawing for drawing in study(**options).figures(config(**options), tables())}
    seen = "which the judge was trained on (others are too few)"
    said = said.replace(" Lower", f" Dotted: the floor, that of as many training images, {seen}. Lower")
    assert f"with the generator pruned {said} is better." in drawings["players-gan"].caption
    always = {"generator pruned alone", "dense network", "training images (floor)"}
    assert labels(drawings["players-gan"]) == drawn | always


def test_other_discriminators_at_one_density_stand_beside_each_other() -> None:
    """Their intervals are bars, which would cover each other."""
    one = {"discriminator_levels": [3]}
    drawing = {known.name: known for known in study(**one).figures(config(**one), tables(**one))}["players-gan"]
    (axes,) = drawing.draw().axes
    at = [line.get_xdata() for line in axes.get_lines() if str(line.get_label()).endswith("discriminator")]
    assert [float(x[0]) for x in map(list, at)] == pytest.approx([0.125 * 1.07, 0.125 / 1.07])
    assert "trained by the round before, or fresh (beside each other, at one density); and" in drawing.caption


def test_passed_on_generators_are_drawn_in_the_metric_of_their_task(figures: dict[str, Drawing]) -> None:
    assert labels(figures["transfer-vae"]) == {"ticket of gan", "random mask, same counts", "dense network"}
    assert figures["transfer-vae"].draw().axes[0].get_ylabel().replace("\n", " ") == "test negative ELBO (nats)"
    assert labels(figures["transfer-gan"]) > {"ticket of vae", "ticket of its own", "training images (floor)"}
    assert "Dotted: the floor, that of as many training images" in figures["transfer-gan"].caption
    assert "Dotted" not in figures["transfer-vae"].caption


def test_the_caption_of_transfers_says_what_becomes_of_the_discriminator_of_a_gans_own_ticket() -> None:
    for method, said in (
        ("generator", "the task's, of its generator alone; its discriminator is not pruned, either."),
        ("imp", "the task's, by the density of both players; its discriminator is pruned, too."),
    ):
        options = {"tasks": {"gan": method, "vae": "imp"}}
        known = {drawing.name: drawing for drawing in study(**options).figures(config(**options), tables(**options))}
        assert f"Ticket of its own: {said} Lower is better" in known["transfer-gan"].caption
        assert "of its own" not in known["transfer-vae"].caption


def test_captions_have_what_claims_remark(figures: dict[str, Drawing]) -> None:
    made, measured = tables(), tables()["measurements"]
    same = measured["branch"].isin(["ticket", "random-mask"]) & (measured["task"] == "vae")
    value = 25 + 1.01 * (measured["seed"] - 1)  # that of the dense network, but for a little by seed
    made["measurements"] = measured.assign(metric=measured["metric"].mask(same, value))
    drawings = {drawing.name: drawing for drawing in study().figures(config(), made)}
    assert drawings["tickets-vae"].caption.endswith("it does not tell tickets from them.")
    assert not any("does not tell" in drawing.caption for drawing in figures.values())


def test_a_judge_that_is_not_good_enough_is_named_in_one_line() -> None:
    drawings = study().figures(config(), tables(accuracy=0.89))
    assert "No distances are reported, because the classifier of task 'judge' classifies 89%" in drawings[0].caption
    judged = [drawing for drawing in drawings if drawing.name in ("tickets-gan", "players-gan", "transfer-gan")]
    assert len(judged) == 3
    for drawing in judged:
        figure = drawing.draw()
        figure.draw_without_rendering()
        assert not figure.legends and not figure.axes[0].lines
        assert drawing.caption.startswith(
            "This figure would show what the judge says of drawn images. No distances are reported, "
        )
        assert not any(words in drawing.caption for words in ("otted", "Drawn:", "by density", "Lower is better"))
        assert describe(figure).startswith("Figure: No distances are reported, because")
        assert describe(figure).endswith("that a judge needs.")
    (passed,) = (drawing for drawing in drawings if drawing.name == "transfer-vae")
    assert passed.draw().axes[0].lines
