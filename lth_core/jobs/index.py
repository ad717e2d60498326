"""List the pages of all configs: rule `index`.

Input: the pages. Output: reports/index.html.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lth_core.jobs.support.command import command
from lth_core.report.index import index
from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import read_bytes, write_text


@command
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True, help="JSON: digests of code and templates")
    arguments.add_argument("--pages", nargs="+", required=True, help="the configs' pages, each in a folder of its name")
    arguments.add_argument("--output", required=True)
    options = arguments.parse_args()
    write_text(options.output, index({Path(page).parent.name: text_of(page) for page in options.pages}))


def text_of(page: str) -> str:
    """Read a page; empty where it is damaged, which another config's run cannot mend."""
    try:
        return read_bytes(page).decode()
    except ArtifactError:
        return ""


if __name__ == "__main__":
    main()
