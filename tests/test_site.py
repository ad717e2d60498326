"""The site: it builds without a warning, and loads nothing from the network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT / ".venv/docs"

pytestmark = pytest.mark.skipif(
    not (PACKAGES / "installed.txt").exists(), reason="the site's packages are not installed (make docs)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES), "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_no_page_loads_anything_from_the_network(site: Path) -> None:
    loads = r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//|<link\b[^>]*href=["']?(?:https?:)?//"""
    for page in site.rglob("*.html"):
        assert not re.search(loads, page.read_text(encoding="utf-8")), page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import", style.read_text(encoding="utf-8")), style


def test_documents_of_the_top_folder_are_pages_and_link_to_pages(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="tutorial.html"' in home and "docs/tutorial" not in home
    assert (site / "contributing.html").exists() and (site / "changelog.html").exists()
    assert 'href="../config/mnist.yaml"' in (site / "reference/configs.html").read_text(encoding="utf-8")
    assert (site / "config/mnist.yaml").read_bytes() == (ROOT / "config/mnist.yaml").read_bytes()


def test_every_generated_page_of_the_gallery_is_listed(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    assert all(f"gallery/{page.stem}.html" in home for page in (ROOT / "docs/gallery").glob("*.md"))


def test_the_search_finds_what_the_numbers_mean(site: Path) -> None:
    entries = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))["docs"]
    pages = {entry["location"].partition("#")[0] for entry in entries if "Holm" in entry["text"]}
    assert "explanation/numbers.html" in pages
