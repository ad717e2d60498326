"""What is seen on a figure, in words: the text that stands for it where it cannot be seen."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text

from lth_core.metrics import counted

MOST = 6
"""Panels, and lines or rows of a panel, that are described; of others the number is given."""
IN_WORDS_ONLY = "_: "
"""Begins the label of a line that is described with both its ends, and that the legend has under another label."""
POWER = re.compile(r"\$10\^\{(.+)\}\$")
"""What an axis of logarithms writes at a number."""
NOTHING = 1e-6
"""The part of an axis that is as good as no length."""


def describe(figure: Figure) -> str:
    """Say what each panel of a drawn figure shows: its axes, and where its lines begin and end, or its marks are."""
    shown = [axes for axes in figure.axes if axes.axison and not hasattr(axes, "_colorbar")]
    several = len(shown) > 1
    panels = [
        f"{f'Panel {number}' if several else 'Figure'}{_title(axes)}: {_panel(axes).removesuffix('.')}."
        for number, axes in enumerate(shown[:MOST], 1)
    ]
    rest = len(shown) - MOST
    more = [f"And {counted(rest, 'more panels')}."] if rest > 0 else []
    return " ".join([*panels, *more, *_blocks(figure)])


def _blocks(figure: Figure) -> list[str]:
    """Name the blocks of a sheet of images, which have no axes."""
    blocks = [axes for axes in figure.axes if not axes.axison and (axes.images or axes.texts)]
    names = [_plain(axes.get_title()) + ("" if axes.images else f" ({axes.texts[0].get_text()})") for axes in blocks]
    return [f"Blocks of images: {'; '.join(names)}."] if names else []


def _title(axes: Axes) -> str:
    title = _plain(" ".join(filter(None, (axes.get_title(loc) for loc in ("left", "center", "right")))))
    return f", {title}" if title else ""


def _panel(axes: Axes) -> str:
    """Describe one panel: heat map, bars, lines, rows of marks or points, whichever it has most of."""
    x, y = _horizontal(axes), _vertical(axes)
    against = f"{y} against {x}" if x and y else x or y or "values"
    meshes = [one for one in axes.collections if type(one).__name__ == "QuadMesh"]
    if axes.images or meshes:
        values = np.ma.filled([*axes.images, *meshes][0].get_array(), np.nan)
        return f"heat map, {against}{_fields(axes, values) or _extremes(values)}"
    if rows := _rows(axes):
        lines = _labelled_lines(axes, least=2)  # whose single points are in the rows
        return f"{against}; row by row, {_listed(rows)}{''.join(f'; {line}' for line in lines)}"
    lines = _labelled_lines(axes)
    if lines:
        return f"{against}; from left to right, {_listed(lines)}"
    if axes.containers:
        return f"bars, {against}"
    points = sum(np.shape(one.get_offsets())[0] for one in axes.collections if type(one).__name__ == "PathCollection")
    return f"{counted(points, 'points')}, {against}" if points else against


def _horizontal(axes: Axes) -> str:
    """Name the horizontal axis; where only the last panel of a column is labelled, as that one does."""
    column = [one for one in axes.figure.axes if _columns(one) == _columns(axes)]
    return next((label for panel in [axes, *column] if (label := _plain(panel.get_xlabel()))), "")


def _columns(axes: Axes) -> range | None:
    spec = axes.get_subplotspec()
    return spec.colspan if spec else None


def _vertical(axes: Axes) -> str:
    """Name the vertical axis; where panels share it, as the one that is labelled does."""
    panels = [axes, *axes.get_shared_y_axes().get_siblings(axes)]
    return next((label for panel in panels if (label := _plain(panel.get_ylabel()))), "")


def _fields(axes: Axes, values: np.ndarray) -> str:
    """Say what is in the fields of a heat map, row by row, after the names of its columns.

    That is what is printed in them or, where nothing is and the columns are few and have names, their values.
    """
    columns, rows = [_plain(label.get_text()) for label in axes.get_xticklabels()], _row_names(axes)
    if np.shape(values) != (len(rows), len(columns)):
        return ""
    texts = [text for text in axes.texts if type(text) is Text]  # no notes beside the fields
    printed = {text.get_position(): _plain(text.get_text().replace("\n", ", ")) for text in texts}
    fields = [[printed.get((column, row), "nothing") for column in range(len(columns))] for row in range(len(rows))]
    if all(set(row) == {"nothing"} for row in fields):
        if len(columns) > MOST or not all(columns):
            return ""
        fields = [[_short(value) if np.isfinite(value) else "nothing" for value in row] for row in values]
    listed = _listed([f"{name}: {' | '.join(row)}".removeprefix(": ") for name, row in zip(rows, fields, strict=True)])
    return f"; columns {' | '.join(columns)}; row by row, {listed}"


def _row_names(axes: Axes) -> list[str]:
    """Name the rows of a panel; where another one beside it is labelled, as that one does."""
    rows = [[_plain(label.get_text()) for label in panel.get_yticklabels()] for panel in (axes, *_beside(axes))]
    return next((names for names in rows if len(names) == len(rows[0]) and any(names)), rows[0])


def _beside(axes: Axes) -> list[Axes]:
    """List the other panels of a panel's row."""
    spec = axes.get_subplotspec()
    panels = [(one, one.get_subplotspec()) for one in axes.figure.axes if one is not axes]
    return [one for one, its in panels if spec and its and its.rowspan == spec.rowspan]


def _extremes(fields: np.ndarray) -> str:
    """Say between which values the fields of a heat map lie; of colours, and where all diverged, nothing."""
    known = np.asarray(fields, dtype=float)
    known = known[np.isfinite(known)] if known.ndim < 3 else known[:0]
    return f"; fields from {_short(known.min())} to {_short(known.max())}" if known.size else ""


