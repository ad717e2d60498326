"""What is wrong with the options of `lth run` that Snakemake passes over in silence, or takes for something else."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from lth_core.registry import suggestion
from lth_core.runtime.installation import workflow_folder

PROFILES = "profiles"


class OptionError(ValueError):
    """What Snakemake's parser says of options that it cannot read."""


def misused(options: Sequence[str]) -> str | None:
    """Say in one line what is wrong with options for Snakemake, or None. What Snakemake says well is left to it."""
    cli: Any = import_module("snakemake.cli")  # `run`, which becomes Snakemake, alone needs it
    parser = cli.get_argument_parser()
    parser.error = _refuse  # which would write a hundred lines of usage first
    try:
        parsed = parser.parse_args([*options])
    except OptionError as error:
        unknown = [word.partition("=")[0] for word in str(error).split() if word.startswith("--")]
        near = suggestion(unknown[0], parser._option_string_actions, cutoff=0.7) if unknown else ""
        return f"{error}{near}"
    except Exception:  # Snakemake, which parses them next, says what is wrong
        return None
    return _config_file(parsed, options) or _workflow_profile(parsed) or _profile(parsed, cli.get_profile_dir)


def _refuse(message: str) -> None:
    raise OptionError(" ".join(message.split()))


def _config_file(parsed: Any, options: Sequence[str]) -> str | None:
    """A config file among the options, which Snakemake takes for a file to make, or for a key of the config."""
    words = [*parsed.targets, *(word for word in parsed.config or () if "=" not in word)]
    for word in words:
        if word.endswith((".yaml", ".yml")) and os.path.isfile(word):
            others = shlex.join(option for option in options if option != word)
            return f"{word}: config files come before all options: lth run {shlex.quote(word)} {others}"
    return None


def _workflow_profile(parsed: Any) -> str | None:
    """A profile that is nowhere: Snakemake would run without one, and thus on this machine."""
    name = parsed.workflow_profile
    if not name or name == "none" or any((folder / name).exists() for folder in (Path(), *_folders())):
        return None
    known = _names()
    advice = suggestion(name, known) or f" (known: {', '.join(known)})"
    return f"--workflow-profile {name}: there is no such profile{advice}"


def _profile(parsed: Any, get_profile_dir: Callable[[str], object]) -> str | None:
    """A profile that is not among the user's or this machine's."""
    for name in parsed.profile or ():
        if name not in ("", "none") and not get_profile_dir(name):
            advice = f"those of the workflow are chosen by --workflow-profile: {', '.join(_names())}"
            return f"--profile {name}: there is no such profile; {advice}"
    return None


def _folders() -> Iterable[Path]:
    """The folders of a workflow's profiles, as Snakemake looks for them: here, and beside the Snakefile."""
    return Path(PROFILES), workflow_folder() / PROFILES


def _names() -> list[str]:
    return sorted({path.name for folder in _folders() if folder.is_dir() for path in folder.iterdir()})
