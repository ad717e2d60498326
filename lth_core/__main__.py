"""The commands `lth run`, `check`, `init`, `compare` and `reference`; in a clone also as `python -m lth_core ...`."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lth_core
from lth_core.runtime import interruption
from lth_core.runtime.installation import DEFAULT, PACKAGE, RUN, is_clone, workflow_folder

KEYS_EXPLAINED = "docs/reference/config.md"
IN_A_CLONE = re.compile(
    r"^#     (CONFIG=\S+ make figures|make everything"
    r"|python -m snakemake --logger lth --configfile \S+(?P<options>.*))$",
    re.MULTILINE,
)
"""The command at the top of a ready-made config, which runs it in a clone."""


def check(files: Sequence[str]) -> int:
    """Print what is wrong with config files, merged, or with the networks that they name; returns 1 if anything is."""
    from lth_core.planning.configfile import ConfigError
    from lth_core.planning.plan import Plan
    from lth_core.planning.precheck import complaints, everything

    try:
        plan = Plan.read(files or [configured_here() or workflow_folder() / DEFAULT])
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    problems = complaints(plan, [*plan.config.tasks], everything(plan))
    for line in problems:
        print(line, file=sys.stderr)
    return int(bool(problems))


def run(files: Sequence[str], options: Sequence[str] = ()) -> int:
    """Become the Snakemake that runs the workflow on config files, in this folder; `options` are Snakemake's own."""
    from lth_core.planning.commandline import misused
    from lth_core.planning.configfile import ConfigError, read

    if importlib.util.find_spec("snakemake") is None:
        return refuse(f"{sys.executable} has no snakemake: install lth with it (in its clone: pip install .)")
    if problem := misused(options):
        return refuse(problem)
    files = files or [*filter(None, [configured_here()])]
    try:
        for file in files:
            read(file)  # Snakemake, which does so first, would not say which is broken, and where
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    if is_clone():  # Snakemake, for its jobs as well, looks for `--logger lth` where Python looks for modules
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    snakefile = str(workflow_folder() / "Snakefile")
    sys.argv[1:] = ["--logger", "lth", "--snakefile", snakefile, *(["--configfile", *files] if files else []), *options]
    sys.path.insert(0, str(Path.cwd()))  # as for `python -m snakemake`
    runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
    return 0  # which is not reached: Snakemake exits


def configured_here() -> str | None:
    """Return `config.yaml` where this folder has one."""
    return DEFAULT if Path(DEFAULT).exists() else None


def init(name: str | None) -> int:
    """Copy a ready-made config into this folder, to be edited and run; without a name, the default one.

    The default one comes with configs that are laid over it, unless this folder has one.
    """
    from lth_core.planning.configfile import is_laid_over_the_default
    from lth_core.registry import suggestion

    configs = ready_made()
    wanted = (name or "config").removeprefix("./").removeprefix("config/").removesuffix(".yaml")
    if wanted not in configs:
        known = f"{suggestion(wanted, configs)} (known: {', '.join(sorted(configs))})"
        return refuse(f"no ready-made config is called '{name}'{known}")
    source = configs[wanted]
    target = Path(source.name)
    if os.path.lexists(target):
        return refuse(f"{target} is here already: remove it, or work in another folder")
    files = [configs["config"], source] if is_laid_over_the_default(source) else [source]
    command = " ".join([RUN, *(file.name for file in files)])
    for file in files:
        if not Path(file.name).exists():
            try:
                with open(file.name, "x", encoding="utf-8") as copy:
                    copy.write(_begun(file.read_text(encoding="utf-8"), command))
            except OSError as error:  # a link that leads nowhere is one as well
                return refuse(f"{file.name} cannot be written ({error.strerror}): work in another folder")
            print(f"{file.name}: written")
    print(f"edit {target}, then: {command}")
    return 0


def _begun(text: str, command: str) -> str:
    """A ready-made config as it is copied: its schema where editors find it, and the command that runs the copy.

    Its keys are explained in the documents of a clone, and in the schema everywhere.
    """
    first, _, rest = text.partition("\n")
    modeline, _, _ = first.partition("$schema=")  # from which editors complete keys
    schema = workflow_folder() / "config" / "schema.json"
    rest = IN_A_CLONE.sub(lambda line: f"#     {command}{line['options'] or ''}", rest, count=1)
    explained = workflow_folder() / KEYS_EXPLAINED
    rest = rest.replace(KEYS_EXPLAINED, str(explained if explained.is_file() else schema))
    return f"{modeline}$schema={schema}\n{rest}"