def _labelled_lines(axes: Axes, least: int = 1) -> list[str]:
    """Say of each line that has a name, and `least` points, where it begins and ends."""
    described = []
    for line in axes.lines:
        label = str(line.get_label())
        x, y = np.asarray(line.get_xydata(), dtype=float).T
        known = np.isfinite(x) & np.isfinite(y)
        if label.startswith(IN_WORDS_ONLY) and known.any():
            described.append(f"{_plain(label.removeprefix(IN_WORDS_ONLY))} {_ends(axes, x[known], y[known])}")
        elif label.startswith("_") or known.sum() < least:
            continue
        elif label.endswith("diverged"):  # crosses, on the line of the others
            described.append(_plain(label))
        elif known.sum() == 1:
            described.append(f"{_plain(label)}: {_ends(axes, x[known], y[known])}")
        else:
            described.append(f"{_plain(label)} {_course(axes, x[known], y[known])}")
    return described


def _ends(axes: Axes, x: np.ndarray, y: np.ndarray) -> str:
    """Say where the leftmost and the rightmost point of a line are."""
    ends = (int(x.argmin()), int(x.argmax()))
    first, last = (f"{_value(axes.yaxis, y[end])} at {_value(axes.xaxis, x[end])}" for end in ends)
    return first if len(x) == 1 else f"from {first} to {last}"


def _course(axes: Axes, x: np.ndarray, y: np.ndarray) -> str:
    """Say where a line begins and ends, from left to right, and its peak where that is farther off than these are.

    Of an upright or a level line: where it is.
    """
    if np.ptp(x) == 0:
        return f"at {_value(axes.xaxis, x[0])}"
    if np.ptp(y) == 0:
        return f"at {_value(axes.yaxis, y[0])}"
    first, last = y[np.argsort(x, kind="stable")][[-1, 0] if axes.xaxis_inverted() else [0, -1]]
    course = f"from {_value(axes.yaxis, first)} to {_value(axes.yaxis, last)}"
    above, below = y.max() - max(first, last), min(first, last) - y.min()
    if max(above, below) <= abs(last - first):
        return course
    word, peak = ("highest", y.argmax()) if above >= below else ("lowest", y.argmin())
    return f"{course}, {word} {_value(axes.yaxis, y[peak])} at {_value(axes.xaxis, x[peak])}"


def _rows(axes: Axes) -> list[str]:
    """Say of each named row of a panel where its marks are, by the legend, and the lines through them."""
    ticks, names = axes.get_yticks(), _row_names(axes)
    numbers = not all(re.search(r"[^\W\d_]", name) for name in names)
    if numbers or len(names) < len(ticks):
        return []
    lines = [(line, np.asarray(line.get_xydata(), dtype=float)) for line in axes.lines]
    named = {_style(line): _plain(str(line.get_label())) for line, points in lines if not len(points)}
    marks = [(line, *points[0]) for line, points in lines if len(points) == 1]
    rows = []
    for row, (tick, name) in enumerate(zip(ticks, names, strict=True)):
        here = [(line, x, y) for line, x, y in marks if np.abs(ticks - y).argmin() == row]
        said = [
            f"{label + ' at ' if (label := named.get(_style(line))) else ''}"
            f"{_value(axes.xaxis, x)}{_spanned(axes, line, y)}"
            for line, x, y in here
        ]
        said += [
            _plain(text.get_text()) for text in axes.texts if type(text) is Text and text.get_position()[1] == tick
        ]
        rows += [f"{name}: {', '.join(said)}"] if said else []
    return rows


def _style(line: Line2D) -> tuple[str, str]:
    return to_hex(line.get_color()), str(line.get_marker())


def _spanned(axes: Axes, mark: Line2D, y: float) -> str:
    """Say from where to where the level line through a mark goes, and whether an arrow goes on from there."""
    for line in axes.lines:
        points = np.asarray(line.get_xydata(), dtype=float)
        through = len(points) == 2 and (points[:, 1] == y).all() and np.ptp(points[:, 0]) > 0
        if through and to_hex(line.get_color()) == to_hex(mark.get_color()):
            first, last = (_value(axes.xaxis, x) for x in points[:, 0])
            return f" (from {first} to {last}{_goes_on(axes, y)})"
    return _goes_on(axes, y)


def _goes_on(axes: Axes, y: float) -> str:
    arrows = [text for text in axes.texts if isinstance(text, Annotation) and text.arrow_patch and not text.get_text()]
    return " or beyond" if any(arrow.xyann[1] == y for arrow in arrows) else ""


def _listed(parts: Sequence[str]) -> str:
    rest = [f"{len(parts) - MOST} more"] if len(parts) > MOST else []
    return "; ".join([*parts[:MOST], *rest])


def _value(axis: Axis, value: float) -> str:
    """Write a value in the unit of its axis, in three digits; as the axis does where that writes words.

    What is nothing beside the length of the axis, up to rounding, is 0.
    """
    if abs(value) < NOTHING * abs(np.subtract(*axis.get_view_interval())):
        value = 0.0
    text = axis.get_major_formatter().format_data_short(value).strip()
    if power := POWER.fullmatch(text):
        return _short(10.0 ** float(power[1]))
    try:
        number = float(text.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        return _short(value) if not text or "$" in text else text
    return _short(number)


def _short(number: float) -> str:
    text = f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _plain(text: str) -> str:
    """Leave out line breaks and the signs of mathematics."""
    return re.sub(r"\s+", " ", re.sub(r"[${}\\]|mathdefault", "", text)).strip()
