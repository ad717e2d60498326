"""The index of the pages of all configs. Pure: pages in, text out."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from urllib.parse import quote

from lth_core.report.page import templates


def index(pages: Mapping[str, str]) -> str:
    """Render the index of `pages`: name of the config -> the page's text, which describes itself."""
    listed = [
        {"name": name, "link": f"{quote(name)}/index.html", "description": description(page)}
        for name, page in sorted(pages.items())
    ]
    return templates().get_template("pages.html.j2").render(pages=listed)


def description(page: str) -> str:
    """Return what a page says of itself, or that it says nothing."""
    match = re.search(r'<meta name="description" content="([^"]*)">', page)
    return html.unescape(match[1]) if match else "This page cannot be read: run its config again."
