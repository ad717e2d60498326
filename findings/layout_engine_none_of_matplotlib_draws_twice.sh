#!/usr/bin/env bash
# matplotlib 3.11.2: set_layout_engine("none"), which is documented to remove the layout engine, leaves a placeholder in
# its place where a figure had one. savefig takes this for an engine that needs a first draw: every file costs two draws,
# as if the layout were still to be computed. set_layout_engine(None), documented as "what rcParams say", does remove it
# (with the default rcParams), and the files are the same to the byte.
# Seen: three formats of a figure that is laid out already take 6 draws with "none", 3 with None; equal files.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check matplotlib==3.11.2 numpy==2.4.6
cat > "$folder/draws.py" <<'PYTHON'
from io import BytesIO

import matplotlib
from matplotlib.figure import Figure

matplotlib.rcParams["svg.hashsalt"] = "same"
FORMATS = {"svg": {"Date": None}, "png": {"Software": None}, "pdf": {"CreationDate": None}}


class Counted(Figure):
    draws = 0

    def draw(self, renderer):
        self.draws += 1
        super().draw(renderer)


def saved(engine: str | None) -> list[bytes]:
    figure = Counted(layout="constrained")
    figure.add_subplot().plot([1, 3, 2])
    figure.draw_without_rendering()
    figure.set_layout_engine(engine)
    before, files = figure.draws, []
    for suffix, metadata in FORMATS.items():
        file = BytesIO()
        figure.savefig(file, format=suffix, metadata=metadata)
        files.append(file.getvalue())
    print(engine, type(figure.get_layout_engine()).__name__, figure.draws - before)
    return files


print("equal files:", saved("none") == saved(None))
PYTHON
"$folder/venv/bin/python" "$folder/draws.py" | tee "$folder/seen"
grep -qx "none PlaceHolderLayoutEngine 6" "$folder/seen"
grep -qx "None NoneType 3" "$folder/seen"
grep -qx "equal files: True" "$folder/seen"
