"""Commands besides the pipeline: `python -m lth_core check FILE ...` and `python -m lth_core reference`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lth_core.planning import configdoc
from lth_core.planning.configfile import ConfigError
from lth_core.planning.plan import Plan
from lth_core.planning.precheck import complaint, everything


def check(files: Sequence[str]) -> int:
    """Print what is wrong with config files, merged, or with the networks that they name; returns 1 if anything is."""
    try:
        plan = Plan.read(files)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    problem = complaint(plan, [*plan.config.tasks], everything(plan))
    if problem:
        print(problem.removeprefix("error: "), file=sys.stderr)
    return int(problem is not None)


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m lth_core")
    commands = parser.add_subparsers(dest="command", required=True)
    checked = commands.add_parser(
        "check", help="check config files, later ones merged over earlier ones, and their networks"
    )
    checked.add_argument("files", nargs="*", default=["config.yaml"], metavar="FILE", help="default: config.yaml")
    reference = commands.add_parser(
        "reference", help="write the config's reference: docs/reference, config/schema.json"
    )
    reference.add_argument("--check", action="store_true", help="write nothing; exit status 1 where it is out of date")
    arguments = parser.parse_args(words)
    return check(arguments.files) if arguments.command == "check" else configdoc.write(arguments.check)


if __name__ == "__main__":
    sys.exit(main())
