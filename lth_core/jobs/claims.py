"""Rule claims: the tables of all studies -> claims.csv, one row per claim with its effect, interval and verdict."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, fields

from lth_core.analysis.claims import Claim
from lth_core.jobs.support.command import command
from lth_core.jobs.support.loading import load, parser, read_tables
from lth_core.storage.files import write_text
from lth_core.storage.paths import claims_file


@command
def main() -> None:
    options = parser(__doc__).parse_args()
    config, studies = load(options.spec)
    found = [
        claim for name, study in studies.items() for claim in study.claims(config, read_tables(config, name, study))
    ]
    write_text(claims_file(config.results), claims_csv(found))


def claims_csv(found: list[Claim]) -> str:
    """One row per claim, one column per field of `Claim`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Claim)])
    for claim in found:
        writer.writerow([f"{value:.9g}" if isinstance(value, float) else value for value in astuple(claim)])
    return text.getvalue()


if __name__ == "__main__":
    main()
