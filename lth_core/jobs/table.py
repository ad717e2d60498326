"""Rule table: the histories and analyses of a study -> its tidy tables, each with its provenance beside it."""

from __future__ import annotations

import json
from pathlib import Path

from lth_core.artifacts import provenance, table_file, write_text
from lth_core.jobs.command import command
from lth_core.jobs.loading import load, parser


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


if __name__ == "__main__":
    main()
