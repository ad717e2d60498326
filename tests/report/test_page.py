"""The report page: self-contained, escaped, the same bytes every time."""

from __future__ import annotations

import base64
import gzip
import html
import re

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lth_core.report.images import LARGEST_SVG, image_uri, packed, width_of
from tests.support.study_page import EVIL, SVG, Reader, claim, page, words


def test_the_configuration_is_one_that_can_be_run_again():
    shown = html.unescape(re.search(r"<pre>(.*?)</pre>", page(), re.DOTALL)[1])
    assert yaml.safe_load(shown)["methods"]["imp"]["fractions"] == {}


def test_the_page_needs_nothing_but_itself():
    reader = Reader(page())
    assert not {"link", "iframe", "object", "base"} & {tag for tag, _ in reader.tags}
    assert [attributes for tag, attributes in reader.tags if tag == "script"] == [{}]
    sources = [attributes["src"] for _, attributes in reader.tags if "src" in attributes]
    assert sources and all(source.startswith("data:image/") for source in sources)
    for _, attributes in reader.tags:
        assert "srcset" not in attributes and not any(name.startswith("on") for name in attributes)
        assert not re.match(r"[a-z]+:|//|/", attributes.get("href", ""))  # to files beside it, or within the page
    assert not re.search(r"https?://|url\(|@import", page())


def test_links_within_the_page_lead_somewhere():
    reader = Reader(page())
    ids = {attributes.get("id") for _, attributes in reader.tags}
    assert {
        attributes["href"][1:] for _, attributes in reader.tags if attributes.get("href", "").startswith("#")
    } <= ids


def test_text_from_outside_is_escaped_everywhere():
    claims = [claim("supported", claim=EVIL, effect=EVIL, source=EVIL, unit=EVIL, task=EVIL)]
    text = page(claims, caption=EVIL, title=EVIL)
    assert text.count("<script") == 1 and EVIL not in text
    assert words(text).count(EVIL) >= 7


@settings(max_examples=40, deadline=None)
@given(st.text(st.sampled_from("<>&\"'/= aäscript!-{}%#;\n"), min_size=1), st.integers(0, 6))
def test_no_text_from_outside_becomes_markup(text, index):
    """Whatever stands in a claim, a caption or a title: the page has the same tags and attributes."""
    keys = ("claim", "effect", "source", "unit", "task")

    def shape(text):
        claims = [claim("supported", **({keys[index]: text} if index < len(keys) else {}))]
        reader = Reader(page(claims, **({("caption", "title")[index - 5]: text} if 5 <= index < 7 else {})))
        return [(tag, sorted(attributes)) for tag, attributes in reader.tags]

    assert shape(text) == shape("plain")


def test_the_page_is_the_same_bytes_every_time():
    assert page() == page()


def test_the_config_is_shown_without_what_no_result_depends_on():
    shown = page()
    assert "batch_size: 60" in shown
    assert not any(f"{key}:" in shown for key in ("processes", "nodes", "data_root"))


def test_figures_are_inlined_as_svg_or_as_png_where_that_is_large():
    assert base64.b64decode(image_uri(SVG, b"png").removeprefix("data:image/svg+xml;base64,")) == SVG
    large = b"<svg>" + b" " * LARGEST_SVG
    assert base64.b64decode(image_uri(large, b"png").removeprefix("data:image/png;base64,")) == b"png"


def test_the_width_of_a_figure_is_that_of_its_svg_in_pixels():
    assert width_of(b'<?xml?><svg height="9pt" viewBox="0 0 1 1" width="331.2pt" x="y"><g width="1pt"/></svg>') == 442
    assert width_of(SVG) == 0 and "--width" not in page().partition("<body>")[2]


def test_the_heading_says_what_was_trained_and_whose_claims_are_tested():
    text = words(page())
    assert "Lottery tickets: lenet on digits Config config: claims of A & B, 2019, tested on" in text


def test_a_figure_is_compressed_to_the_same_bytes_every_time_and_a_png_not_at_all():
    small = packed(image_uri(SVG, b"png"))
    assert gzip.decompress(base64.b64decode(small.removeprefix("data:application/gzip;base64,"))) == SVG
    assert packed(image_uri(SVG, b"png")) == small
    assert packed("data:image/png;base64,AAAA") == "data:image/png;base64,AAAA"
