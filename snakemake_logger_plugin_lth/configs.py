"""Config files that Snakemake cannot read: it does so before all else, and says neither which nor where."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def unreadable(words: Sequence[str]) -> str | None:
    """Say in one line which config file that a command line of Snakemake names cannot be read, and why, if any."""
    from lth_core.planning.configfile import ConfigError, read  # takes long to import

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", default=[])
    try:
        for file in parser.parse_known_args(words)[0].configfile:
            read(file)
    except ConfigError as error:
        return str(error)
    return None
