"""Test the claims of all studies on their tables: rule `claims`.

Output: claims.csv with one row per claim: its effect, interval and verdict.
"""

from __future__ import annotations

from dataclasses import astuple, fields

from lth_core.analysis.claims import Claim
from lth_core.jobs.support.command import command
from lth_core.jobs.support.loading import load, parser, read_tables
from lth_core.storage.paths import claims_file
from lth_core.storage.tables import write_table


@command
def main() -> None:
    options = parser(__doc__).parse_args()
    config, studies = load(options.spec)
    claims = [
        claim for name, study in studies.items() for claim in study.claims(config, read_tables(config, name, study))
    ]
    columns = [field.name for field in fields(Claim)]
    write_table(claims_file(config.results, config.name), columns, [astuple(claim) for claim in claims])


if __name__ == "__main__":
    main()