def ready_made() -> dict[str, Path]:
    """Return the ready-made configs by name: the default one is `config`, `config/mnist.yaml` is `mnist`."""
    folder = workflow_folder()
    return {path.stem: path for path in [folder / DEFAULT, *(folder / "config").glob("*.yaml")]}


def reference(check: bool) -> int:
    """Write the reference of the config, which is part of the repository's documents, or only `check` it."""
    if not is_clone():
        return refuse("the reference is written in a clone of the repository; here, see `lth init` and its comments")
    from lth_core.planning import configdoc

    return configdoc.write(check)


def compare(results: Sequence[str], names: Sequence[str], output: str) -> int:
    """Write a page that shows what differs between two finished runs; returns 1 if they cannot be compared."""
    if len(names) > 2:
        return refuse(f"--config takes one name, or one for each of the two runs (got {len(names)})")
    from lth_core.compare.command import compare  # imports pandas and matplotlib, which no other command needs
    from lth_core.compare.runs import CompareError
    from lth_core.storage.errors import ArtifactError

    sys.path.insert(0, str(Path.cwd()))  # where a run's plugins lie
    try:
        print(compare(results, names, output))
    except (CompareError, ArtifactError) as error:
        return refuse(" ".join(str(error).split()))
    return 0


def refuse(reason: str) -> int:
    """Print one line; returns 1."""
    print(f"error: {reason}", file=sys.stderr)
    return 1


def command() -> None:
    """Be the command `lth`. What takes long to import is imported by the commands, once Ctrl-C is known."""
    interruption.stop_when_told()
    sys.exit(main())


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    words = [*(sys.argv[1:] if words is None else words)]
    options: list[str] = []
    if words[:1] == ["run"]:  # what begins with a dash, and all after it, is Snakemake's
        first = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
        if words[first : first + 1] not in (["-h"], ["--help"]):
            words, options = words[:first], words[first:]
    arguments = _parser().parse_args(words)
    match arguments.command:
        case "run":
            return run(arguments.files, options)
        case "check":
            return check(arguments.files)
        case "init":
            return init(arguments.name)
        case "compare":
            return compare(arguments.results, arguments.config, arguments.output)
    return reference(arguments.check)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lth", description=lth_core.__doc__)
    parser.add_argument("--version", action="version", version=f"lth {lth_core.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    files: dict[str, Any] = {
        "nargs": "*",
        "metavar": "FILE",
        "help": "config files; default: config.yaml here, or else lth's own",
    }
    started = commands.add_parser(
        "run",
        usage="lth run [FILE ...] [SNAKEMAKE OPTION ...]",
        help="run the workflow in this folder",
        description="Run the workflow in this folder: data/, results/ and reports/ lie here.",
        epilog="All from the first option on is passed to Snakemake: lth run my.yaml --cores 2 --dry-run",
    )
    started.add_argument("files", **files)
    checked = commands.add_parser(
        "check", help="check config files, later ones merged over earlier ones, and their networks"
    )
    checked.add_argument("files", **files)
    begun = commands.add_parser("init", help="copy a ready-made config into this folder, to edit and run it")
    begun.add_argument("name", nargs="?", metavar="NAME", help="mnist, graphs, ...; default: the config of digits")
    compared = commands.add_parser(
        "compare",
        help="write a page that shows what differs between two finished runs",
        description="Compare two finished runs: settings, verdicts, effects, curves. Nothing is computed anew.",
    )
    compared.add_argument(
        "results", nargs=2, metavar="RESULTS", help="the results folders of the first run and the second"
    )
    compared.add_argument(
        "--config", nargs="+", default=[], metavar="NAME", help="names of their configs, where a folder has several"
    )
    compared.add_argument("--output", default="compared", metavar="FOLDER", help="for index.html and claims.csv")
    written = commands.add_parser(
        "reference", help="in a clone: write the config's reference: docs/reference, config/schema.json"
    )
    written.add_argument("--check", action="store_true", help="write nothing; exit status 1 where it is out of date")
    return parser


if __name__ == "__main__":
    command()
