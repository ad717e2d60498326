"""Figures inside a page, as data URIs; a page of many figures holds them compressed, and its script unpacks them."""

from __future__ import annotations

import base64
import gzip
import re

LARGEST_SVG = 400_000
"""Bytes above which the page shows a figure's png instead of its svg."""
LARGEST_PLAIN = 3_000_000
"""Characters of all figures of a page above which they are compressed: to about a sixth."""
SVG, PACKED = "data:image/svg+xml;base64,", "data:application/gzip;base64,"


def image_uri(svg: bytes, png: bytes) -> str:
    """Encode a figure as a data URI: sharp lines (svg) unless that is large."""
    return _uri(SVG, svg) if len(svg) <= LARGEST_SVG else _uri("data:image/png;base64,", png)


def width_of(svg: bytes) -> int:
    """Return how many pixels wide a figure is drawn, in which its text has the size that it was made for."""
    match = re.search(rb'<svg[^>]*? width="([\d.]+)pt"', svg)
    return round(float(match[1]) * 4 / 3) if match else 0


def packed(uri: str) -> str:
    """Compress an image's data URI, which no `src` may then hold; a png stays as it is."""
    if not uri.startswith(SVG):
        return uri
    return _uri(PACKED, gzip.compress(base64.b64decode(uri.removeprefix(SVG)), mtime=0))


def _uri(kind: str, content: bytes) -> str:
    return kind + base64.b64encode(content).decode()
