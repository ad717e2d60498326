"""The page in a real browser: it finds claims, enlarges figures, fits narrow screens, and asks no one for anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import lth_core.report.page
from lth_core.report.index import index
from tests.support.browser import MISSING, Browser, chromium
from tests.support.pages import invented_page

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"no {' and '.join(MISSING)} on this machine")

ESCAPE, TAB, RIGHT = "\ue00c", "\ue004", "\ue014"
PAPERS, CLAIMS, FIGURES = 3, 8, 2


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("reports") / "index.html"
    file.write_text(invented_page(PAPERS, CLAIMS, FIGURES), encoding="utf-8")
    return file.as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Browser]:
    """Open the page, and check at the end that nothing went wrong and nothing was fetched."""
    browser.open(address)
    browser.run("localStorage.clear()")
    browser.log("browser"), browser.log("performance")
    browser.open(address)
    yield browser
    assert browser.log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert asked and all(url.startswith(("file:", "data:")) for url in asked)


def choose(page: Browser, **values: str) -> None:
    """Fill in the filters as a reader does."""
    page.run(
        "const form = document.querySelector('#find form');"
        "for (const [name, value] of Object.entries(arguments[0])) form.elements[name].value = value;"
        "form.dispatchEvent(new Event('input', {bubbles: true}))",
        values,
    )


def status(page: Browser) -> str:
    return page.run("return document.getElementById('matches').textContent")


def results(page: Browser, column: str) -> list[str]:
    return page.run(f"return [...document.querySelectorAll('#results tr.claim')].map(row => row.dataset.{column})")


# ---------------------------------------------------------------- finding


def test_without_filters_nothing_is_listed_twice(page: Browser) -> None:
    assert status(page) == "24 claims and 6 figures, all of them below." and results(page, "task") == []


@pytest.mark.parametrize(
    ("column", "value", "count"), [("study", "paper1", 8), ("task", "letters", 9), ("verdict", "contradicted", 9)]
)
def test_a_filter_lists_the_claims_that_fit(page: Browser, column: str, value: str, count: int) -> None:
    choose(page, **{column: value})
    assert results(page, column) == [value] * count and status(page) == f"{count} of 24 claims"


def test_filters_and_words_narrow_each_other_and_clearing_them_lists_nothing(page: Browser) -> None:
    choose(page, words="REWINDING step", study="paper2", verdict="contradicted", task="letters")
    assert status(page) == "1 of 24 claims, 0 of 6 figures"
    assert page.run("return document.querySelector('#results tr.claim td:nth-child(2)').textContent").count("Rewinding")
    page.click("#find button[type=reset]")
    page.run("return new Promise(done => setTimeout(done, 50))")
    assert results(page, "task") == []


def test_words_are_not_looked_for_in_values_by_seed(page: Browser) -> None:
    assert page.run("return document.querySelector('.seeds').textContent").startswith("values by seed")
    choose(page, words="by seed")
    assert status(page).startswith("0 of 24 claims")


def test_words_find_figures_too(page: Browser) -> None:
    choose(page, words="figure 1;", study="paper2")
    assert status(page).endswith("1 of 6 figures")
    link = "#matching-figures a"
    assert page.run(f"return document.querySelector('{link}').textContent") == "Figure 1: curves"
    page.click(link)
    assert page.run("return location.hash") == "#paper2-fig01-curves-paper2"


@pytest.mark.parametrize(("order", "sign"), [("largest", -1), ("smallest", 1)])
def test_effects_are_sorted_within_their_unit(page: Browser, order: str, sign: int) -> None:
    choose(page, sort=order)
    shown = list(zip(results(page, "unit"), map(float, results(page, "estimate")), strict=True))
    assert len(shown) == 24 and shown == sorted(shown, key=lambda row: (row[0], sign * row[1]))


def test_the_clearest_claims_come_first_and_those_without_an_interval_last(page: Browser) -> None:
    choose(page, sort="clearest")
    values = results(page, "clarity")
    assert values[-3:] == ["nan"] * 3
    sizes = [abs(float(value)) for value in values[:-3]]
    assert sizes == sorted(sizes, reverse=True)


def test_a_claim_that_was_found_leads_to_its_paper(page: Browser) -> None:
    choose(page, study="paper2")
    page.click("#results tr.claim a")
    assert page.run("return location.hash") == "#paper2-claim-1"
    assert page.run("return document.querySelectorAll('#paper2-claim-1').length") == 1


def test_a_mark_of_the_overview_leads_to_its_claim(page: Browser) -> None:
    page.click(".grid .mark.contradicted")
    assert page.run("return document.querySelector(':target').dataset.verdict") == "contradicted"


# ---------------------------------------------------------------- figures


def test_a_figure_is_enlarged_by_a_click_and_escape_closes_it(page: Browser) -> None:
    is_open = "return document.getElementById('enlarged').open"
    assert page.run(is_open) is False
    page.click("#paper1-fig00-curves-paper1 a.enlarge")
    assert page.run(is_open) is True
    assert page.run("return document.getElementById('enlarged-name').textContent") == "Figure 0: curves"
    image = "const i = document.querySelector('dialog img'); return [i.alt, i.naturalWidth > 0]"
    assert page.comes_to(image, ["Line chart 0", True])
    page.click("dialog .step[data-step='1']")
    assert page.run("return document.getElementById('enlarged-name').textContent") == "Figure 1: curves"
    page.press(ESCAPE)
    assert page.run(is_open) is False
    assert page.comes_to("return document.activeElement.closest('figure')?.id", "paper1-fig01-curves-paper1")


# ---------------------------------------------------------------- keyboard, colours, screens, paper


def widths(browser: Browser, file: Path) -> list[int]:
    """How wide the figures of a page are by themselves, in pixels, once all are there."""
    browser.open(file.as_uri())
    images = "[...document.querySelectorAll('figure img')]"
    assert browser.comes_to(f"return {images}.every((image) => image.naturalWidth)", True)
    return browser.run(f"return {images}.map((image) => image.naturalWidth)")


def test_the_figures_of_a_large_page_are_unpacked(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lth_core.report.page, "LARGEST_PLAIN", 0)
    large = tmp_path / "large.html"
    large.write_text(invented_page(PAPERS, CLAIMS, FIGURES), encoding="utf-8")
    assert 'src="data:' not in large.read_text(encoding="utf-8")
    shown = widths(browser, large)
    assert len(shown) == PAPERS * FIGURES and min(shown) > 0
    assert browser.run("return document.querySelectorAll('noscript').length") == 1


def test_the_first_stop_of_the_keyboard_skips_to_the_content(page: Browser) -> None:
    page.press(TAB)
    assert page.comes_to("return document.activeElement.textContent", "Skip to the content")
    outline = "const style = getComputedStyle(document.activeElement); return style.outlineStyle + style.outlineWidth"
    assert page.run(outline) == "solid3px"


def test_a_row_of_marks_is_one_stop_of_the_keyboard_and_arrows_walk_along_it(page: Browser) -> None:
    assert page.run("return document.querySelectorAll('.grid a[tabindex=\"0\"]').length") == PAPERS
    page.run("document.querySelector('.marks .mark').focus()")
    page.press(RIGHT, RIGHT)
    assert (
        page.run("const all = [...document.querySelectorAll('.mark')]; return all.indexOf(document.activeElement)") == 2
    )


def test_dark_and_light_follow_the_system_until_the_reader_chooses(page: Browser, address: str) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = page.run(paper)
    page.open(address, scheme="dark")
    dark = page.run(paper)
    assert light == "rgb(255, 255, 255)" and dark == "rgb(21, 24, 28)"
    assert page.run("return getComputedStyle(document.querySelector('.enlarge')).backgroundColor") == light
    page.click("#theme")
    assert page.run(paper) == light
    assert page.run("return localStorage.getItem('theme')") == "light"
    page.click("#theme")
    assert page.run(paper) == dark


def test_the_chosen_colours_are_remembered(page: Browser) -> None:
    page.click("#theme")
    page.run("document.documentElement.removeAttribute('data-theme')")
    page.run("if (remembered()) setTheme(remembered())")  # as the script begins, when the page is opened again
    assert page.run("return document.documentElement.dataset.theme") == "dark"


def test_the_index_of_pages_has_them_too(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "index.html"
    file.write_text(index({"mnist": "", "cifar10": ""}), encoding="utf-8")
    browser.open(file.as_uri())
    browser.run("localStorage.clear()")
    browser.log("browser")
    browser.open(file.as_uri())
    paper = "return getComputedStyle(document.body).backgroundColor"
    assert browser.run(paper) == "rgb(255, 255, 255)"
    browser.click("#theme")
    assert browser.run(paper) == "rgb(21, 24, 28)"
    assert browser.run("return document.getElementById('theme').textContent") == "Light"
    assert browser.log("browser") == []


@pytest.mark.parametrize("width", [400, 700, 1000, 1400])
def test_no_screen_scrolls_sideways(page: Browser, address: str, width: int) -> None:
    page.open(address, width=width)
    page.run("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    choose(page, words="the")
    assert page.run("return document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"


def test_on_a_telephone_only_figures_of_several_panels_scroll_and_text_can_be_read(page: Browser, address: str) -> None:
    page.open(address, width=400)
    images = "[...document.querySelectorAll('figure img')]"
    assert page.comes_to(f"return {images}.every((image) => image.naturalWidth)", True)
    scrolls = "(image) => { const box = image.closest('.scroll'); return box.scrollWidth > box.clientWidth; }"
    assert page.run(f"return {images}.map({scrolls})") == PAPERS * [True, False]
    shrunk = page.run(f"return {images}.map((image) => image.clientWidth / image.naturalWidth)")
    assert all(0.65 < scale < 0.8 for scale in shrunk)
    tables = "return [...document.querySelectorAll('.stacked')].map((table) => table.parentElement)"
    assert page.run(f"{tables}.map((box) => box.scrollWidth - box.clientWidth)") == [0, 0]
    label = "return getComputedStyle(document.querySelector('#provenance td'), '::before').content"
    assert page.run(label) == '"seeds: "'


def test_on_a_wide_screen_figures_have_their_own_size(page: Browser) -> None:
    sizes = "[...document.querySelectorAll('figure img')].map((image) => image.clientWidth - image.naturalWidth)"
    assert page.comes_to(f"return Math.max(...{sizes}.map(Math.abs)) <= 1", True)


def test_contents_are_folded_on_narrow_screens(page: Browser, address: str) -> None:
    shown = "return document.getElementById('list-of-contents').checkVisibility()"
    assert page.run(shown) is True
    page.open(address, width=400)
    assert page.run(shown) is False
    page.click("#contents")
    assert page.run(shown) is True
    page.press(ESCAPE)
    assert page.run(shown) is False


def test_without_the_script_all_is_shown(page: Browser, address: str) -> None:
    page.open("about:blank", width=400)
    page.devtools("Emulation.setScriptExecutionDisabled", value=True)
    page.open(address, width=400)
    assert page.has("#enlarged-caption")  # the end of the page: the driver cannot tell when it is there without scripts
    page.devtools("Emulation.setScriptExecutionDisabled", value=False)
    assert page.run("return document.documentElement.className") == ""
    assert page.run("return document.getElementById('list-of-contents').checkVisibility()") is True
    assert page.run("return document.getElementById('find').checkVisibility()") is False
    hidden = "return [...document.querySelectorAll('.claim, figure')].filter(part => !part.checkVisibility()).length"
    assert page.run(hidden) == 0


def test_folded_parts_are_printed(page: Browser) -> None:
    heights = "return [...document.querySelectorAll('details:not(.seeds)')].map(part => part.clientHeight)"
    folded = page.run(heights)
    page.devtools("Emulation.setEmulatedMedia", media="print")
    printed = page.run(heights)
    page.devtools("Emulation.setEmulatedMedia", media="")
    assert all(after > 2 * before for before, after in zip(folded, printed, strict=True))
    assert page.pdf().startswith(b"%PDF")


def test_values_by_seed_are_printed_where_the_reader_has_opened_them(page: Browser) -> None:
    page.click(".study .seeds summary")
    assert "seed 0:" in page.run("return document.querySelector('.seeds').innerText")
    page.run("dispatchEvent(new Event('beforeprint'))")
    page.devtools("Emulation.setEmulatedMedia", media="print")
    shown = page.run("return [...document.querySelectorAll('.study .seeds')].map(part => part.checkVisibility())")
    page.devtools("Emulation.setEmulatedMedia", media="")
    assert shown == [True] + 23 * [False]
