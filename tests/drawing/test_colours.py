"""Colours: roles and series are told apart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lth_core.drawing import colours
from lth_core.drawing.colours import ROLES, ramp, series


@pytest.mark.parametrize("count", [1, 8, 9, 30])
def test_any_number_of_series_have_colours_of_their_own(count: int):
    assert len(set(series(count))) == count


@pytest.mark.parametrize("count", [2, 6, 20])
def test_series_drawn_with_roles_have_other_colours(count: int):
    roles = ["ticket", "reinit"]
    chosen = series(count, besides=roles)
    assert len(set(chosen)) == count and not set(chosen) & {ROLES[role].colour for role in roles}


def test_no_colour_is_chosen_outside_the_module_of_colours():
    package = Path(colours.__file__).parent.parent
    modules = [*package.glob("drawing/*.py"), *package.glob("studies/**/*.py")]
    chosen = {path.name: re.findall(r'"#[0-9A-Fa-f]{6}"', path.read_text()) for path in modules}
    assert {name for name, named in chosen.items() if named} == {"colours.py"}


def test_every_role_has_its_own_colour_marker_and_label():
    for key in ("colour", "marker", "label"):
        assert len({getattr(style, key) for style in ROLES.values()}) == len(ROLES)
    assert len(set(ramp(6))) == 6
