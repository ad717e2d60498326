"""Rule table: the histories and analyses of a study -> its tidy tables, each with its provenance beside it.

And the divergence of its trainings.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import astuple, fields
from pathlib import Path

from lth_core.analysis.divergence import Divergence, divergences
from lth_core.jobs.support.command import command
from lth_core.jobs.support.loading import load, parser
from lth_core.storage.files import write_text
from lth_core.storage.paths import divergence_file, table_file
from lth_core.storage.provenance import provenance


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--study", required=True)
    options = arguments.parse_args()
    config, studies = load(options.spec)
    made_by = json.dumps(provenance({"study": options.study, **options.spec}), indent=1, sort_keys=True)
    for name, table in studies[options.study].tables(config).items():
        path = table_file(config.results, options.study, name)
        write_text(Path(path).with_suffix(".json"), made_by + "\n")
        write_text(path, table.to_csv(index=False, lineterminator="\n"))
    found = divergences(config.results, studies[options.study].runs(config))
    write_text(divergence_file(config.results, options.study), divergence_csv(found))


def divergence_csv(found: Iterable[Divergence]) -> str:
    """One row per divergence, one column per field of `Divergence`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Divergence)])
    writer.writerows(astuple(divergence) for divergence in found)
    return text.getvalue()


if __name__ == "__main__":
    main()
