"""The index of the pages of all configs. Pure: pages in, text out."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from lth_core.report.page import templates


def index(pages: Mapping[str, str]) -> str:
    """Render the index of `pages`: name of the config -> the page's text, which says what it shows."""
    listed = [
        {"name": name, "link": f"{quote(name)}/index.html", "description": description(page), **facts(page)}
        for name, page in sorted(pages.items())
    ]
    return templates().get_template("pages.html.j2").render(pages=listed)


def description(page: str) -> str:
    """Return what a page says of itself, or that it says nothing."""
    return _meta(page, "description") or "This page cannot be read: run its config again."


def facts(page: str) -> dict[str, Any]:
    """Return what a page was trained on, its papers and its verdicts; nothing of a page that does not say it."""
    return {"trained": "", **json.loads(_meta(page, "facts") or "{}")}


def _meta(page: str, name: str) -> str:
    match = re.search(rf'<meta name="{name}" content="([^"]*)">', page)
    return html.unescape(match[1]) if match else ""
