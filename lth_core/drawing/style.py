"""The style of every figure: fonts, widths, spacing, file formats. Importing this module sets matplotlib's defaults."""

from __future__ import annotations

import matplotlib

from lth_core.drawing import colours

FORMATS = {
    "svg": {"metadata": {"Date": None}},
    "png": {"dpi": 200, "metadata": {"Software": None}},
    "pdf": {"metadata": {"CreationDate": None}},
}
"""Each of FIGURE_FORMATS -> options of `savefig`; no clock times, so equal figures are equal files."""

SMALL = 7.5
"""Points of the smallest text: numbers beside bars, marks, names of nodes."""

matplotlib.rcdefaults()  # whatever a matplotlibrc of the user's says: the same figure on every machine
matplotlib.rcParams.update(
    {
        "font.family": "DejaVu Sans",  # comes with matplotlib
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8,
        "legend.title_fontsize": 8,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": colours.GRID,
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.4,
        "lines.markersize": 3.5,
        "figure.constrained_layout.w_pad": 0.08,
        "figure.constrained_layout.h_pad": 0.06,
        "svg.hashsalt": "lth",
        "pdf.fonttype": 42,
    }
)
