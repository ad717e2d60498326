"""The page of two runs in a real browser: it fits narrow screens, finds claims, its marks and figures work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lth_core.__main__ import main
from tests.support.browser import MISSING, Browser, chromium
from tests.support.two_runs import claim, config, write_run

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"no {' and '.join(MISSING)} on this machine")

VALUES = [3.0, 3.2, 3.1, 2.9, 3.3]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("runs")
    first = write_run(folder / "before", [claim("Tickets match", VALUES), claim("Masks matter", VALUES)])
    turned = [claim("Tickets match", [-value for value in VALUES])]
    second = write_run(folder / "after", turned, settings=config(learning_rate=0.4))
    assert main(["compare", str(first), str(second), "--output", str(folder / "compared")]) == 0
    return (folder / "compared/index.html").as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("width", [400, 1400])
def test_no_screen_scrolls_sideways(browser: Browser, address: str, width: int) -> None:
    browser.open(address, width=width)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"


def test_a_mark_leads_to_its_claim_and_a_figure_is_enlarged(browser: Browser, address: str) -> None:
    browser.open(address)
    browser.click(".grid .mark")
    assert "Tickets match" in browser.run("return document.querySelector(':target').textContent")
    browser.click("a.enlarge")
    assert browser.run("return document.getElementById('enlarged').open") is True
    assert "A solid, B dashed" in browser.run("return document.getElementById('enlarged-caption').textContent")
    assert browser.log("browser") == []


def test_what_did_not_change_is_filtered_out(browser: Browser, address: str) -> None:
    sentences = (
        "return [...document.querySelectorAll('#results tr.claim')].map(row => row.querySelector('td').innerText)"
    )
    browser.open(address)
    status = "return document.getElementById('matches').textContent"
    assert browser.run(status) == "2 claims and 1 figure, all of them below." and browser.run(sentences) == []
    browser.click("#find [name=changed]")
    (changed,) = browser.run(sentences)
    assert "Tickets match" in changed and browser.run(status) == "1 of 2 claims"
    browser.click("#results a")
    assert "Tickets match" in browser.run("return document.querySelector(':target').textContent")
    browser.click("#find [type=reset]")
    browser.run(
        "const form = document.querySelector('#find form'); form.elements.words.value = 'masks';"
        "form.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    (matching,) = browser.run(sentences)
    assert "Masks matter" in matching
    assert browser.log("browser") == []
