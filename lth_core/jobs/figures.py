"""Draw the figures of a study from its tables: a rule per study.

Output: every figure as svg, png and pdf, and captions.json: what is plotted, and in words what is seen.
"""

from __future__ import annotations

import json
from pathlib import Path

from lth_core.drawing.figures import save
from lth_core.drawing.words import describe
from lth_core.jobs.support.command import command
from lth_core.jobs.support.loading import of_study, read_tables
from lth_core.storage.files import write_text
from lth_core.storage.paths import captions_file, figure_file


@command
def main() -> None:
    name, study, config, _ = of_study(__doc__)
    drawings = study.figures(config, read_tables(config, name, study))
    captions = {}
    for drawing in drawings:
        path = figure_file(config.reports, config.name, name, drawing.name, "svg")
        figure = drawing.draw()
        save(figure, Path(path).with_suffix(""))
        captions[drawing.name] = {"caption": drawing.caption, "seen": describe(figure)}
    path = captions_file(config.reports, config.name, name)
    write_text(path, json.dumps(captions, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
