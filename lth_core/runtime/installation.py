"""Where the workflow lies: beside the package in a clone, inside the package where pip installed it."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
DEFAULT = "config.yaml"
"""The default config, in the folder of the Snakefile."""


def workflow_folder(package: Path = PACKAGE) -> Path:
    """Return the folder of the Snakefile, with `config.yaml`, `config/`, `profiles/` and `workflow/`."""
    clone = package.parent
    return clone if (clone / "Snakefile").is_file() else package / "pipeline"


def is_clone(package: Path = PACKAGE) -> bool:
    """Tell whether the package is used from a clone of the repository, with its documents beside it."""
    return workflow_folder(package) == package.parent and (package.parent / "pyproject.toml").is_file()


RUN = "python -m lth_core run" if is_clone() else "lth run"
"""The command that runs the workflow."""


def missing_package(package: str, extra: str, error: ImportError) -> str:
    """Say in one line that an optional package cannot be imported, and which command installs those of `extra`."""
    missing = isinstance(error, ModuleNotFoundError) and error.name == package
    problem = "is missing" if missing else f"cannot be imported ({' '.join(str(error).split())})"
    in_clone, installed = f"make {extra} (without make: pip install -r requirements-{extra}.txt)", f"'lth[{extra}]'"
    return f"the package {package} {problem}: install it with {in_clone if is_clone() else f'pip install {installed}'}"
